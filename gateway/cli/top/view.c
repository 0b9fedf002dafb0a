#include "cli/top/view.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- what happened between the looks ----------------------------------------------------------------------------------- */

static double seconds_between(const struct top_view *view)
{
    return view->has_before ? (double)(view->now_ns - view->before_ns) / 1e9 : 0;
}

/* A counter that went back belongs to another one than before. */
static double rate(double seconds, uint64_t now, uint64_t before)
{
    return seconds > 0 && now > before ? (double)(now - before) / seconds : 0;
}

static const struct page_bridge *bridge_before(const struct top_view *view, const struct page_bridge *bridge)
{
    return view->has_before ? page_find(&view->before.page, bridge->name) : NULL;
}

static const struct page_lane *lane_before(const struct page_bridge *before, const struct page_lane *lane)
{
    for (uint32_t i = 0; before && i < atomic_load_explicit(&before->lane_count, memory_order_relaxed); i++) {
        if (before->lanes[i].outward == lane->outward && strcmp(before->lanes[i].channel, lane->channel) == 0) {
            return &before->lanes[i];
        }
    }
    return NULL;
}

static void add_latency(struct page_latency *sum, const struct page_latency *now, const struct page_latency *before)
{
    for (size_t step = 0; step < PAGE_LATENCY_STEPS; step++) {
        uint64_t later = load(&now->steps[step]), earlier = load(&before->steps[step]);
        atomic_fetch_add_explicit(&sum->steps[step], later > earlier ? later - earlier : 0, memory_order_relaxed);
    }
    if (load(&now->max_ns) > load(&sum->max_ns)) {
        atomic_store_explicit(&sum->max_ns, load(&now->max_ns), memory_order_relaxed);
    }
}

/* What passed a lane goes into the line, its latencies into *latency. */
static void add_lane(const struct top_view *view, struct top_line *line, struct page_latency *latency,
                     const struct page_bridge *before, const struct page_lane *lane)
{
    const struct page_lane *old = lane_before(before, lane);
    double seconds = seconds_between(view);
    line->in_flight += load(&lane->in_flight);
    if (!old) {
        return;
    }
    line->rates.read += rate(seconds, load(&lane->read), load(&old->read));
    line->rates.forwarded += rate(seconds, load(&lane->forwarded), load(&old->forwarded));
    line->rates.dropped += rate(seconds, page_lane_dropped(lane), page_lane_dropped(old));
    line->rates.bytes += rate(seconds, load(&lane->forwarded_bytes), load(&old->forwarded_bytes));
    add_latency(latency, &lane->latency, &old->latency);
}

static void conclude(struct top_line *line, const struct page_latency *latency)
{
    line->half_ns = page_latency_share_ns(latency, 0.5);
    line->most_ns = page_latency_share_ns(latency, 0.99);
}

struct top_line top_lane(const struct top_view *view, const struct page_bridge *bridge, uint32_t lane)
{
    struct top_line line = {.bridge = bridge, .lane = &bridge->lanes[lane]};
    struct page_latency latency = {0};
    add_lane(view, &line, &latency, bridge_before(view, bridge), line.lane);
    conclude(&line, &latency);
    return line;
}

static struct top_line bridge_line(const struct top_view *view, const struct page_bridge *bridge)
{
    struct top_line line = {.bridge = bridge};
    struct page_latency latency = {0};
    const struct page_bridge *before = bridge_before(view, bridge);
    for (uint32_t i = 0; i < atomic_load_explicit(&bridge->lane_count, memory_order_relaxed); i++) {
        add_lane(view, &line, &latency, before, &bridge->lanes[i]);
    }
    if (before) {
        line.rates.lost = rate(seconds_between(view), load(&bridge->traffic.lost), load(&before->traffic.lost));
    }
    conclude(&line, &latency);
    return line;
}

struct top_rates top_sum(const struct top_view *view)
{
    struct top_rates sum = {0};
    for (size_t i = 0; i < view->count; i++) {
        sum.read += view->lines[i].rates.read;
        sum.forwarded += view->lines[i].rates.forwarded;
        sum.dropped += view->lines[i].rates.dropped;
        sum.bytes += view->lines[i].rates.bytes;
        sum.lost += view->lines[i].rates.lost;
    }
    return sum;
}

/* ---- looking ----------------------------------------------------------------------------------------------------------- */

