/* The promise behind the scanner: what it accepts, iniparser reads the same. Random files of INI-like pieces, from fixed seeds;
 * ini_load_bytes compares both views and calls a difference an internal error. */
#include "config/ini_load.h"

#include "support_config.h"

#include <criterion/criterion.h>

#define FILES 200000
#define FILE_BYTES 4096

static uint64_t state;

static uint64_t draw(uint64_t below)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

/* '@' is replaced by a letter that is different in each line, so that names do not repeat. */
static const char *const right[] = {"[@]\n",
                                    "[b.@]\n",
                                    "[@]\r\n",
                                    "k@ = v\n",
                                    "@=w\n",
                                    " m@ = x y\n",
                                    "n@ =\n",
                                    "@ = \"q r\"\n",
                                    "p.@ = 'it'\n",
                                    "q@ = \"\"\n",
                                    "# z\n",
                                    "; y\n",
                                    "\n",
                                    "   \n",
                                    "@ = a, \\\n b\n",
                                    "s@ = v ; c\n",
                                    "t@ = v # c\n",
                                    "u@ = a=b\n",
                                    "@ = 'a;b'\n",
                                    "w@ = \"a#b\"; c\n",
                                    "@ = =\n",
                                    "\ty@ = z \t\n",
                                    "@ = a\\b\n",
                                    "k2@ = \xc3\xa4\n",
                                    "k3@ = '' # 'x'\n",
                                    "@ = a \"b\" c\n",
                                    "@ = \" ' \"\n"};
static const char *const pieces[] = {
    "[", "]", "=", ";", "#",     "\"",    "'",   "\\",   "\n",    "\n",       " ",    "\t", "\r", "a",    "b",  "k",
    "Z", ".", ":", ",", "[a]\n", "k = v", " = ", "\\\n", "\\\n ", "\xc3\xa4", "\x01", "$",  "''", "\"\"", "x-", "="};

static size_t put(char *text, size_t len, const char *piece, char letter)
{
    for (; *piece != '\0' && len < FILE_BYTES; piece++)
        text[len++] = *piece == '@' ? letter : *piece;
    return len;
}

static size_t put_noise(char *text, size_t len, uint64_t count)
{
    for (; count > 0; count--)
        len = put(text, len, pieces[draw(sizeof(pieces) / sizeof(*pieces))], 'n');
    return len;
}

/* Lines that are right, with noise after some of them, a byte changed in place, or a very long line. */
static size_t make_file(char *text)
{
    const uint64_t noise = draw(3), lines = 1 + draw(20);
    size_t len = put(text, 0, "[s]\n", 's');
    for (uint64_t line = 0; line < lines; line++) {
        len = put(text, len, right[draw(sizeof(right) / sizeof(*right))], (char)('a' + line));
        if (noise == 1 && draw(lines) == 0)
            len = put_noise(text, len, 1 + draw(3));
    }
    if (noise == 2)
        text[draw(len)] = (char)draw(256);
    if (draw(100) == 0) {
        len = put(text, len, "\nlong = ", 'l');
        for (uint64_t wide = 1000 + draw(30); wide > 0; wide--)
            len = put(text, len, "x", 'x');
    }
    return len;
}

struct tally {
    unsigned accepted, entries, refused, different;
};

static void try_file(const char *text, size_t len, struct tally *tally)
{
    struct ini ini = {0};
    struct problems problems = {0};
    ini_load_bytes(&ini, text, len, "f", &problems);
    for (size_t i = 0; i < problems.count; i++) {
        if (strncmp(problems.items[i].text, "internal error", 14) == 0) {
            tally->different++;
            cr_log_error("%s\n----\n%.*s----\n", problems.items[i].text, (int)len, text);
        }
    }
    if (problems.count == 0) {
        tally->accepted++;
        tally->entries += (unsigned)ini.entry_count;
    } else {
        tally->refused++;
    }
    ini_fini(&ini);
    problems_fini(&problems);
}

Test(ini_fuzz, what_the_scanner_accepts_iniparser_reads_the_same, .timeout = 100)
{
    char *text = malloc(FILE_BYTES);
    struct tally tally = {0};
    for (unsigned i = 0; i < FILES; i++) {
        state = i;
        try_file(text, make_file(text), &tally);
    }
    free(text);
    cr_log_info("%u files accepted with %u entries, %u refused\n", tally.accepted, tally.entries, tally.refused);
    cr_expect_eq(tally.different, 0);
    cr_expect_gt(tally.accepted, FILES / 4, "the generator must make files that are accepted: %u", tally.accepted);
    cr_expect_gt(tally.refused, FILES / 10);
}
