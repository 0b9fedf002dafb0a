#include "cli/json.h"
#include "cli/ledger_books.h"

#include <leat/plugin/pattern.h>

static void add_counter(cJSON *object, const char *name, const _Atomic uint64_t *counter)
{
    json_add_u64(object, name, atomic_load_explicit(counter, memory_order_relaxed));
}

static void add_state(cJSON *object, const _Atomic uint32_t *state)
{
    cJSON_AddStringToObject(object, "state", page_state_name(atomic_load_explicit(state, memory_order_relaxed)));
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
    cJSON *lanes = cJSON_AddArrayToObject(object, "lanes");
    for (uint32_t i = 0; i < atomic_load_explicit(&bridge->lane_count, memory_order_relaxed); i++) {
        cJSON_AddItemToArray(lanes, lane_json(ledger, &bridge->lanes[i], balanced));
    }
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
    cJSON *bridges = cJSON_AddArrayToObject(object, "bridges");
    for (size_t i = 0; i < page_bridge_count(&ledger->page); i++) {
        cJSON_AddItemToArray(bridges, bridge_json(ledger, &page->bridges[i], &balanced));
    }
    cJSON_AddBoolToObject(object, "balanced", balanced);
    json_print(object, pretty);
    return balanced;
}
