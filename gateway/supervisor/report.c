#include "supervisor/report.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the log says in a state; no sentence: the supervisor's own lines have said it already. */
static const struct {
    const char *sentence;
    int level;
} news[] = {
    [PAGE_WAITING] = {"waiting", LEAT_LOG_INFO}, [PAGE_CONNECTING] = {"waiting for a peer", LEAT_LOG_INFO},
    [PAGE_RUNNING] = {"running", LEAT_LOG_INFO}, [PAGE_DEGRADED] = {"degraded", LEAT_LOG_WARNING},
    [PAGE_FAILED] = {"failed", LEAT_LOG_ERROR},
};

static void say(struct bridge_watch *bridge, uint32_t state, const char *reason, int64_t now_ns)
{
    char who[PAGE_NAME_BYTES + 8], again[64] = "", held_back[64] = "", took[32];
    snprintf(who, sizeof who, "bridge %.*s", PAGE_NAME_BYTES - 1, bridge->page->name);
    if (bridge->down_since_ns && state != PAGE_FAILED) {
        clock_describe(took, sizeof took, now_ns - bridge->down_since_ns);
        snprintf(again, sizeof again, " again, %s after its worker ended", took);
    }
    if (bridge->limiter.held_back)
        snprintf(held_back, sizeof held_back, " (after %" PRIu32 " restart%s since the last line)",
                 bridge->limiter.held_back, bridge->limiter.held_back == 1 ? "" : "s");
    log_event(news[state].sentence, news[state].level, who, "%s%s%s%s%s", news[state].sentence, again,
              *reason ? ": " : "", reason, held_back);
}

void report_state(struct bridge_watch *bridge, int64_t now_ns)
{
    uint32_t state = atomic_load_explicit(&bridge->page->state, memory_order_acquire);
    if (state >= sizeof news / sizeof *news || !news[state].sentence)
        return;

    char reason[PAGE_TEXT_BYTES];
    snprintf(reason, sizeof reason, "%.*s", PAGE_TEXT_BYTES - 1, bridge->page->reason);
    bool known = state == bridge->logged_state && strcmp(reason, bridge->logged_reason) == 0;
    if (known && !bridge->down_since_ns)
        return;
    if (!limiter_is_open(&bridge->limiter, now_ns)) {
        bridge->limiter.held_back += bridge->down_since_ns != 0;
        bridge->down_since_ns = 0;
        return; /* when the state lasts, a later turn says it */
    }
    say(bridge, state, reason, now_ns);
    limiter_wrote(&bridge->limiter, now_ns);
    bridge->logged_state = state;
    memcpy(bridge->logged_reason, reason, sizeof reason);
    bridge->down_since_ns = 0;
}

static void report_lane(const char *who, const struct page_lane *lane)
{
    log_line(LEAT_LOG_WARNING, who,
             "%.*s: read %" PRIu64 " = forwarded %" PRIu64 " + dropped %" PRIu64 " + returned %" PRIu64,
             PAGE_NAME_BYTES - 1, lane->channel, atomic_load_explicit(&lane->read, memory_order_relaxed),
             atomic_load_explicit(&lane->forwarded, memory_order_relaxed), page_lane_dropped(lane),
             atomic_load_explicit(&lane->returned, memory_order_relaxed));
}

void report_unfinished(const struct page_bridge *bridge)
{
    char who[PAGE_NAME_BYTES + 8];
    snprintf(who, sizeof who, "bridge %.*s", PAGE_NAME_BYTES - 1, bridge->name);
    uint32_t lanes = atomic_load_explicit(&bridge->lane_count, memory_order_relaxed);
    for (uint32_t i = 0; i < lanes && i < PAGE_LANES; i++)
        report_lane(who, &bridge->lanes[i]);
}
