#include "config/ini_load.h"

#include "support_config.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static struct ini ini;
static struct problems problems;

static const char *read_text(const char *text)
{
    ini_load_bytes(&ini, text, strlen(text), "f", &problems);
    return problems_text(&problems);
}

static void clean_up(void)
{
    ini_fini(&ini);
    problems_fini(&problems);
}

static const char *value_of(const char *section, const char *key)
{
    const struct ini_entry *entry = ini_find(&ini, section, key);
    return entry != NULL ? entry->value : NULL;
}

Test(ini, reads_sections_keys_and_values_with_their_lines, .fini = clean_up)
{
    cr_assert_str_empty(read_text("# comment\n[gateway]\nname = edge-1\n\n[bridge.quotes]\n  listen=tcp://a:1 \n"));
    cr_assert_str_eq(value_of("gateway", "name"), "edge-1");
    cr_assert_str_eq(value_of("bridge.quotes", "listen"), "tcp://a:1");
    cr_assert_eq(ini_find(&ini, "bridge.quotes", "listen")->line, 6);
    cr_assert_eq(ini_find_section(&ini, "bridge.quotes")->line, 5);
}

Test(ini, takes_a_comment_that_has_a_blank_before_it, .fini = clean_up)
{
    cr_assert_str_empty(read_text("[a]\nb = c ; comment\nd = e\t# comment = 1\n; [z]\n"));
    cr_assert_str_eq(value_of("a", "b"), "c");
    cr_assert_str_eq(value_of("a", "d"), "e");
}

Test(ini, keeps_what_quotes_protect, .fini = clean_up)
{
    cr_assert_str_empty(read_text("[a]\nb = \" x;y#z \" ; c\nd = 'it \"is\"'\ne = \"\"\nf = ''\n"));
    cr_assert_str_eq(value_of("a", "b"), " x;y#z ");
    cr_assert_str_eq(value_of("a", "d"), "it \"is\"");
    cr_assert_str_eq(value_of("a", "e"), "");
    cr_assert_str_eq(value_of("a", "f"), "");
}

Test(ini, joins_indented_continuations, .fini = clean_up)
{
    cr_assert_str_empty(read_text("[a]\nb = tcp://x:1, \\\n    ws://y/?q=1,\\\n\tz\nc = 1\n"));
    cr_assert_str_eq(value_of("a", "b"), "tcp://x:1,     ws://y/?q=1,\tz");
    cr_assert_eq(ini_find(&ini, "a", "b")->line, 2);
    cr_assert_eq(ini_find(&ini, "a", "c")->line, 5);
}

Test(ini, reads_files_with_carriage_returns_and_without_a_last_newline, .fini = clean_up)
{
    cr_assert_str_empty(read_text("[a]\r\nb = c\r\nd = e"));
    cr_assert_str_eq(value_of("a", "b"), "c");
    cr_assert_str_eq(value_of("a", "d"), "e");
}

Test(ini, reads_empty_values_and_values_with_equals_signs, .fini = clean_up)
{
    cr_assert_str_empty(read_text("[a]\nb =\nc = d=e\nf==g\n"));
    cr_assert_str_eq(value_of("a", "b"), "");
    cr_assert_str_eq(value_of("a", "c"), "d=e");
    cr_assert_str_eq(value_of("a", "f"), "=g");
}

Test(ini, takes_the_longest_line_that_iniparser_takes_and_no_longer_one, .fini = clean_up)
{
    char text[2048];
    snprintf(text, sizeof(text), "[a]\nb = %01018d\n", 7);
    cr_assert_str_empty(read_text(text));
    clean_up();
    snprintf(text, sizeof(text), "[a]\nb = %01019d\n", 7);
    cr_assert_str_eq(read_text(text),
                     "f:2: this line is too long: 1023 bytes with its continuations, at most 1022 are read\n");
}

Test(ini, reports_a_nul_byte, .fini = clean_up)
{
    static const char text[] = "[a]\nb = c\0d\n";
    ini_load_bytes(&ini, text, sizeof(text) - 1, "f", &problems);
    cr_assert_str_eq(problems_text(&problems), "f:2: a NUL byte: this is not a text file\n");
}

Test(ini, goes_on_after_a_mistake_and_reports_all_of_them, .fini = clean_up)
{
    cr_assert_str_eq(read_text("[a]\nnonsense\nb = 1\nb = 2\n[]\nc = 3\n[d]\ne = f#g\n"),
                     "f:2: expected key = value or [section], found 'nonsense'\n"
                     "f:4: [a] b is here a second time; the first is in line 3\n"
                     "f:5: a section needs a name: [gateway] or [bridge.NAME]\n"
                     "f:8: [d] e: '#' starts a comment here and leaves only 'f'; put the value in double quotes, or a "
                     "blank before a comment\n");
    cr_assert_str_eq(value_of("a", "b"), "1");
    cr_assert_null(value_of("a", "c"), "a key of a section without a name belongs to nobody");
    cr_assert(ini_find(&ini, "d", "e")->doubtful);
}

