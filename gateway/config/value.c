#include "config/value.h"

#include "config/expand.h"
#include "config/problem.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- numbers with units ------------------------------------------------------------------------------------------ */

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: a bound is shown in the largest unit that divides it. */
static const struct unit sizes[] = {{"GiB", INT64_C(1) << 30},
                                    {"MiB", INT64_C(1) << 20},
                                    {"KiB", INT64_C(1) << 10},
                                    {"B", 1},
                                    {"GB", 1000000000},
                                    {"MB", 1000000},
                                    {"kB", 1000},
                                    {NULL, 0}};
static const struct unit durations[] = {{"h", INT64_C(3600000000000)},
                                        {"m", INT64_C(60000000000)},
                                        {"s", 1000000000},
                                        {"ms", 1000000},
                                        {"us", 1000},
                                        {"ns", 1},
                                        {NULL, 0}};

struct measure {
    const struct unit *units;
    const char *noun, *examples;
    const char *small, *middle, *large; /* what to propose for a bare number */
};

static const struct measure size_measure = {sizes, "size", "64KiB or 4MiB (units: B KiB MiB GiB, kB MB GB)",
                                            "B",   "KiB",  "MiB"};
static const struct measure duration_measure = {durations, "duration", "500ms or 5s (units: ns us ms s m h)",
                                                "ms",      "s",        "m"};

static char *amount(const struct measure *measure, int64_t value)
{
    if (measure == NULL)
        return memory_format("%lld", (long long)value);
    if (value == 0)
        return memory_copy("0");
    if (value == -1)
        return memory_copy("forever");
    for (const struct unit *unit = measure->units; unit->name != NULL; unit++) {
        if (value % unit->factor == 0)
            return memory_format("%lld%s", (long long)(value / unit->factor), unit->name);
    }
    return memory_format("%lld", (long long)value);
}

char *value_bound(const struct leat_option *row, int64_t bound)
{
    const struct measure *measure = row->type == LEAT_OPTION_SIZE       ? &size_measure
                                    : row->type == LEAT_OPTION_DURATION ? &duration_measure
                                                                        : NULL;
    return amount(measure, bound);
}

static bool in_bounds(const struct leat_option *row, int64_t value)
{
    return (row->min == 0 && row->max == 0) || (value >= row->min && value <= row->max);
}

static char *out_of_bounds(const struct leat_option *row, const struct measure *measure)
{
    char *min = amount(measure, row->min), *max = amount(measure, row->max);
    char *problem;
    if (row->max == INT64_MAX)
        problem = memory_format("expected at least %s", min);
    else if (row->min == INT64_MIN)
        problem = memory_format("expected at most %s", max);
    else
        problem = memory_format("expected %s to %s", min, max);
    free(min);
    free(max);
    return problem;
}

/* The digits at the start of `text`. false: none, or more than 63 bits. */
static bool whole_number(const char *text, const char **rest, int64_t *number)
{
    if (!isdigit((unsigned char)*text))
        return false;
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    *rest = end;
    return errno == 0;
}

static char *unknown_unit(const struct measure *measure, const char *unit)
{
    const char *names[8] = {0};
    for (size_t i = 0; measure->units[i].name != NULL && i < 7; i++)
        names[i] = measure->units[i].name;
    if (measure == &size_measure && strcasecmp(unit, "kb") == 0)
        return memory_format("unknown unit '%s'; write KiB (1024 bytes) or kB (1000 bytes)", unit);
    const char *nearest = problem_nearest(unit, names);
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcasecmp(names[i], unit) == 0)
            nearest = names[i];
    }
    if (nearest != NULL)
        return memory_format("unknown unit '%.20s'; did you mean '%s'?", unit, nearest);
    return memory_format("unknown unit '%.20s'; expected a %s such as %s", unit, measure->noun, measure->examples);
}

static char *bare_number(const struct measure *measure, long long number)
{
    return memory_format("a %s needs a unit; write %lld%s, %lld%s or %lld%s", measure->noun, number, measure->small,
                         number, measure->middle, number, measure->large);
}

static char *parse_measure(const struct measure *measure, const char *text, int64_t *value)
{
    const char *unit;
    if (!whole_number(text, &unit, value))
        return memory_format("expected a %s such as %s", measure->noun, measure->examples);
    if (*unit == '.')
        return memory_format("expected a whole number with a smaller unit, such as %s", measure->examples);
    while (*unit == ' ')
        unit++;
    if (*unit == '\0' && *value == 0)
        return NULL;
    if (*unit == '\0')
        return bare_number(measure, (long long)*value);
    const struct unit *known = measure->units;
    while (known->name != NULL && strcmp(known->name, unit) != 0)
        known++;
    if (known->name == NULL)
        return unknown_unit(measure, unit);
    if (__builtin_mul_overflow(*value, known->factor, value))
        return memory_format("this %s is too large", measure->noun);
    return NULL;
}

/* ---- the types --------------------------------------------------------------------------------------------------- */

static char *parse_bool(const char *text, uint32_t *value)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", NULL};
    for (uint32_t i = 0; words[i] != NULL; i++) {
        if (strcasecmp(words[i], text) == 0) {
            *value = i % 2;
            return NULL;
        }
    }
    return memory_copy("expected yes or no (or true, false, on, off)");
}

static char *parse_int(const struct leat_option *row, const char *text, int64_t *value)
{
    const bool negative = *text == '-';
    const char *rest = NULL;
    if (!whole_number(negative ? text + 1 : text, &rest, value) || *rest != '\0')
        return memory_copy("expected a whole number");
    if (negative)
        *value = -*value;
    return in_bounds(row, *value) ? NULL : out_of_bounds(row, NULL);
}

