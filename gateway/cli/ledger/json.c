#include "cli/json.h"
#include "cli/ledger/books.h"

#include <leat/plugin/pattern.h>

static void add_counter(cJSON *object, const char *name, const _Atomic uint64_t *counter)
{
    json_add_u64(object, name, atomic_load_explicit(counter, memory_order_relaxed));
}

static void add_state(cJSON *object, const _Atomic uint32_t *state)
{
    cJSON_AddStringToObject(object, "state", page_state_name(atomic_load_explicit(state, memory_order_relaxed)));
}

static void add_latency(cJSON *object, const struct page_latency *latency)
{
    cJSON *of = cJSON_AddObjectToObject(object, "latency");
    add_counter(of, "count", &latency->count);
    add_counter(of, "sum_ns", &latency->sum_ns);
    add_counter(of, "max_ns", &latency->max_ns);
    json_add_u64(of, "p50_ns", page_latency_share_ns(latency, 0.5));
    json_add_u64(of, "p90_ns", page_latency_share_ns(latency, 0.9));
    json_add_u64(of, "p99_ns", page_latency_share_ns(latency, 0.99));
    json_add_u64(of, "p999_ns", page_latency_share_ns(latency, 0.999));
}

/* null: nobody knows. */
static void add_known(cJSON *object, const char *name, bool known, const _Atomic uint64_t *counter)
{
    if (known) {
        add_counter(object, name, counter);
    } else {
        cJSON_AddNullToObject(object, name);
    }
}

static void add_traffic(cJSON *object, const struct page_traffic *traffic, bool counted, bool may_lose)
{
    bool loss_known = counted || !may_lose;
    add_known(object, "offered", may_lose, &traffic->offered);
    add_known(object, "offered_bytes", may_lose, &traffic->offered_bytes);
    add_known(object, "sent", counted, &traffic->sent);
    add_known(object, "sent_bytes", counted, &traffic->sent_bytes);
    add_known(object, "lost", loss_known, &traffic->lost);
    add_known(object, "lost_bytes", loss_known, &traffic->lost_bytes);
    add_known(object, "received", counted, &traffic->received);
    add_known(object, "received_bytes", counted, &traffic->received_bytes);
}

static cJSON *peer_json(const struct page_peer *peer, bool *balanced)
{
    cJSON *object = cJSON_CreateObject();
    bool balances = ledger_peer_balances(peer);
    json_add_u64(object, "id", peer->id);
    cJSON_AddStringToObject(object, "address", peer->address);
    cJSON_AddStringToObject(object, "name", peer->name);
    json_add_u64(object, "since_ns", peer->since_ns);
    json_add_u64(object, "until_ns", peer->until_ns);
    cJSON_AddBoolToObject(object, "counted", peer->counted != 0);
    cJSON_AddBoolToObject(object, "may_lose", peer->may_lose != 0);
    add_traffic(object, &peer->traffic, peer->counted != 0, peer->may_lose != 0);
    if (peer->counted && peer->may_lose) {
        json_add_u64(object, "queued", peer->queued);
        json_add_u64(object, "queued_bytes", peer->queued_bytes);
    } else {
        cJSON_AddNullToObject(object, "queued");
        cJSON_AddNullToObject(object, "queued_bytes");
    }
    json_add_u64(object, "lost_since_ns", peer->lost_since_ns);
    json_add_u64(object, "lost_last_ns", peer->lost_last_ns);
    cJSON_AddBoolToObject(object, "balanced", balances);
    *balanced = *balanced && balances;
    return object;
}

static void add_peers(cJSON *object, const struct page_bridge *bridge, bool *balanced)
{
    add_counter(object, "peers_ever", &bridge->peers_ever);
    json_add_u64(object, "peers_losing", atomic_load_explicit(&bridge->peers_losing, memory_order_relaxed));
    json_add_u64(object, "peers_uncounted", atomic_load_explicit(&bridge->peers_uncounted, memory_order_relaxed));
    add_traffic(cJSON_AddObjectToObject(object, "traffic"), &bridge->traffic, true, true);
    cJSON *peers = cJSON_AddArrayToObject(object, "peers_shown");
    for (size_t i = 0; i < PAGE_PEERS; i++) {
        if (bridge->peers_shown[i].id != 0) {
            cJSON_AddItemToArray(peers, peer_json(&bridge->peers_shown[i], balanced));
        }
    }
}

