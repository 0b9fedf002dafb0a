/* Bridges, lanes and peers as JSON. */
#include "admin/report.h"
#include "base/clock.h"
#include "config/json.h"

#include <leat/plugin/pattern.h>

/* What of a bridge is said: its books, or everything. */
enum depth { SUMMARY, WHOLE };

static void add_counter(cJSON *object, const char *name, const _Atomic uint64_t *counter)
{
    json_add_u64(object, name, look_u64(counter));
}

static void add_value(cJSON *object, const char *name, const _Atomic uint32_t *value)
{
    json_add_u64(object, name, look_u32(value));
}

/* ---- lanes ------------------------------------------------------------------------------------------------------------- */

/* Of each step that holds any: the least and the most that counts there, and how many. */
static cJSON *report_steps(const struct page_latency *latency)
{
    cJSON *steps = cJSON_CreateArray();
    for (size_t step = 0; step < PAGE_LATENCY_STEPS; step++) {
        uint64_t count = look_u64(&latency->steps[step]);
        if (count == 0)
            continue;
        cJSON *item = cJSON_CreateObject();
        json_add_u64(item, "from_ns", page_latency_bound_ns(step));
        if (step + 1 < PAGE_LATENCY_STEPS)
            json_add_u64(item, "to_ns", page_latency_bound_ns(step + 1));
        else
            cJSON_AddNullToObject(item, "to_ns");
        json_add_u64(item, "count", count);
        cJSON_AddItemToArray(steps, item);
    }
    return steps;
}

static cJSON *report_latency(const struct page_latency *latency, enum depth depth)
{
    cJSON *object = cJSON_CreateObject();
    add_counter(object, "count", &latency->count);
    add_counter(object, "sum_ns", &latency->sum_ns);
    add_counter(object, "max_ns", &latency->max_ns);
    json_add_u64(object, "p50_ns", page_latency_share_ns(latency, 0.5));
    json_add_u64(object, "p90_ns", page_latency_share_ns(latency, 0.9));
    json_add_u64(object, "p99_ns", page_latency_share_ns(latency, 0.99));
    if (depth == WHOLE)
        cJSON_AddItemToObject(object, "steps", report_steps(latency));
    return object;
}

static const char *books_name(enum look_books books)
{
    static const char *const names[] = {[LOOK_BALANCED] = "balanced", [LOOK_OFF] = "off", [LOOK_MOVING] = "moving"};
    return names[books];
}

/* Since when it gives no sign of life; null where no worker runs it. */
static void add_silence(cJSON *object, const struct look *look, const struct page_lane *lane)
{
    int64_t beat_ns = (int64_t)look_u64(&lane->heartbeat_ns);
    if (beat_ns == 0)
        cJSON_AddNullToObject(object, "silent_ns");
    else
        json_add_i64(object, "silent_ns", look->taken_ns > beat_ns ? look->taken_ns - beat_ns : 0);
}

static cJSON *report_lane(const struct look *look, const struct page_bridge *bridge, uint32_t index, enum depth depth)
{
    const struct page_lane *lane = &bridge->lanes[index];
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "channel", lane->channel);
    cJSON_AddStringToObject(object, "direction", lane->outward ? "out" : "in");
    cJSON_AddStringToObject(object, "state", page_state_name(look_u32(&lane->state)));
    cJSON_AddBoolToObject(object, "durable", look_u32(&lane->durable) != 0);
    add_silence(object, look, lane);
    add_counter(object, "read", &lane->read);
    add_counter(object, "read_bytes", &lane->read_bytes);
    add_counter(object, "last_sequence", &lane->last_sequence);
    add_counter(object, "forwarded", &lane->forwarded);
    add_counter(object, "forwarded_bytes", &lane->forwarded_bytes);
    json_add_u64(object, "dropped_total", page_lane_dropped(lane));
    cJSON *reasons = cJSON_AddObjectToObject(object, "dropped");
    for (uint32_t reason = 1; reason < LEAT_REASON_COUNT; reason++)
        add_counter(reasons, page_reason_name(reason), &lane->dropped[reason]);
    add_counter(object, "returned", &lane->returned);
    add_counter(object, "in_flight", &lane->in_flight);
    cJSON_AddStringToObject(object, "books", books_name(look_books(look, bridge, index)));
    json_add_i64(object, "off_by", look_books(look, bridge, index) == LOOK_MOVING ? 0 : look_lane_off(lane));
    cJSON_AddItemToObject(object, "latency", report_latency(&lane->latency, depth));
    return object;
}

/* ---- peers ------------------------------------------------------------------------------------------------------------- */

/* A count that nobody keeps is null, and never 0. */
static void add_known(cJSON *object, bool known, const char *name, uint64_t value)
{
    if (known)
        json_add_u64(object, name, value);
    else
        cJSON_AddNullToObject(object, name);
}

