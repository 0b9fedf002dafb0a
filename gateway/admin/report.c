#include "admin/report.h"

#include "base/clock.h"
#include "config/json.h"

#include <leat/version.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the gateway ------------------------------------------------------------------------------------------------------- */

static const char *books_of_all(const struct look *look)
{
    bool off = false;
    for (size_t i = 0; i < page_bridge_count(&look->page); i++)
        for (uint32_t lane = 0; lane < look_lane_count(&look->page.page->bridges[i]); lane++)
            off = off || look_books(look, &look->page.page->bridges[i], lane) == LOOK_OFF;
    return off ? "off" : "balanced";
}

static size_t count_bridges(const struct look *look)
{
    size_t count = 0;
    for (size_t i = 0; i < page_bridge_count(&look->page); i++)
        count += page_bridge_is_used(&look->page.page->bridges[i]);
    return count;
}

cJSON *report_gateway(const struct look *look)
{
    const struct page *page = look->page.page;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", page->name);
    cJSON_AddStringToObject(object, "version", LEAT_VERSION);
    cJSON_AddStringToObject(object, "state", page_state_name(look_u32(&page->state)));
    json_add_u64(object, "pid", page->supervisor_pid);
    json_add_u64(object, "now_ns", look->time_ns);
    json_add_u64(object, "started_ns", page->started_ns);
    json_add_u64(object, "bridges", count_bridges(look));
    cJSON_AddStringToObject(object, "books", books_of_all(look));
    json_add_u64(object, "generation", look_u64(&page->generation));
    json_add_u64(object, "reloaded_ns", look_u64(&page->reloaded_ns));
    json_add_u64(object, "reload_failures", look_u64(&page->reload_failures));
    json_add_u64(object, "reload_failed_ns", look_u64(&page->reload_failed_ns));
    cJSON_AddStringToObject(object, "reload_failure", page->reload_failure);
    return object;
}

/* ---- ready ------------------------------------------------------------------------------------------------------------- */

static bool is_under_way(uint32_t state)
{
    return state == PAGE_RUNNING || state == PAGE_DEGRADED || state == PAGE_WAITING || state == PAGE_CONNECTING;
}

static void add_reason(cJSON *reasons, const char *bridge, uint32_t state, const char *text)
{
    cJSON *reason = cJSON_CreateObject();
    cJSON_AddStringToObject(reason, "bridge", bridge);
    cJSON_AddStringToObject(reason, "state", page_state_name(state));
    cJSON_AddStringToObject(reason, "reason", text);
    cJSON_AddBoolToObject(reason, "blocks", !is_under_way(state));
    cJSON_AddItemToArray(reasons, reason);
}

cJSON *report_ready(const struct look *look, bool *ready)
{
    const struct page *page = look->page.page;
    cJSON *object = cJSON_CreateObject(), *reasons = cJSON_CreateArray();
    uint32_t gateway_state = look_u32(&page->state);
    *ready = gateway_state == PAGE_RUNNING;
    if (!*ready)
        add_reason(reasons, "", gateway_state, "the gateway itself");
    for (size_t i = 0; i < page_bridge_count(&look->page); i++) {
        const struct page_bridge *bridge = &page->bridges[i];
        uint32_t state = look_u32(&bridge->state);
        if (!page_bridge_is_used(bridge) || state == PAGE_RUNNING)
            continue;
        add_reason(reasons, bridge->name, state, bridge->reason);
        *ready = *ready && is_under_way(state);
    }
    cJSON_AddStringToObject(object, "status", *ready ? "ready" : "not ready");
    cJSON_AddItemToObject(object, "reasons", reasons);
    return object;
}

/* ---- events ------------------------------------------------------------------------------------------------------------ */

static const struct page_event *find_event(const struct page *page, uint64_t number)
{
    const struct page_event *event = &page->events[(number - 1) % PAGE_EVENTS];
    return look_u64(&event->number) == number ? event : NULL; /* otherwise it was being written */
}

cJSON *report_events(const struct look *look, uint64_t after)
{
    const struct page *page = look->page.page;
    uint64_t last = look_u64(&page->events_written);
    uint64_t first = last > PAGE_EVENTS ? last - PAGE_EVENTS + 1 : 1;
    cJSON *object = cJSON_CreateObject(), *events = cJSON_AddArrayToObject(object, "events");
    for (uint64_t number = after >= first ? after + 1 : first; number <= last && number != 0; number++) {
        const struct page_event *event = find_event(page, number);
        if (!event)
            continue;
        cJSON *item = cJSON_CreateObject();
        json_add_u64(item, "number", number);
        json_add_u64(item, "time_ns", event->time_ns);
        cJSON_AddStringToObject(item, "bridge", event->bridge);
        cJSON_AddStringToObject(item, "text", event->text);
        cJSON_AddItemToArray(events, item);
    }
    json_add_u64(object, "written", last);
    return object;
}

/* ---- history ----------------------------------------------------------------------------------------------------------- */

static cJSON *report_times(const struct history_stretch *stretch)
{
    cJSON *times = cJSON_CreateArray();
    for (size_t i = 0; i < stretch->count; i++) {
        char text[24];
        snprintf(text, sizeof text, "%" PRIu64, stretch->times_ns[i]);
        cJSON_AddItemToArray(times, cJSON_CreateRaw(text));
    }
    return times;
}

/* Two digits behind the point are enough for people and short for the wire. */
static cJSON *report_values(const float *values, size_t count)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        double value = round((double)values[i] * 100) / 100;
        cJSON_AddItemToArray(list, isnan(values[i]) ? cJSON_CreateNull() : cJSON_CreateNumber(value));
    }
    return list;
}

cJSON *report_history(const struct history_stretch *stretch, const char *bridge)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "bridge", bridge ? bridge : "");
    cJSON_AddItemToObject(object, "times_ns", report_times(stretch));
    for (size_t series = 0; series < HISTORY_STATE; series++)
        cJSON_AddItemToObject(object, history_series_name((enum history_series)series),
                              report_values(stretch->values[series], stretch->count));
    cJSON *states = cJSON_AddArrayToObject(object, history_series_name(HISTORY_STATE));
    for (size_t i = 0; i < stretch->count; i++) {
        float state = stretch->values[HISTORY_STATE][i];
        cJSON_AddItemToArray(states, isnan(state) ? cJSON_CreateNull()
                                                  : cJSON_CreateStringReference(page_state_name((uint32_t)state)));
    }
    return object;
}
