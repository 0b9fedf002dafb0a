#include "admin/history.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The history of a bridge, or of the gateway. */
struct track {
    char name[PAGE_NAME_BYTES];
    float values[HISTORY_SERIES][HISTORY_SECONDS];
};

struct history {
    pthread_mutex_t lock;
    uint64_t written; /* seconds, ever */
    uint64_t times_ns[HISTORY_SECONDS];
    struct track gateway;
    struct track *bridges[HISTORY_BRIDGES_MAX]; /* by the bridge's place on the page; NULL: none yet */
};

/* What happened in one second: in a bridge, or in all of them. */
struct second {
    double values[HISTORY_SERIES];
    struct page_latency latency;
};

const char *history_series_name(enum history_series series)
{
    static const char *const names[HISTORY_SERIES] = {
        [HISTORY_MESSAGES_OUT] = "messages_out",
        [HISTORY_BYTES_OUT] = "bytes_out",
        [HISTORY_MESSAGES_IN] = "messages_in",
        [HISTORY_BYTES_IN] = "bytes_in",
        [HISTORY_DROPPED] = "dropped",
        [HISTORY_LOST] = "lost",
        [HISTORY_IN_FLIGHT] = "in_flight",
        [HISTORY_PEERS] = "peers",
        [HISTORY_LATENCY_P50] = "latency_p50_ns",
        [HISTORY_LATENCY_P99] = "latency_p99_ns",
        [HISTORY_STATE] = "state",
    };
    return names[series];
}

struct history *history_new(void)
{
    struct history *history = calloc(1, sizeof *history);
    if (history)
        pthread_mutex_init(&history->lock, NULL);
    return history;
}

void history_free(struct history *history)
{
    if (!history)
        return;
    for (size_t i = 0; i < HISTORY_BRIDGES_MAX; i++)
        free(history->bridges[i]);
    pthread_mutex_destroy(&history->lock);
    free(history);
}

/* ---- a second ---------------------------------------------------------------------------------------------------------- */

/* A counter that has begun anew counts from there. */
static uint64_t grown(const _Atomic uint64_t *before, const _Atomic uint64_t *now)
{
    uint64_t from = look_u64(before), to = look_u64(now);
    return to >= from ? to - from : to;
}

static void add_latency(struct page_latency *sum, const struct page_latency *before, const struct page_latency *now)
{
    for (size_t step = 0; step < PAGE_LATENCY_STEPS; step++)
        atomic_fetch_add_explicit(&sum->steps[step], grown(&before->steps[step], &now->steps[step]),
                                  memory_order_relaxed);
    if (look_u64(&now->max_ns) > look_u64(&sum->max_ns))
        atomic_store_explicit(&sum->max_ns, look_u64(&now->max_ns), memory_order_relaxed);
}

static void add_lane(struct second *second, const struct page_lane *before, const struct page_lane *now)
{
    uint64_t dropped_before = page_lane_dropped(before), dropped = page_lane_dropped(now);
    second->values[now->outward ? HISTORY_MESSAGES_OUT : HISTORY_MESSAGES_IN] +=
        (double)grown(&before->forwarded, &now->forwarded);
    second->values[now->outward ? HISTORY_BYTES_OUT : HISTORY_BYTES_IN] +=
        (double)grown(&before->forwarded_bytes, &now->forwarded_bytes);
    second->values[HISTORY_DROPPED] += (double)(dropped >= dropped_before ? dropped - dropped_before : dropped);
    second->values[HISTORY_IN_FLIGHT] += (double)look_u64(&now->in_flight);
    add_latency(&second->latency, &before->latency, &now->latency);
}

static bool is_same_lane(const struct page_lane *a, const struct page_lane *b)
{
    return a->outward == b->outward && strcmp(a->channel, b->channel) == 0;
}

static void add_bridge(struct second *second, const struct page_bridge *before, const struct page_bridge *now)
{
    for (uint32_t i = 0; i < look_lane_count(now); i++)
        if (i < look_lane_count(before) && is_same_lane(&before->lanes[i], &now->lanes[i]))
            add_lane(second, &before->lanes[i], &now->lanes[i]);
    second->values[HISTORY_LOST] += (double)grown(&before->traffic.lost, &now->traffic.lost);
    second->values[HISTORY_PEERS] += (double)look_u32(&now->peers);
}

/* Sums become rates. */
static void conclude(struct second *second, double seconds, double state)
{
    for (size_t series = 0; series <= HISTORY_LOST; series++)
        second->values[series] /= seconds;
    uint64_t p50_ns = page_latency_share_ns(&second->latency, 0.5);
    second->values[HISTORY_LATENCY_P50] = p50_ns ? (double)p50_ns : (double)NAN;
    second->values[HISTORY_LATENCY_P99] = p50_ns ? (double)page_latency_share_ns(&second->latency, 0.99) : (double)NAN;
    second->values[HISTORY_STATE] = state;
}

/* ---- the ring ---------------------------------------------------------------------------------------------------------- */

static void track_begin(struct track *track, const char *name)
{
    snprintf(track->name, sizeof track->name, "%s", name);
    for (size_t series = 0; series < HISTORY_SERIES; series++)
        for (size_t i = 0; i < HISTORY_SECONDS; i++)
            track->values[series][i] = NAN;
}