/* ---- the silent traps -------------------------------------------------------------------------------------------- */

struct trap {
    char text[64], problem[128]; /* the problem's beginning */
};

ParameterizedTestParameters(ini, says_what_iniparser_would_do_silently)
{
    static struct trap traps[] = {
        {"[a]\nu = ws://h/p#frag\n", "f:2: [a] u: '#' starts a comment here and leaves only 'ws://h/p';"},
        {"[a]\np = a;b\n", "f:2: [a] p: ';' starts a comment here and leaves only 'a';"},
        {"[a]\np = #topic\n", "f:2: [a] p: '#' starts a comment here and leaves only '';"},
        {"[a]\np = say \"x ; y\"\n", "f:2: [a] p: ';' starts a comment here and leaves only 'say \"x';"},
        {"[a]\np = \"open\n", "f:2: [a] p: the closing \" is missing"},
        {"[a]\np = \"\n", "f:2: [a] p: the closing \" is missing"},
        {"[a]\np = \"x\" y\n", "f:2: [a] p: 'y' after the closing \" would be lost;"},
        {"[a]\np = 'it''s'\n", "f:2: [a] p: ''s'' after the closing ' would be lost;"},
        {"[a]\np = \"a\\\"b\"\n", "f:2: [a] p: no backslash inside quotes:"},
        {"[a] ; note\n", "f:1: nothing may follow [a] on its line;"},
        {"[a]\n[b] ; x=1\n", "f:2: nothing may follow [b] on its line;"},
        {"[a]\n[]\n", "f:2: a section needs a name:"},
        {"[ a ]\n", "f:1: no blanks inside the brackets: write [a]"},
        {"[a\n", "f:1: this section has no ']'; write [name]"},
        {"[bridge:a]\n", "f:1: a section's name has no ':'; write [bridge.a] instead of [bridge:a]"},
        {"[Bridge.A]\n", "f:1: a section is written in lower case: 'bridge.a'"},
        {"[a b]\n", "f:1: a section is named with at most 128 letters,"},
        {"[a]]\n", "f:1: nothing may follow [a] on its line;"},
        {"[a]\nKey = 1\n", "f:2: [a] key: a key is written in lower case: 'key'"},
        {"[a]\nb c = 1\n", "f:2: a key is named with at most 128 letters,"},
        {"[a]\n= 1\n", "f:2: expected a key before '='"},
        {"[a]\nk: v\n", "f:2: expected key = value; write 'k = v'"},
        {"k = v\n", "f:1: 'k' stands before the first [section]"},
        {"[a]\nk = 1\n[a]\n", "f:3: [a] is here a second time; the first is in line 1"},
        {"[a]\np = C:\\dir\\\nq = 1\n", "f:3: line 2 ends in '\\', so this line continues it;"},
        {"[a]\np = x\\\n", "f:2: the file ends after a '\\' that continues this line;"},
        {"[a]\n# c \\\n d\n", "f:2: this comment ends in '\\' and swallows the next line;"},
        {"\xef\xbb\xbf[a]\n", "f:1: the file starts with a byte order mark;"},
        {"[a]\nb = c\x01\n", "f:2: a control character in this line; remove it"},
        {"[a]\nb = c\rd\n", "f:2: a control character in this line; remove it"},
        {"[a]\nx", "f:2: expected key = value or [section], found 'x'"},
    };
    return cr_make_param_array(struct trap, traps, sizeof(traps) / sizeof(*traps));
}

ParameterizedTest(struct trap *trap, ini, says_what_iniparser_would_do_silently, .fini = clean_up)
{
    const char *found = read_text(trap->text);
    cr_expect_eq(strncmp(found, trap->problem, strlen(trap->problem)), 0, "%s: found %s", trap->problem, found);
    cr_expect_eq(problems.count, 1, "%s", found);
}

Test(ini, says_why_a_file_cannot_be_read, .fini = clean_up)
{
    cr_assert_lt(ini_load(&ini, "/nonexistent/x.ini", &problems), 0);
    cr_assert_lt(ini_load(&ini, "/tmp", &problems), 0);
    cr_assert_str_eq(problems_text(&problems), "/nonexistent/x.ini: cannot be read: No such file or directory\n"
                                               "/tmp: cannot be read: Is a directory\n");
}
