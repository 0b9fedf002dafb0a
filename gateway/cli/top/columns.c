#include "cli/top/columns.h"

#include "cli/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_LEAST 10

static void write_state(char *text, const struct top_line *line)
{
    const _Atomic uint32_t *state = line->lane ? &line->lane->state : &line->bridge->state;
    snprintf(text, TOP_CELL_BYTES, "%s", page_state_name(atomic_load_explicit(state, memory_order_relaxed)));
}

static void write_rate(char *text, double rate)
{
    char number[QUANTITY_BYTES];
    snprintf(text, TOP_CELL_BYTES, "%s", rate > 0 && rate < 1 ? "<1" : format_count(number, rate));
}

static void write_read(char *text, const struct top_line *line)
{
    write_rate(text, line->rates.read);
}

static void write_forwarded(char *text, const struct top_line *line)
{
    write_rate(text, line->rates.forwarded);
}

static void write_dropped(char *text, const struct top_line *line)
{
    write_rate(text, line->rates.dropped);
}

static void write_bytes(char *text, const struct top_line *line)
{
    char size[QUANTITY_BYTES];
    snprintf(text, TOP_CELL_BYTES, "%s", format_size(size, line->rates.bytes));
}

static void write_lost(char *text, const struct top_line *line)
{
    text[0] = '\0';
    if (!line->lane) {
        write_rate(text, line->rates.lost);
    }
}

static void write_latency(char *text, uint64_t ns)
{
    char time[QUANTITY_BYTES];
    snprintf(text, TOP_CELL_BYTES, "%s", ns ? format_duration(time, (double)ns) : "-");
}

static void write_half(char *text, const struct top_line *line)
{
    write_latency(text, line->half_ns);
}

static void write_most(char *text, const struct top_line *line)
{
    write_latency(text, line->most_ns);
}

static void write_flight(char *text, const struct top_line *line)
{
    snprintf(text, TOP_CELL_BYTES, "%" PRIu64, line->in_flight);
}

static void write_peers(char *text, const struct top_line *line)
{
    text[0] = '\0';
    if (!line->lane) {
        snprintf(text, TOP_CELL_BYTES, "%" PRIu32, atomic_load_explicit(&line->bridge->peers, memory_order_relaxed));
    }
}

static void write_restarts(char *text, const struct top_line *line)
{
    text[0] = '\0';
    if (!line->lane) {
        snprintf(text, TOP_CELL_BYTES, "%" PRIu64, atomic_load_explicit(&line->bridge->restarts, memory_order_relaxed));
    }
}

static void write_pattern(char *text, const struct top_line *line)
{
    snprintf(text, TOP_CELL_BYTES, "%.*s", TOP_CELL_BYTES - 1, line->lane ? "" : line->bridge->pattern);
}

const struct top_column top_columns[] = {
    {"STATE", -10, 0, write_state},   {"PEERS", 5, 3, write_peers},        {"READ/s", 7, 5, write_read},
    {"FWD/s", 7, 1, write_forwarded}, {"DROP/s", 7, 2, write_dropped},     {"LOST/s", 7, 4, write_lost},
    {"BYTES/s", 9, 7, write_bytes},   {"P50", 7, 8, write_half},           {"P99", 7, 6, write_most},
    {"FLIGHT", 6, 9, write_flight},   {"RESTARTS", 8, 10, write_restarts}, {"PATTERN", -9, 11, write_pattern},
};
const size_t top_column_count = sizeof top_columns / sizeof top_columns[0];

static int width_of(const struct top_column *column)
{
    return 1 + (column->width < 0 ? -column->width : column->width);
}

int top_columns_fit(bool *shown, int columns, int longest_name)
{
    int left = columns - NAME_LEAST;
    memset(shown, 0, top_column_count * sizeof *shown);
    for (int rank = 0; rank < (int)top_column_count; rank++) {
        for (size_t i = 0; i < top_column_count; i++) {
            if (top_columns[i].rank == rank) {
                if (width_of(&top_columns[i]) > left) {
                    return NAME_LEAST + left;
                }
                shown[i] = true;
                left -= width_of(&top_columns[i]);
            }
        }
    }
    return longest_name < NAME_LEAST + left ? longest_name : NAME_LEAST + left;
}
