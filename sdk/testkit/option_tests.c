/* Options: their bounds, any text in them, and what check() makes of it. */
#include "config/value.h"
#include "subject.h"
#include "tests.h"
#include "traces.h"
#include "ways.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_ROUNDS 3000
#define VALUE_BYTES 128

static const struct leat_plugin *table(void)
{
    return &test_subject.plugin.table;
}

/* ---- what there is to try -------------------------------------------------------------------------------------------- */

/* A number as the type is written. */
static void write_number(const struct leat_option *row, int64_t number, char text[VALUE_BYTES])
{
    const char *unit = row->type == LEAT_OPTION_SIZE ? "B" : row->type == LEAT_OPTION_DURATION ? "ns" : "";
    if (row->type == LEAT_OPTION_DURATION && number == -1)
        snprintf(text, VALUE_BYTES, "forever");
    else
        snprintf(text, VALUE_BYTES, "%" PRId64 "%s", number, unit);
}

static bool is_number(const struct leat_option *row)
{
    return row->type == LEAT_OPTION_INT || row->type == LEAT_OPTION_SIZE || row->type == LEAT_OPTION_DURATION;
}

static bool has_range(const struct leat_option *row)
{
    return is_number(row) && (row->min != 0 || row->max != 0);
}

/* The extremes of an option: for each, one of up to VALUES texts. False past the last. */
static bool extreme(const struct leat_option *row, unsigned number, char text[VALUE_BYTES])
{
    int64_t least = has_range(row) ? row->min : row->type == LEAT_OPTION_INT ? -INT64_MAX : 0;
    int64_t most = has_range(row) ? row->max : INT64_MAX;
    if (is_number(row) && number < 2) {
        write_number(row, number == 0 ? least : most, text);
    } else if (is_number(row) && number == 2 && !has_range(row) && row->type == LEAT_OPTION_DURATION) {
        snprintf(text, VALUE_BYTES, "forever");
    } else if (row->type == LEAT_OPTION_BOOL && number < 2) {
        snprintf(text, VALUE_BYTES, "%s", number == 0 ? "no" : "yes");
    } else if (row->type == LEAT_OPTION_CHOICE) {
        const char *choice = row->choices;
        for (; number > 0 && *choice; number--)
            choice += strcspn(choice, "|") + (choice[strcspn(choice, "|")] == '|');
        snprintf(text, VALUE_BYTES, "%.*s", (int)strcspn(choice, "|"), choice);
        return *choice != '\0';
    } else {
        return false;
    }
    return true;
}

static bool is_taken(const struct leat_option *row, const char *text, struct options *options)
{
    const char *const more[] = {row->name, text, NULL};
    char problem[512] = "";
    return subject_options(options, more, problem, sizeof problem);
}

static bool is_refused(const struct leat_option *row, const char *text)
{
    struct options options;
    bool taken = is_taken(row, text, &options);
    options_fini(&options);
    return !taken;
}

/* ---- the tests ------------------------------------------------------------------------------------------------------- */

static bool is_option(const char *name)
{
    for (uint32_t i = 0; i < table()->option_count; i++)
        if (strcmp(table()->options[i].name, name) == 0)
            return true;
    return false;
}

static void defaults_are_accepted(void)
{
    const void *values = subject_values();
    unsigned way = ways_accepted(0, values);
    if (way < ways()->count())
        return;
    struct subject_heard heard = subject_heard();
    for (way = 0; way < ways()->count() && !is_option(heard.blame_option);
         way++) { /* rather than a key of the bridge */
        ways_check(way, values);
        heard = subject_heard();
    }
    test_fail(
        "check() refuses its own defaults in every way: it blames '%s' (%s); --set OPTION=VALUE gives what it needs",
        heard.blame_option, heard.blame);
}

static void require_range(const struct leat_option *row)
{
    char inside[VALUE_BYTES];
    test_require(row->min <= row->max, "the range of '%s' is empty: %" PRId64 " to %" PRId64, row->name, row->min,
                 row->max);
    test_require(row->type != LEAT_OPTION_SIZE || row->min >= 0, "the range of '%s' begins below 0 bytes", row->name);
    for (unsigned end = 0; end < 2; end++) {
        write_number(row, end == 0 ? row->min : row->max, inside);
        test_require(!is_refused(row, inside), "'%s' does not take %s, an end of its range", row->name, inside);
    }
}

static void bounds_hold(void)
{
    char outside[VALUE_BYTES];
    for (uint32_t i = 0; i < table()->option_count; i++) {
        const struct leat_option *row = &table()->options[i];
        if (!has_range(row))
            continue;
        require_range(row);
        write_number(row, row->min == INT64_MIN ? row->min : row->min - 1, outside);
        test_require(row->min == INT64_MIN || is_refused(row, outside), "'%s' takes %s, below its range", row->name,
                     outside);
        write_number(row, row->max == INT64_MAX ? row->max : row->max + 1, outside);
        test_require(row->max == INT64_MAX || is_refused(row, outside), "'%s' takes %s, above its range", row->name,
                     outside);
    }
}