static int make_lines(struct top_view *view)
{
    size_t places = page_bridge_count(&view->now.page);
    struct top_line *lines = realloc(view->lines, (places + 1) * sizeof *lines);
    if (!lines) {
        return -ENOMEM;
    }
    view->lines = lines;
    view->count = 0;
    for (size_t i = 0; i < places; i++) {
        const struct page_bridge *bridge = &view->now.page.page->bridges[i];
        if (page_bridge_is_used(bridge)) {
            lines[view->count++] = bridge_line(view, bridge);
        }
    }
    return 0;
}

int top_look(struct top_view *view, const char *directory, const char *name)
{
    struct ledger look;
    int error = ledger_open(&look, directory, name);
    if (error) {
        return error;
    }
    if (view->has_before) {
        ledger_close(&view->before);
    }
    /* Another process under that name began to count anew. */
    view->has_before = view->now.page.page && view->now.page.page->started_ns == look.page.page->started_ns;
    if (view->has_before) {
        view->before = view->now;
    } else if (view->now.page.page) {
        ledger_close(&view->now);
    }
    view->before_ns = view->now_ns;
    view->now = look;
    view->now_ns = clock_monotonic_ns();
    return make_lines(view);
}

void top_close(struct top_view *view)
{
    if (view->has_before) {
        ledger_close(&view->before);
    }
    if (view->now.page.page) {
        ledger_close(&view->now);
    }
    free(view->lines);
}

/* ---- order ------------------------------------------------------------------------------------------------------------- */

bool top_needs_attention(uint32_t state)
{
    return state == PAGE_FAILED || state == PAGE_DEGRADED || state == PAGE_WAITING || state == PAGE_CONNECTING;
}

static int compare_double(double one, double other)
{
    return (one < other) - (one > other); /* the larger one first */
}

static int by_name(const void *one, const void *other)
{
    return strcmp(((const struct top_line *)one)->bridge->name, ((const struct top_line *)other)->bridge->name);
}

/* Places on the page have the order of the configuration. */
static int by_place(const void *one, const void *other)
{
    const struct page_bridge *a = ((const struct top_line *)one)->bridge, *b = ((const struct top_line *)other)->bridge;
    return (a > b) - (a < b);
}

static int by_rate(const void *one, const void *other)
{
    const struct top_rates *a = &((const struct top_line *)one)->rates, *b = &((const struct top_line *)other)->rates;
    int order = compare_double(a->forwarded, b->forwarded);
    return order ? order : by_place(one, other);
}

static int by_loss(const void *one, const void *other)
{
    const struct top_rates *a = &((const struct top_line *)one)->rates, *b = &((const struct top_line *)other)->rates;
    int order = compare_double(a->dropped + a->lost, b->dropped + b->lost);
    return order ? order : by_place(one, other);
}

static int by_state(const void *one, const void *other)
{
    const struct top_line *a = one, *b = other;
    uint32_t first = atomic_load_explicit(&a->bridge->state, memory_order_relaxed);
    uint32_t second = atomic_load_explicit(&b->bridge->state, memory_order_relaxed);
    int order = (int)top_needs_attention(second) - (int)top_needs_attention(first);
    order = order ? order : (first < second) - (first > second);
    return order ? order : by_place(one, other);
}

void top_sort(struct top_view *view, enum top_sort by)
{
    static int (*const orders[TOP_SORTS])(const void *, const void *) = {[TOP_CONFIGURED] = by_place,
                                                                         [TOP_RATE] = by_rate,
                                                                         [TOP_LOSS] = by_loss,
                                                                         [TOP_STATE] = by_state,
                                                                         [TOP_NAME] = by_name};
    qsort(view->lines, view->count, sizeof *view->lines, orders[by]);
}

const char *top_sort_name(enum top_sort by)
{
    static const char *const names[TOP_SORTS] = {"configured", "rate", "loss", "state", "name"};
    return by < TOP_SORTS ? names[by] : NULL;
}

/* ---- events ------------------------------------------------------------------------------------------------------------ */

size_t top_events(const struct top_view *view, const struct page_event **events, size_t max)
{
    const struct page *page = view->now.page.page;
    uint64_t written = load(&page->events_written);
    size_t count = 0;
    for (uint64_t number = written; number > 0 && written - number < PAGE_EVENTS && count < max; number--) {
        const struct page_event *event = &page->events[(number - 1) % PAGE_EVENTS];
        if (load(&event->number) == number) { /* not being written just now */
            events[count++] = event;
        }
    }
    return count;
}
