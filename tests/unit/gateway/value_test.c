#include "config/value.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct values {
    const char *text;
    const char *const *list;
    int64_t number;
    uint64_t bytes;
    uint32_t word;
};

static struct values values;
static struct memory_pool pool;

static void clean_up(void)
{
    memory_pool_fini(&pool);
}

static struct leat_option row(uint16_t type, int64_t min, int64_t max)
{
    const uint32_t offset =
        (uint32_t)(type == LEAT_OPTION_TEXT || type == LEAT_OPTION_PATH      ? offsetof(struct values, text)
                   : type == LEAT_OPTION_LIST                                ? offsetof(struct values, list)
                   : type == LEAT_OPTION_SIZE                                ? offsetof(struct values, bytes)
                   : type == LEAT_OPTION_INT || type == LEAT_OPTION_DURATION ? offsetof(struct values, number)
                                                                             : offsetof(struct values, word));
    return (struct leat_option){.size = sizeof(struct leat_option),
                                .type = type,
                                .name = "it",
                                .choices = "drop|wait|grow",
                                .min = min,
                                .max = max,
                                .offset = offset};
}

/* NULL when it is taken, else the sentence. */
static const char *parse(uint16_t type, int64_t min, int64_t max, const char *text)
{
    static char sentence[512];
    const struct leat_option option = row(type, min, max);
    char *problem = value_parse(&option, text, "/etc/leat", &values, &pool);
    if (problem == NULL)
        return NULL;
    snprintf(sentence, sizeof(sentence), "%s", problem);
    free(problem);
    return sentence;
}

/* ---- what is taken ----------------------------------------------------------------------------------------------- */

Test(value, reads_sizes_with_their_units, .fini = clean_up)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } sizes[] = {{"0", 0},      {"7B", 7},        {"64KiB", 65536},    {"4 MiB", 4 << 20}, {"1GiB", 1 << 30},
                 {"2kB", 2000}, {"3MB", 3000000}, {"1GB", 1000000000}, {"010B", 10},       {"0KiB", 0}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        cr_expect_null(parse(LEAT_OPTION_SIZE, 0, 0, sizes[i].text), "%s", sizes[i].text);
        cr_expect_eq(values.bytes, sizes[i].bytes, "%s", sizes[i].text);
    }
}

Test(value, reads_durations_with_their_units, .fini = clean_up)
{
    static const struct {
        const char *text;
        int64_t ns;
    } durations[] = {{"0", 0},           {"5ns", 5},           {"5us", 5000},         {"500ms", 500000000},
                     {"5s", 5000000000}, {"2m", 120000000000}, {"1h", 3600000000000}, {"forever", -1}};
    for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++) {
        cr_expect_null(parse(LEAT_OPTION_DURATION, 0, 0, durations[i].text), "%s", durations[i].text);
        cr_expect_eq(values.number, durations[i].ns, "%s", durations[i].text);
    }
}

Test(value, reads_every_word_for_yes_and_no, .fini = clean_up)
{
    static const char *const yes[] = {"yes", "true", "on", "ON"}, *const no[] = {"no", "false", "off", "No"};
    for (size_t i = 0; i < 4; i++) {
        values.word = 9;
        cr_expect_null(parse(LEAT_OPTION_BOOL, 0, 0, yes[i]));
        cr_expect_eq(values.word, 1, "%s", yes[i]);
        cr_expect_null(parse(LEAT_OPTION_BOOL, 0, 0, no[i]));
        cr_expect_eq(values.word, 0, "%s", no[i]);
    }
}

Test(value, reads_whole_numbers_within_their_bounds, .fini = clean_up)
{
    cr_assert_null(parse(LEAT_OPTION_INT, 0, 0, "-42"));
    cr_assert_eq(values.number, -42);
    cr_assert_null(parse(LEAT_OPTION_INT, 1, 64, "010"));
    cr_assert_eq(values.number, 10, "a leading zero is not octal");
    cr_assert_null(parse(LEAT_OPTION_INT, 1, 64, "64"));
    cr_assert_null(parse(LEAT_OPTION_INT, 1, 64, "1"));
    cr_assert_null(parse(LEAT_OPTION_INT, 0, 0, "9223372036854775807"));
}

