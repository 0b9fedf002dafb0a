#include "cli/quantity.h"

#include "base/clock.h"

#include <leat/channel.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

#define KIBI 1024.0
static const struct unit counts[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {0}};
static const struct unit sizes[] = {{"", 1},     {"B", 1},
                                    {"kB", 1e3}, {"KiB", KIBI},
                                    {"MB", 1e6}, {"MiB", KIBI *KIBI},
                                    {"GB", 1e9}, {"GiB", KIBI *KIBI *KIBI},
                                    {0}};
static const struct unit durations[] = {{"ns", 1},     {"us", 1e3}, {"ms", 1e6},   {"s", 1e9},
                                        {"min", 6e10}, {"m", 6e10}, {"h", 3.6e12}, {0}};
static const struct unit rates[] = {{"", 1},      {"/s", 1},          {"k", 1e3},         {"k/s", 1e3}, {"M", 1e6},
                                    {"M/s", 1e6}, {"/min", 1 / 60.0}, {"/h", 1 / 3600.0}, {0}};

/* A decimal number, perhaps with a fraction, and one of the units. strtod alone would take "nan", "0x1p3" and signs. */
static int parse_unit(const char *text, const struct unit *units, double *value)
{
    size_t digits = strspn(text, "0123456789.");
    char number[32];
    if (digits == 0 || digits >= sizeof number) {
        return -EINVAL;
    }
    memcpy(number, text, digits);
    number[digits] = '\0';
    char *end;
    double parsed = strtod(number, &end);
    const char *name = text + digits;
    name += strspn(name, " ");
    for (const struct unit *unit = units; *end == '\0' && unit->name; unit++) {
        if (strcmp(unit->name, name) == 0) {
            *value = parsed * unit->factor;
            return 0;
        }
    }
    return -EINVAL;
}

/* Whole numbers up to 2^53, which is more than any count or size here. */
static int parse_whole(const char *text, const struct unit *units, uint64_t *value)
{
    double parsed;
    if (parse_unit(text, units, &parsed) < 0 || parsed > 0x1p53 || parsed != floor(parsed)) {
        return -EINVAL;
    }
    *value = (uint64_t)parsed;
    return 0;
}

int parse_count(const char *text, uint64_t *count)
{
    return parse_whole(text, counts, count);
}

int parse_size(const char *text, uint64_t *bytes)
{
    return parse_whole(text, sizes, bytes);
}

int parse_duration(const char *text, int64_t *nanoseconds)
{
    if (strcmp(text, "forever") == 0) {
        *nanoseconds = LEAT_FOREVER;
        return 0;
    }
    double parsed = 0;
    if (strcmp(text, "0") != 0 && parse_unit(text, durations, &parsed) < 0) {
        return -EINVAL;
    }
    if (parsed > 0x1p62) {
        return -EINVAL;
    }
    *nanoseconds = (int64_t)parsed;
    return 0;
}

int parse_rate(const char *text, double *per_second)
{
    return parse_unit(text, rates, per_second) < 0 || !(*per_second > 0) ? -EINVAL : 0;
}

/* Three significant digits and the largest unit in which there is something before the point. `units` ascend. */
static const char *format_unit(char *text, double value, const struct unit *units, const char *blank)
{
    const struct unit *unit = units;
    while (unit[1].name && value >= unit[1].factor * 0.9995) {
        unit++;
    }
    double scaled = value / unit->factor;
    int decimals = scaled >= 99.95 || scaled == floor(scaled) ? 0 : scaled >= 9.995 ? 1 : 2;
    snprintf(text, QUANTITY_BYTES, "%.*f%s%s", decimals, scaled, *unit->name ? blank : "", unit->name);
    return text;
}

const char *format_count(char *text, double count)
{
    static const struct unit units[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {0}};
    return format_unit(text, count < 1e3 && count >= 1 ? round(count) : count, units, "");
}

const char *format_size(char *text, double bytes)
{
    static const struct unit units[] = {
        {"B", 1}, {"KiB", KIBI}, {"MiB", KIBI * KIBI}, {"GiB", KIBI * KIBI * KIBI}, {"TiB", KIBI * KIBI * KIBI * KIBI},
        {0}};
    return format_unit(text, bytes, units, " ");
}

const char *format_duration(char *text, double nanoseconds)
{
    static const struct unit units[] = {{"ns", 1},     {"us", 1e3},   {"ms", 1e6},    {"s", 1e9},
                                        {"min", 6e10}, {"h", 3.6e12}, {"d", 8.64e13}, {0}};
    return format_unit(text, nanoseconds, units, " ");
}
