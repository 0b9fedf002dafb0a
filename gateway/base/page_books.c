/* What stands on the page: finding a bridge, settling books, states, events. */
#include "base/clock.h"
#include "base/page.h"

#include <leat/plugin/pattern.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

size_t page_bridge_count(const struct page_map *map)
{
    size_t room = (map->bytes - sizeof(struct page)) / sizeof(struct page_bridge);
    size_t count = atomic_load_explicit(&map->page->bridge_count, memory_order_acquire);
    return count < room ? count : room;
}

bool page_bridge_is_used(const struct page_bridge *bridge)
{
    return bridge->name[0] != '\0';
}

struct page_bridge *page_find(const struct page_map *map, const char *bridge)
{
    for (size_t i = 0; i < page_bridge_count(map); i++)
        if (strncmp(map->page->bridges[i].name, bridge, PAGE_NAME_BYTES) == 0)
            return &map->page->bridges[i];
    return NULL;
}

/* ---- the books -------------------------------------------------------------------------------------------------------- */

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

uint64_t page_lane_dropped(const struct page_lane *lane)
{
    uint64_t sum = 0;
    for (size_t reason = 1; reason < PAGE_REASONS; reason++)
        sum += load(&lane->dropped[reason]);
    return sum;
}

bool page_lane_resumes(const struct page_lane *lane)
{
    return lane->outward && atomic_load_explicit(&lane->durable, memory_order_relaxed);
}

/* Nobody counts in this lane any more. It counts what it reads before what becomes of it, so normally the difference is what it
 * held: its channel gives that again to a reader with a stored position, and to nobody else. Where death came between two stores the other way round, a
 * message that was forwarded has been read. */
uint64_t page_lane_settle(struct page_lane *lane)
{
    uint64_t read = load(&lane->read);
    uint64_t accounted = load(&lane->forwarded) + page_lane_dropped(lane) + load(&lane->returned);
    uint64_t held = read > accounted ? read - accounted : 0;
    atomic_fetch_add_explicit(page_lane_resumes(lane) ? &lane->returned : &lane->dropped[LEAT_DROP_ERROR], held,
                              memory_order_relaxed);
    if (read < accounted)
        atomic_store_explicit(&lane->read, accounted, memory_order_relaxed);
    atomic_store_explicit(&lane->in_flight, 0, memory_order_relaxed);
    atomic_store_explicit(&lane->heartbeat_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&lane->state, PAGE_STOPPED, memory_order_relaxed);
    return held;
}

/* ---- events and states ------------------------------------------------------------------------------------------------- */

static void note(struct page *page, const char *bridge, const char *text)
{
    uint64_t number = atomic_fetch_add_explicit(&page->events_written, 1, memory_order_relaxed) + 1;
    struct page_event *event = &page->events[(number - 1) % PAGE_EVENTS];

    /* A reader that sees the same number before and after has seen this event whole (release: acquire in page_event_read). */
    atomic_store_explicit(&event->number, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    event->time_ns = (uint64_t)clock_realtime_ns();
    snprintf(event->bridge, sizeof event->bridge, "%s", bridge ? bridge : "");
    snprintf(event->text, sizeof event->text, "%s", text);
    atomic_store_explicit(&event->number, number, memory_order_release);
}

void page_note(struct page_map *map, const char *bridge, const char *format, ...)
{
    char text[PAGE_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    note(map->page, bridge, text);
}

/* Lanes of one worker may report at once; supervisor and worker meet here only when one of them is about to end. */
static pthread_mutex_t state_lock = PTHREAD_MUTEX_INITIALIZER;

void page_set_state(struct page_map *map, struct page_bridge *bridge, enum page_state state, const char *format, ...)
{
    char reason[PAGE_TEXT_BYTES], text[PAGE_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);

    pthread_mutex_lock(&state_lock);
    bool moved = atomic_load_explicit(&bridge->state, memory_order_relaxed) != (uint32_t)state;
    bool changed = moved || strncmp(bridge->reason, reason, sizeof reason) != 0;
    if (changed) {
        memcpy(bridge->reason, reason, sizeof reason);
        if (moved)
            atomic_store_explicit(&bridge->state_since_ns, (uint64_t)clock_realtime_ns(), memory_order_relaxed);
        /* release: whoever sees the state (page lookers, the supervisor's tick) finds its reason beside it */
        atomic_store_explicit(&bridge->state, (uint32_t)state, memory_order_release);
        snprintf(text, sizeof text, "%s%s%.160s", page_state_name((uint32_t)state), *reason ? ": " : "", reason);
        note(map->page, bridge->name, text);
    }
    pthread_mutex_unlock(&state_lock);
}

const char *page_state_name(uint32_t state)
{
    static const char *const names[] = {
        [PAGE_STOPPED] = "stopped",       [PAGE_STARTING] = "starting", [PAGE_WAITING] = "waiting",
        [PAGE_CONNECTING] = "connecting", [PAGE_RUNNING] = "running",   [PAGE_DEGRADED] = "degraded",
        [PAGE_STOPPING] = "stopping",     [PAGE_FAILED] = "failed",
    };
    return state < sizeof names / sizeof *names ? names[state] : "unknown";
}

const char *page_reason_name(uint32_t reason)
{
    static const char *const names[LEAT_REASON_COUNT] = {
        [LEAT_FORWARD] = "forwarded",        [LEAT_DROP_LAPPED] = "lapped",       [LEAT_DROP_SLOW_PEER] = "slow_peer",
        [LEAT_DROP_NO_PEER] = "no_peer",     [LEAT_DROP_FILTERED] = "filtered",   [LEAT_DROP_OVERSIZE] = "oversize",
        [LEAT_DROP_EXPIRED] = "expired",     [LEAT_DROP_DENIED] = "denied",       [LEAT_DROP_LOOP] = "loop",
        [LEAT_DROP_MALFORMED] = "malformed", [LEAT_DROP_ERROR] = "error",         [LEAT_DROP_SHUTDOWN] = "shutdown",
        [LEAT_DROP_UNKNOWN] = "unknown",     [LEAT_DROP_DUPLICATE] = "duplicate",
    };
    return reason < LEAT_REASON_COUNT ? names[reason] : "unknown";
}