Test(value, reads_lists_choices_modes_text_and_paths, .fini = clean_up)
{
    cr_assert_null(parse(LEAT_OPTION_LIST, 0, 0, " a , b c,d"));
    cr_assert_str_eq(values.list[0], "a");
    cr_assert_str_eq(values.list[1], "b c");
    cr_assert_str_eq(values.list[2], "d");
    cr_assert_null(values.list[3]);
    cr_assert_null(parse(LEAT_OPTION_LIST, 0, 0, ""));
    cr_assert_null(values.list[0]);
    cr_assert_null(parse(LEAT_OPTION_CHOICE, 0, 0, "grow"));
    cr_assert_eq(values.word, 2);
    cr_assert_null(parse(LEAT_OPTION_MODE, 0, 0, "0640"));
    cr_assert_eq(values.word, 0640);
    cr_assert_null(parse(LEAT_OPTION_TEXT, 0, 0, ""));
    cr_assert_str_empty(values.text);
    cr_assert_null(parse(LEAT_OPTION_PATH, 0, 0, "tls/key.pem"));
    cr_assert_str_eq(values.text, "/etc/leat/tls/key.pem");
    cr_assert_null(parse(LEAT_OPTION_PATH, 0, 0, "/run/x"));
    cr_assert_str_eq(values.text, "/run/x");
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

struct wrong {
    uint16_t type;
    int64_t min, max;
    char text[40], sentence[120];
};

ParameterizedTestParameters(value, says_what_was_expected)
{
    static struct wrong wrongs[] = {
        {LEAT_OPTION_SIZE, 0, 0, "64", "a size needs a unit; write 64B, 64KiB or 64MiB"},
        {LEAT_OPTION_SIZE, 0, 0, "64KB", "unknown unit 'KB'; write KiB (1024 bytes) or kB (1000 bytes)"},
        {LEAT_OPTION_SIZE, 0, 0, "64kib", "unknown unit 'kib'; did you mean 'KiB'?"},
        {LEAT_OPTION_SIZE, 0, 0, "64 parsecs",
         "unknown unit 'parsecs'; expected a size such as 64KiB or 4MiB (units: B KiB MiB GiB, kB MB GB)"},
        {LEAT_OPTION_SIZE, 0, 0, "-1B", "expected a size such as 64KiB or 4MiB (units: B KiB MiB GiB, kB MB GB)"},
        {LEAT_OPTION_SIZE, 0, 0, "", "expected a size such as 64KiB or 4MiB (units: B KiB MiB GiB, kB MB GB)"},
        {LEAT_OPTION_SIZE, 0, 0, "9223372036854775807KiB", "this size is too large"},
        {LEAT_OPTION_SIZE, 0, 0, "99999999999999999999B",
         "expected a size such as 64KiB or 4MiB (units: B KiB MiB GiB, kB MB GB)"},
        {LEAT_OPTION_SIZE, 65536, 1 << 30, "1KiB", "expected 64KiB to 1GiB"},
        {LEAT_OPTION_SIZE, 1, INT64_MAX, "0", "expected at least 1B"},
        {LEAT_OPTION_DURATION, 0, 0, "5", "a duration needs a unit; write 5ms, 5s or 5m"},
        {LEAT_OPTION_DURATION, 0, 0, "1.5s",
         "expected a whole number with a smaller unit, such as 500ms or 5s (units: ns us ms s m h)"},
        {LEAT_OPTION_DURATION, 0, 0, "5sec",
         "unknown unit 'sec'; expected a duration such as 500ms or 5s (units: ns us ms s m h)"},
        {LEAT_OPTION_DURATION, 0, 0, "5MS", "unknown unit 'MS'; did you mean 'ms'?"},
        {LEAT_OPTION_DURATION, 1000000, 3600000000000, "forever", "expected 1ms to 1h"},
        {LEAT_OPTION_DURATION, 0, 0, "soon", "expected a duration such as 500ms or 5s (units: ns us ms s m h)"},
        {LEAT_OPTION_INT, 0, 0, "12abc", "expected a whole number"},
        {LEAT_OPTION_INT, 0, 0, "abc", "expected a whole number"},
        {LEAT_OPTION_INT, 0, 0, "99999999999999999999", "expected a whole number"},
        {LEAT_OPTION_INT, 1, 64, "65", "expected 1 to 64"},
        {LEAT_OPTION_INT, INT64_MIN, 5, "6", "expected at most 5"},
        {LEAT_OPTION_BOOL, 0, 0, "yellow", "expected yes or no (or true, false, on, off)"},
        {LEAT_OPTION_BOOL, 0, 0, "1", "expected yes or no (or true, false, on, off)"},
        {LEAT_OPTION_CHOICE, 0, 0, "wiat", "expected drop, wait or grow; did you mean 'wait'?"},
        {LEAT_OPTION_CHOICE, 0, 0, "", "expected drop, wait or grow"},
        {LEAT_OPTION_CHOICE, 0, 0, "drop|wait", "expected drop, wait or grow"},
        {LEAT_OPTION_LIST, 0, 0, "a,,b", "an empty item in this list; expected items with one comma between them"},
        {LEAT_OPTION_LIST, 0, 0, "a,", "an empty item in this list; expected items with one comma between them"},
        {LEAT_OPTION_MODE, 0, 0, "8", "expected permission bits as octal digits, such as 0600 or 0660"},
        {LEAT_OPTION_MODE, 0, 0, "04755", "expected permission bits as octal digits, such as 0600 or 0660"},
        {LEAT_OPTION_PATH, 0, 0, "", "expected a path"},
    };
    return cr_make_param_array(struct wrong, wrongs, sizeof(wrongs) / sizeof(*wrongs));
}

ParameterizedTest(struct wrong *wrong, value, says_what_was_expected, .fini = clean_up)
{
    memset(&values, 0x5a, sizeof(values));
    const struct values before = values;
    const char *sentence = parse(wrong->type, wrong->min, wrong->max, wrong->text);
    cr_assert_not_null(sentence, "'%s' was taken", wrong->text);
    cr_expect_str_eq(sentence, wrong->sentence);
    cr_expect_eq(memcmp(&before, &values, sizeof(values)), 0, "a refused value changes nothing");
}