static void track_put(struct track *track, size_t at, const struct second *second)
{
    for (size_t series = 0; series < HISTORY_SERIES; series++)
        track->values[series][at] = second ? (float)second->values[series] : NAN;
}

/* The track of the bridge in this place; what another bridge left there is forgotten. NULL: no memory. */
static struct track *track_of(struct history *history, size_t place, const char *name)
{
    struct track **track = &history->bridges[place];
    if (!*track)
        *track = calloc(1, sizeof **track);
    if (*track && strcmp((*track)->name, name) != 0)
        track_begin(*track, name);
    return *track;
}

static void forget_place(struct history *history, size_t place)
{
    if (place >= HISTORY_BRIDGES_MAX)
        return;
    free(history->bridges[place]);
    history->bridges[place] = NULL;
}

static const struct page_bridge *same_bridge(const struct look *look, size_t place, const char *name)
{
    if (place >= page_bridge_count(&look->page) || strcmp(look->page.page->bridges[place].name, name) != 0)
        return NULL;
    return &look->page.page->bridges[place];
}

/* One bridge's second, which the gateway's gets too. */
static void add_place(struct history *history, size_t place, const struct look *before, const struct look *now,
                      struct second *sum)
{
    const struct page_bridge *bridge = &now->page.page->bridges[place];
    double seconds = (double)(now->taken_ns - before->taken_ns) / (double)NS_PER_S;
    if (!page_bridge_is_used(bridge)) {
        forget_place(history, place);
        return;
    }
    struct track *track = place < HISTORY_BRIDGES_MAX ? track_of(history, place, bridge->name) : NULL;
    const struct page_bridge *earlier = same_bridge(before, place, bridge->name);
    struct second second = {0};
    if (earlier) {
        add_bridge(sum, earlier, bridge);
        add_bridge(&second, earlier, bridge);
        conclude(&second, seconds, look_u32(&bridge->state));
    }
    if (track)
        track_put(track, history->written % HISTORY_SECONDS, earlier ? &second : NULL);
}

void history_add(struct history *history, const struct look *before, const struct look *now)
{
    if (now->taken_ns <= before->taken_ns)
        return;
    double seconds = (double)(now->taken_ns - before->taken_ns) / (double)NS_PER_S;
    struct second sum = {0};
    pthread_mutex_lock(&history->lock);
    for (size_t place = 0; place < page_bridge_count(&now->page); place++)
        add_place(history, place, before, now, &sum);
    for (size_t place = page_bridge_count(&now->page); place < HISTORY_BRIDGES_MAX; place++)
        forget_place(history, place);
    conclude(&sum, seconds, look_u32(&now->page.page->state));
    track_put(&history->gateway, history->written % HISTORY_SECONDS, &sum);
    history->times_ns[history->written % HISTORY_SECONDS] = now->time_ns;
    history->written++;
    pthread_mutex_unlock(&history->lock);
}

/* ---- reading ----------------------------------------------------------------------------------------------------------- */

static struct history_stretch *stretch_new(size_t count)
{
    size_t times_bytes = count * sizeof(uint64_t), values_bytes = count * sizeof(float);
    struct history_stretch *stretch = malloc(sizeof *stretch + times_bytes + HISTORY_SERIES * values_bytes);
    if (!stretch)
        return NULL;
    stretch->count = count;
    stretch->times_ns = stretch->memory;
    for (size_t series = 0; series < HISTORY_SERIES; series++)
        stretch->values[series] = (float *)(void *)(stretch->memory + count) + series * count;
    return stretch;
}

struct history_stretch *history_nothing(void)
{
    return stretch_new(0);
}

static const struct track *find_track(const struct history *history, const char *bridge)
{
    if (!bridge)
        return &history->gateway;
    for (size_t i = 0; i < HISTORY_BRIDGES_MAX; i++)
        if (history->bridges[i] && strcmp(history->bridges[i]->name, bridge) == 0)
            return history->bridges[i];
    return NULL;
}

static struct history_stretch *copy_out(const struct history *history, const struct track *track, uint64_t after_ns)
{
    uint64_t first = history->written > HISTORY_SECONDS ? history->written - HISTORY_SECONDS : 0;
    while (first < history->written && history->times_ns[first % HISTORY_SECONDS] <= after_ns)
        first++;
    struct history_stretch *stretch = stretch_new((size_t)(history->written - first));
    for (size_t i = 0; stretch && i < stretch->count; i++) {
        size_t at = (size_t)((first + i) % HISTORY_SECONDS);
        stretch->times_ns[i] = history->times_ns[at];
        for (size_t series = 0; series < HISTORY_SERIES; series++)
            stretch->values[series][i] = track->values[series][at];
    }
    return stretch;
}

struct history_stretch *history_read(struct history *history, const char *bridge, uint64_t after_ns)
{
    pthread_mutex_lock(&history->lock);
    const struct track *track = find_track(history, bridge);
    struct history_stretch *stretch = track ? copy_out(history, track, after_ns) : NULL;
    pthread_mutex_unlock(&history->lock);
    return stretch;
}