static cJSON *lane_json(const struct ledger *ledger, struct page_lane *lane, bool *balanced)
{
    cJSON *object = cJSON_CreateObject();
    int64_t off = ledger_balance(ledger, lane);
    cJSON_AddStringToObject(object, "channel", lane->channel);
    cJSON_AddStringToObject(object, "direction", lane->outward ? "out" : "in");
    add_state(object, &lane->state);
    add_counter(object, "read", &lane->read);
    add_counter(object, "read_bytes", &lane->read_bytes);
    add_counter(object, "last_sequence", &lane->last_sequence);
    add_counter(object, "forwarded", &lane->forwarded);
    add_counter(object, "forwarded_bytes", &lane->forwarded_bytes);
    json_add_u64(object, "dropped_total", page_lane_dropped(lane));
    cJSON *reasons = cJSON_AddObjectToObject(object, "dropped");
    for (uint32_t reason = 1; reason < LEAT_REASON_COUNT; reason++) {
        add_counter(reasons, page_reason_name(reason), &lane->dropped[reason]);
    }
    add_counter(object, "returned", &lane->returned);
    add_counter(object, "in_flight", &lane->in_flight);
    add_latency(object, &lane->latency);
    json_add_i64(object, "off_by", off);
    cJSON_AddBoolToObject(object, "balanced", off == 0);
    *balanced = *balanced && off == 0;
    return object;
}

static cJSON *bridge_json(const struct ledger *ledger, struct page_bridge *bridge, bool *balanced)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", bridge->name);
    add_state(object, &bridge->state);
    cJSON_AddStringToObject(object, "reason", bridge->reason);
    add_counter(object, "state_since_ns", &bridge->state_since_ns);
    cJSON_AddStringToObject(object, "pattern", bridge->pattern);
    cJSON_AddStringToObject(object, "urls", bridge->urls);
    cJSON_AddStringToObject(object, "worker", bridge->worker);
    json_add_u64(object, "worker_pid", atomic_load_explicit(&bridge->worker_pid, memory_order_relaxed));
    json_add_u64(object, "peers", atomic_load_explicit(&bridge->peers, memory_order_relaxed));
    add_counter(object, "restarts", &bridge->restarts);
    add_counter(object, "denied", &bridge->denied);
    add_counter(object, "certificate_expires_ns", &bridge->certificate_expires_ns);
    cJSON *lanes = cJSON_AddArrayToObject(object, "lanes");
    for (uint32_t i = 0; i < atomic_load_explicit(&bridge->lane_count, memory_order_relaxed); i++) {
        cJSON_AddItemToArray(lanes, lane_json(ledger, &bridge->lanes[i], balanced));
    }
    add_peers(object, bridge, balanced);
    return object;
}

bool ledger_print_json(struct ledger *ledger, bool pretty)
{
    struct page *page = ledger->page.page;
    bool balanced = true;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "gateway", page->name);
    cJSON_AddStringToObject(object, "life", ledger_life_name(ledger->life));
    json_add_u64(object, "pid", page->supervisor_pid);
    json_add_u64(object, "started_ns", page->started_ns);
    add_counter(object, "generation", &page->generation);
    add_counter(object, "reloaded_ns", &page->reloaded_ns);
    cJSON *bridges = cJSON_AddArrayToObject(object, "bridges");
    for (size_t i = 0; i < page_bridge_count(&ledger->page); i++) {
        if (page_bridge_is_used(&page->bridges[i])) {
            cJSON_AddItemToArray(bridges, bridge_json(ledger, &page->bridges[i], &balanced));
        }
    }
    cJSON_AddBoolToObject(object, "balanced", balanced);
    json_print(object, pretty);
    return balanced;
}
