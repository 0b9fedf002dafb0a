/* What is measured of lanes. */
#include "admin/metrics_format.h"

#include <leat/plugin/pattern.h>

#include <inttypes.h>

/* A bound for each doubling: 1 us, 2 us ... 17 s. */
#define FIRST_BOUND_STEP 8
#define BOUND_STEPS 4
#define LAST_BOUND_STEP 104

#define LANE(member) offsetof(struct page_lane, member)
static const struct metrics_row rows[] = {
    {"lane_read_messages_total", "counter", "Messages taken from the source, lapped ones included.", LANE(read), false},
    {"lane_read_bytes_total", "counter", "Bytes of the messages read.", LANE(read_bytes), false},
    {"lane_forwarded_messages_total", "counter", "Messages that the sink took.", LANE(forwarded), false},
    {"lane_forwarded_bytes_total", "counter", "Bytes of the messages forwarded.", LANE(forwarded_bytes), false},
    {"lane_returned_messages_total", "counter", "Messages that a worker had read when it died and that are read again.",
     LANE(returned), false},
    {"lane_in_flight_messages", "gauge", "Messages read and neither forwarded nor dropped.", LANE(in_flight), false},
};

/* What identifies a lane. Its number is there because channels with long names are cut. */
static void put_lane(FILE *out, const char *name, const struct page_bridge *bridge, uint32_t index)
{
    const struct page_lane *lane = &bridge->lanes[index];
    fprintf(out, "leat_%s{lane=\"%" PRIu32 "\",direction=\"%s\"", name, index, lane->outward ? "out" : "in");
    metrics_label(out, ",", "bridge", bridge->name);
    metrics_label(out, ",", "channel", lane->channel);
}

static void put_row(FILE *out, const struct page_bridge *bridge, const void *how)
{
    const struct metrics_row *row = how;
    for (uint32_t i = 0; i < look_lane_count(bridge); i++) {
        put_lane(out, row->name, bridge, i);
        fprintf(out, "} %" PRIu64 "\n", metrics_number(&bridge->lanes[i], row));
    }
}

static void put_dropped(FILE *out, const struct page_bridge *bridge, const void *how)
{
    for (uint32_t i = 0; i < look_lane_count(bridge); i++) {
        for (uint32_t reason = 1; reason < LEAT_REASON_COUNT; reason++) {
            put_lane(out, how, bridge, i);
            fprintf(out, ",reason=\"%s\"} %" PRIu64 "\n", page_reason_name(reason),
                    look_u64(&bridge->lanes[i].dropped[reason]));
        }
    }
}

/* The steps decide, so that buckets, sum and count are of one kind: `count` may be a little ahead of them. */
static void put_histogram(FILE *out, const struct page_bridge *bridge, uint32_t index)
{
    const struct page_latency *latency = &bridge->lanes[index].latency;
    uint64_t passed = 0;
    size_t step = 0;
    for (size_t bound = FIRST_BOUND_STEP; bound <= LAST_BOUND_STEP; bound += BOUND_STEPS) {
        for (; step < bound; step++)
            passed += look_u64(&latency->steps[step]);
        put_lane(out, "lane_latency_seconds_bucket", bridge, index);
        fprintf(out, ",le=\"%.9g\"} %" PRIu64 "\n", metrics_seconds(page_latency_bound_ns(bound)), passed);
    }
    for (; step < PAGE_LATENCY_STEPS; step++)
        passed += look_u64(&latency->steps[step]);
    put_lane(out, "lane_latency_seconds_bucket", bridge, index);
    fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n", passed);
    put_lane(out, "lane_latency_seconds_sum", bridge, index);
    fprintf(out, "} %.9f\n", metrics_seconds(look_u64(&latency->sum_ns)));
    put_lane(out, "lane_latency_seconds_count", bridge, index);
    fprintf(out, "} %" PRIu64 "\n", passed);
}

static void put_latency(FILE *out, const struct page_bridge *bridge, const void *how)
{
    (void)how;
    for (uint32_t i = 0; i < look_lane_count(bridge); i++)
        put_histogram(out, bridge, i);
}

/* ---- the books --------------------------------------------------------------------------------------------------------- */

static void put_books(FILE *out, const struct page_bridge *bridge, const void *how)
{
    const struct look *look = how;
    for (uint32_t i = 0; i < look_lane_count(bridge); i++) {
        put_lane(out, "lane_books_balanced", bridge, i);
        fprintf(out, "} %d\n", look_books(look, bridge, i) != LOOK_OFF);
    }
}

void metrics_lanes(FILE *out, const struct look *look)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        metrics_family(out, rows[i].name, rows[i].type, rows[i].help);
        metrics_each_bridge(out, look, put_row, &rows[i]);
    }
    metrics_family(out, "lane_dropped_messages_total", "counter", "Messages that the lane dropped, by reason.");
    metrics_each_bridge(out, look, put_dropped, "lane_dropped_messages_total");
    metrics_family(out, "lane_books_balanced", "gauge",
                   "0 when read differs from forwarded, dropped, returned and in flight together.");
    metrics_each_bridge(out, look, put_books, look);
    metrics_family(out, "lane_latency_seconds", "histogram",
                   "From a message's publication to its hand-over to the network, or the other way; of samples.");
    metrics_each_bridge(out, look, put_latency, NULL);
}