static void add_traffic(cJSON *object, const struct page_traffic *traffic, bool counted)
{
    add_counter(object, "offered", &traffic->offered);
    add_counter(object, "offered_bytes", &traffic->offered_bytes);
    add_known(object, counted, "sent", look_u64(&traffic->sent));
    add_known(object, counted, "sent_bytes", look_u64(&traffic->sent_bytes));
    add_known(object, counted, "lost", look_u64(&traffic->lost));
    add_known(object, counted, "lost_bytes", look_u64(&traffic->lost_bytes));
    add_known(object, counted, "received", look_u64(&traffic->received));
    add_known(object, counted, "received_bytes", look_u64(&traffic->received_bytes));
}

static cJSON *report_peer(const struct page_peer *peer)
{
    cJSON *object = cJSON_CreateObject();
    json_add_u64(object, "id", peer->id);
    cJSON_AddStringToObject(object, "address", peer->address);
    cJSON_AddStringToObject(object, "name", peer->name);
    json_add_u64(object, "since_ns", peer->since_ns);
    json_add_u64(object, "until_ns", peer->until_ns);
    cJSON_AddBoolToObject(object, "counted", peer->counted != 0);
    cJSON_AddBoolToObject(object, "may_lose", peer->may_lose != 0);
    json_add_u64(object, "lost_since_ns", peer->lost_since_ns);
    json_add_u64(object, "lost_last_ns", peer->lost_last_ns);
    add_known(object, peer->counted != 0, "queued", peer->queued);
    add_known(object, peer->counted != 0, "queued_bytes", peer->queued_bytes);
    add_traffic(object, &peer->traffic, peer->counted != 0);
    return object;
}

static cJSON *report_peers(const struct page_bridge *bridge)
{
    cJSON *peers = cJSON_CreateArray();
    for (size_t i = 0; i < PAGE_PEERS; i++)
        if (bridge->peers_shown[i].id)
            cJSON_AddItemToArray(peers, report_peer(&bridge->peers_shown[i]));
    return peers;
}

/* ---- bridges ----------------------------------------------------------------------------------------------------------- */

static cJSON *report_certificate(const struct page_bridge *bridge)
{
    uint64_t expires_ns = look_u64(&bridge->certificate_expires_ns);
    if (expires_ns == 0)
        return cJSON_CreateNull();
    cJSON *object = cJSON_CreateObject();
    json_add_u64(object, "expires_ns", expires_ns);
    cJSON_AddStringToObject(object, "trouble", bridge->certificate_trouble);
    return object;
}

static cJSON *report_at(const struct look *look, const struct page_bridge *bridge, enum depth depth)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", bridge->name);
    cJSON_AddStringToObject(object, "state", page_state_name(look_u32(&bridge->state)));
    cJSON_AddStringToObject(object, "reason", bridge->reason);
    add_counter(object, "state_since_ns", &bridge->state_since_ns);
    cJSON_AddStringToObject(object, "pattern", bridge->pattern);
    cJSON_AddStringToObject(object, "urls", bridge->urls);
    cJSON_AddStringToObject(object, "worker", bridge->worker);
    add_value(object, "worker_pid", &bridge->worker_pid);
    add_counter(object, "restarts", &bridge->restarts);
    add_value(object, "peers", &bridge->peers);
    add_counter(object, "peers_ever", &bridge->peers_ever);
    add_value(object, "peers_losing", &bridge->peers_losing);
    add_value(object, "peers_uncounted", &bridge->peers_uncounted);
    add_value(object, "queue_messages", &bridge->queue_messages);
    add_counter(object, "denied", &bridge->denied);
    add_value(object, "access_generation", &bridge->access_generation);
    cJSON_AddItemToObject(object, "certificate", report_certificate(bridge));
    add_traffic(cJSON_AddObjectToObject(object, "traffic"), &bridge->traffic, true);
    cJSON *lanes = cJSON_AddArrayToObject(object, "lanes");
    for (uint32_t i = 0; i < look_lane_count(bridge); i++)
        cJSON_AddItemToArray(lanes, report_lane(look, bridge, i, depth));
    if (depth == WHOLE)
        cJSON_AddItemToObject(object, "peers_shown", report_peers(bridge));
    return object;
}

cJSON *report_bridges(const struct look *look)
{
    cJSON *object = cJSON_CreateObject(), *bridges = cJSON_AddArrayToObject(object, "bridges");
    json_add_u64(object, "now_ns", look->time_ns);
    for (size_t i = 0; i < page_bridge_count(&look->page); i++)
        if (page_bridge_is_used(&look->page.page->bridges[i]))
            cJSON_AddItemToArray(bridges, report_at(look, &look->page.page->bridges[i], SUMMARY));
    return object;
}

cJSON *report_bridge(const struct look *look, const struct page_bridge *bridge)
{
    return report_at(look, bridge, WHOLE);
}