static char *parse_size(const struct leat_option *row, const char *text, uint64_t *value)
{
    int64_t bytes = 0;
    char *problem = parse_measure(&size_measure, text, &bytes);
    if (problem == NULL && !in_bounds(row, bytes))
        problem = out_of_bounds(row, &size_measure);
    *value = (uint64_t)bytes;
    return problem;
}

static char *parse_duration(const struct leat_option *row, const char *text, int64_t *value)
{
    char *problem = NULL;
    if (strcmp(text, "forever") == 0)
        *value = -1;
    else
        problem = parse_measure(&duration_measure, text, value);
    if (problem == NULL && !in_bounds(row, *value))
        problem = out_of_bounds(row, &duration_measure);
    return problem;
}

static char *wrong_choice(const char *choices, const char *text)
{
    char *words = memory_copy(choices);
    const char *list[33] = {0};
    size_t count = 0;
    char *state = NULL;
    for (char *word = strtok_r(words, "|", &state); word != NULL && count < 32; word = strtok_r(NULL, "|", &state))
        list[count++] = word;
    char *all = memory_copy("");
    for (size_t i = 0; i < count; i++) {
        char *longer = memory_format("%s%s%s", all, i == 0 ? "" : i + 1 == count ? " or " : ", ", list[i]);
        free(all);
        all = longer;
    }
    const char *nearest = problem_nearest(text, list);
    char *problem = nearest != NULL ? memory_format("expected %s; did you mean '%s'?", all, nearest)
                                    : memory_format("expected %s", all);
    free(all);
    free(words);
    return problem;
}

static char *parse_choice(const struct leat_option *row, const char *text, uint32_t *value)
{
    const char *choices = row->choices != NULL ? row->choices : "";
    const size_t len = strlen(text);
    uint32_t index = 0;
    for (const char *choice = choices; *choice != '\0'; index++) {
        const size_t width = strcspn(choice, "|");
        if (width == len && memcmp(choice, text, len) == 0) {
            *value = index;
            return NULL;
        }
        choice += width + (choice[width] == '|');
    }
    return wrong_choice(choices, text);
}

static char *parse_list(const char *text, struct memory_pool *pool, const char *const **value)
{
    size_t count = 1;
    for (const char *c = text; *c != '\0'; c++)
        count += *c == ',';
    const char **items = memory_pool_take(pool, (count + 1) * sizeof(*items));
    *value = items;
    if (text[strspn(text, " \t")] == '\0')
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t len = strcspn(text, ",");
        const char *after = text + len + 1;
        while (len > 0 && (*text == ' ' || *text == '\t')) {
            text++;
            len--;
        }
        while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
            len--;
        if (len == 0)
            return memory_copy("an empty item in this list; expected items with one comma between them");
        items[i] = memory_pool_copy(pool, text, len);
        text = after;
    }
    return NULL;
}

static char *parse_path(const char *text, const char *folder, struct memory_pool *pool, const char **value)
{
    if (*text == '\0')
        return memory_copy("expected a path");
    char *path = expand_path(text, folder);
    *value = memory_pool_copy(pool, path, strlen(path));
    free(path);
    return NULL;
}

static char *parse_mode(const char *text, uint32_t *value)
{
    const size_t len = strlen(text);
    if (len < 3 || len > 4 || strspn(text, "01234567") != len || (len == 4 && text[0] != '0'))
        return memory_copy("expected permission bits as octal digits, such as 0600 or 0660");
    *value = (uint32_t)strtoul(text, NULL, 8);
    return NULL;
}

/* ---- by type ------------------------------------------------------------------------------------------------------ */

size_t value_size(uint16_t type)
{
    switch (type) {
    case LEAT_OPTION_BOOL:
    case LEAT_OPTION_CHOICE:
    case LEAT_OPTION_MODE:
        return sizeof(uint32_t);
    case LEAT_OPTION_INT:
    case LEAT_OPTION_SIZE:
    case LEAT_OPTION_DURATION:
        return sizeof(int64_t);
    case LEAT_OPTION_TEXT:
    case LEAT_OPTION_LIST:
    case LEAT_OPTION_PATH:
        return sizeof(const char *);
    default:
        return 0;
    }
}

/* Room for a value of any type, before it is known to be good. */
union value {
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    const char *text;
    const char *const *list;
};

static char *parse(const struct leat_option *row, const char *text, const char *folder, struct memory_pool *pool,
                   union value *value)
{
    switch (row->type) {
    case LEAT_OPTION_TEXT:
        value->text = memory_pool_copy(pool, text, strlen(text));
        return NULL;
    case LEAT_OPTION_BOOL:
        return parse_bool(text, &value->u32);
    case LEAT_OPTION_INT:
        return parse_int(row, text, &value->i64);
    case LEAT_OPTION_SIZE:
        return parse_size(row, text, &value->u64);
    case LEAT_OPTION_DURATION:
        return parse_duration(row, text, &value->i64);
    case LEAT_OPTION_CHOICE:
        return parse_choice(row, text, &value->u32);
    case LEAT_OPTION_LIST:
        return parse_list(text, pool, &value->list);
    case LEAT_OPTION_PATH:
        return parse_path(text, folder, pool, &value->text);
    case LEAT_OPTION_MODE:
        return parse_mode(text, &value->u32);
    default:
        return memory_format("an option of an unknown type (%u)", row->type);
    }
}

char *value_parse(const struct leat_option *row, const char *text, const char *folder, void *values,
                  struct memory_pool *pool)
{
    union value value = {0};
    char *problem = parse(row, text, folder, pool, &value);
    if (problem == NULL)
        memcpy((char *)values + row->offset, &value, value_size(row->type));
    return problem;
}