static void wrong_text_is_refused(void)
{
    static const char *const wrong[][4] = {[LEAT_OPTION_BOOL] = {"", "2", "maybe", "yes no"},
                                           [LEAT_OPTION_INT] = {"", "many", "1.5", "1s"},
                                           [LEAT_OPTION_SIZE] = {"", "4096", "1s", "-1B"},
                                           [LEAT_OPTION_DURATION] = {"", "100", "1KiB", "-1s"},
                                           [LEAT_OPTION_CHOICE] = {"", "no such choice", "|", "%s"},
                                           [LEAT_OPTION_LIST] = {"", ",", "a,,b", "a,"},
                                           [LEAT_OPTION_PATH] = {"", "", "", ""},
                                           [LEAT_OPTION_MODE] = {"", "0888", "rw-", "77777"}};
    for (uint32_t i = 0; i < table()->option_count; i++) {
        const struct leat_option *row = &table()->options[i];
        for (unsigned k = 0; row->type != LEAT_OPTION_TEXT && k < 4; k++)
            test_require(is_refused(row, wrong[row->type][k]), "'%s' takes '%s'", row->name, wrong[row->type][k]);
    }
}

static void try_value(const struct leat_option *row, const char *text)
{
    struct options options;
    if (is_taken(row, text, &options)) {
        for (unsigned way = 0; way < ways()->count(); way++)
            if (ways_check(way, options.values) == 0)
                ways()->start(way, options.values);
    }
    options_fini(&options);
}

/* What the table allows and check() accepts must not crash a start: a bound is missing otherwise. */
static void extremes_are_survived(void)
{
    char text[VALUE_BYTES];
    for (unsigned way = 0; way < ways()->count(); way++)
        ways()->prepare(way);
    for (uint32_t i = 0; i < table()->option_count; i++) {
        for (unsigned k = 0; extreme(&table()->options[i], k, text); k++) {
            snprintf(test_notes->trying, sizeof test_notes->trying, "%s = %s", table()->options[i].name, text);
            try_value(&table()->options[i], text);
        }
    }
}

/* ---- any text -------------------------------------------------------------------------------------------------------- */

/* Text that is nearly right, mostly. */
static void random_text(uint64_t *state, char text[4096])
{
    static const char *const pieces[] = {"0",       "1",
                                         "-1",      "9223372036854775807",
                                         "KiB",     "s",
                                         "forever", "yes",
                                         "%c",      "%s",
                                         "%n",      ",",
                                         "/",       "..",
                                         "://",     "*",
                                         "\\",      "\"",
                                         " ",       "\t",
                                         "é",       "\xff",
                                         ":",       "[::1]",
                                         "0600",    "aaaaaaaaaaaaaaaa",
                                         "root",    "localhost",
                                         ".",       "="};
    size_t count = sizeof pieces / sizeof pieces[0], used = 0, parts = test_random(state) % 6;
    if (test_random(state) % 50 == 0)
        parts = 200;
    text[0] = '\0';
    for (size_t i = 0; i < parts && used < 4000; i++)
        used += (size_t)snprintf(text + used, 4096 - used, "%s", pieces[test_random(state) % count]);
}

static void any_text_is_survived(void)
{
    char text[4096];
    uint64_t state = 1;
    if (table()->option_count == 0)
        test_skip("it has no options");
    for (int i = 0; i < FUZZ_ROUNDS; i++) {
        const struct leat_option *row = &table()->options[test_random(&state) % table()->option_count];
        struct options options;
        random_text(&state, text);
        snprintf(test_notes->trying, sizeof test_notes->trying, "%.40s = %.100s", row->name, text);
        if (is_taken(row, text, &options))
            ways_check((unsigned)(test_random(&state) % ways()->count()), options.values);
        options_fini(&options);
    }
}

/* ---- check() --------------------------------------------------------------------------------------------------------- */

static void check_is_pure(void)
{
    const void *values = subject_values();
    struct traces before;
    if (!ways()->has_check())
        test_skip("it has no check()");
    traces_take(&before);
    for (unsigned way = 0; way < ways()->count(); way++) {
        int32_t first = ways_check(way, values), second = ways_check(way, values);
        test_require(first == second, "check() returned %s and then %s for the same bridge (%s)", test_errno(first),
                     test_errno(second), ways()->name(way));
    }
    traces_require(&before, "check()");
    traces_fini(&before);
}

static void cycle_check(void)
{
    for (unsigned way = 0; way < ways()->count(); way++)
        ways_check(way, subject_values());
}

static void check_leaks_nothing(void)
{
    if (!ways()->has_check())
        test_skip("it has no check()");
    traces_cycles(cycle_check, "check() 1,000 times");
}

const struct test_row option_tests[] = {
    {"its defaults are accepted", defaults_are_accepted, TEST_LIMIT, true},
    {"each option takes the ends of its range and nothing beyond", bounds_hold, TEST_LIMIT, false},
    {"text that means nothing is refused", wrong_text_is_refused, TEST_LIMIT, false},
    {"it survives the extremes of each option", extremes_are_survived, 60, false},
    {"it survives any text in its options", any_text_is_survived, 60, false},
    {"check() opens, creates and starts nothing", check_is_pure, TEST_LIMIT, false},
    {"check() leaks nothing", check_leaks_nothing, 60, false},
    {NULL, NULL, 0, false},
};
