#include "cli/json.h"
#include "cli/top/view.h"

#define EVENTS_MOST 20

static void add_rates(cJSON *object, const struct top_rates *rates)
{
    cJSON *of = cJSON_AddObjectToObject(object, "per_second");
    cJSON_AddNumberToObject(of, "read", rates->read);
    cJSON_AddNumberToObject(of, "forwarded", rates->forwarded);
    cJSON_AddNumberToObject(of, "forwarded_bytes", rates->bytes);
    cJSON_AddNumberToObject(of, "dropped", rates->dropped);
    cJSON_AddNumberToObject(of, "lost", rates->lost);
}

static void add_line(cJSON *object, const struct top_line *line)
{
    add_rates(object, &line->rates);
    json_add_u64(object, "in_flight", line->in_flight);
    json_add_u64(object, "latency_p50_ns", line->half_ns);
    json_add_u64(object, "latency_p99_ns", line->most_ns);
}

static cJSON *lane_json(const struct top_view *view, const struct page_bridge *bridge, uint32_t number)
{
    const struct top_line line = top_lane(view, bridge, number);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "channel", line.lane->channel);
    cJSON_AddStringToObject(object, "direction", line.lane->outward ? "out" : "in");
    cJSON_AddStringToObject(object, "state",
                            page_state_name(atomic_load_explicit(&line.lane->state, memory_order_relaxed)));
    add_line(object, &line);
    return object;
}

static cJSON *bridge_json(const struct top_view *view, const struct top_line *line)
{
    const struct page_bridge *bridge = line->bridge;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", bridge->name);
    cJSON_AddStringToObject(object, "state",
                            page_state_name(atomic_load_explicit(&bridge->state, memory_order_relaxed)));
    cJSON_AddStringToObject(object, "reason", bridge->reason);
    cJSON_AddStringToObject(object, "pattern", bridge->pattern);
    cJSON_AddStringToObject(object, "urls", bridge->urls);
    json_add_u64(object, "peers", atomic_load_explicit(&bridge->peers, memory_order_relaxed));
    json_add_u64(object, "peers_losing", atomic_load_explicit(&bridge->peers_losing, memory_order_relaxed));
    json_add_u64(object, "restarts", atomic_load_explicit(&bridge->restarts, memory_order_relaxed));
    add_line(object, line);
    cJSON *lanes = cJSON_AddArrayToObject(object, "lanes");
    for (uint32_t i = 0; i < atomic_load_explicit(&bridge->lane_count, memory_order_relaxed); i++) {
        cJSON_AddItemToArray(lanes, lane_json(view, bridge, i));
    }
    return object;
}

static cJSON *event_json(const struct page_event *event)
{
    cJSON *object = cJSON_CreateObject();
    json_add_u64(object, "number", atomic_load_explicit(&event->number, memory_order_relaxed));
    json_add_u64(object, "time_ns", event->time_ns);
    cJSON_AddStringToObject(object, "bridge", event->bridge);
    cJSON_AddStringToObject(object, "text", event->text);
    return object;
}

void top_print_json(const struct top_view *view, bool pretty)
{
    const struct page *page = view->now.page.page;
    const struct page_event *newest[EVENTS_MOST];
    struct top_rates sum = top_sum(view);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "gateway", page->name);
    cJSON_AddStringToObject(object, "life", ledger_life_name(view->now.life));
    json_add_u64(object, "pid", page->supervisor_pid);
    json_add_u64(object, "started_ns", page->started_ns);
    json_add_i64(object, "interval_ns", view->has_before ? view->now_ns - view->before_ns : 0);
    add_rates(object, &sum);
    cJSON *bridges = cJSON_AddArrayToObject(object, "bridges");
    for (size_t i = 0; i < view->count; i++) {
        cJSON_AddItemToArray(bridges, bridge_json(view, &view->lines[i]));
    }
    cJSON *events = cJSON_AddArrayToObject(object, "events");
    size_t count = top_events(view, newest, EVENTS_MOST);
    for (size_t i = 0; i < count; i++) {
        cJSON_AddItemToArray(events, event_json(newest[i]));
    }
    json_print(object, pretty);
}
