/* What `leat top` shows: two looks at a gateway's page, and what happened between them. */
#ifndef LEAT_CLI_TOP_VIEW_H
#define LEAT_CLI_TOP_VIEW_H

#include "cli/ledger/books.h"

/* Per second, between the looks. */
struct top_rates {
    double read, forwarded, dropped, bytes, lost;
};

/* A bridge, or one of its lanes. */
struct top_line {
    const struct page_bridge *bridge;
    const struct page_lane *lane; /* NULL: the bridge, all lanes together */
    struct top_rates rates;
    uint64_t half_ns,
        most_ns; /* latency of half, and of 99 in a hundred messages between the looks; 0: none was measured */
    uint64_t in_flight;
};

enum top_sort { TOP_CONFIGURED = 0, TOP_RATE, TOP_LOSS, TOP_STATE, TOP_NAME, TOP_SORTS };

struct top_view {
    struct ledger now, before;
    bool has_before;
    int64_t now_ns, before_ns; /* CLOCK_MONOTONIC of the looks */
    struct top_line *lines;    /* of the bridges */
    size_t count;
};

/* Looks once more; the last look becomes the one before. Zero-initialised is ready. 0, or -errno as page_copy(): then nothing changed. */
int top_look(struct top_view *view, const char *directory, const char *name);
void top_close(struct top_view *view);

void top_sort(struct top_view *view, enum top_sort by);
const char *top_sort_name(enum top_sort by);

/* A line of one of the bridge's lanes. */
struct top_line top_lane(const struct top_view *view, const struct page_bridge *bridge, uint32_t lane);

struct top_rates top_sum(const struct top_view *view); /* of all bridges */

bool top_needs_attention(uint32_t state); /* enum page_state */

/* The newest events first, at most `max`; how many. They lie in the view. */
size_t top_events(const struct top_view *view, const struct page_event **events, size_t max);

void top_print_json(const struct top_view *view, bool pretty);

#endif
