/* Peers that lose what they are too slow for: how fast they take messages, by two looks at their books, and what can be done. */
#include "base/clock.h"
#include "cli/doctor/areas.h"
#include "cli/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_NS (2500 * NS_PER_MS) /* workers write the books about once a second */

static const struct page_peer *find(const struct page_map *page, const char *bridge, uint32_t id)
{
    const struct page_bridge *found = page_find(page, bridge);
    for (size_t i = 0; found && i < PAGE_PEERS; i++) {
        if (found->peers_shown[i].id == id) {
            return &found->peers_shown[i];
        }
    }
    return NULL;
}

static double rate(const _Atomic uint64_t *before, const _Atomic uint64_t *after)
{
    return (double)(atomic_load_explicit(after, memory_order_relaxed) -
                    atomic_load_explicit(before, memory_order_relaxed)) *
           NS_PER_S / LOOK_NS;
}

static void tell_losing(struct doctor_report *report, const char *gateway, const struct page_bridge *bridge,
                        const struct page_peer *before, const struct page_peer *after)
{
    char subject[256], since[32], lost[QUANTITY_BYTES], taken[QUANTITY_BYTES], offered[QUANTITY_BYTES], remedy[400];
    const bool pubsub = strcmp(bridge->pattern, "pubsub") == 0;
    snprintf(subject, sizeof subject, "bridge %s/%s", gateway, bridge->name);
    clock_describe(since, sizeof since, clock_realtime_ns() - (int64_t)after->lost_since_ns);
    snprintf(
        remedy, sizeof remedy,
        pubsub
            ? "Give it less (fewer topics), or pubsub.slow_consumer = wait, so that the publisher keeps to its pace; "
              "pubsub.queue (now %" PRIu32 ", at most 8192) helps over bursts only."
            : "Let it read faster; its queue (now %" PRIu32 " messages) helps over bursts only.",
        atomic_load_explicit(&bridge->queue_messages, memory_order_relaxed));
    doctor_tell(report, "peer",
                (struct leat_finding){
                    .grade = LEAT_FINDING_WARNING, .subject = subject, .code = "slow-consumer", .remedy = remedy},
                "peer %s takes %s of %s messages a second, and has lost %s, for %s now", after->address,
                format_count(taken, rate(&before->traffic.sent, &after->traffic.sent)),
                format_count(offered, rate(&before->traffic.offered, &after->traffic.offered)),
                format_count(lost, (double)atomic_load_explicit(&after->traffic.lost, memory_order_relaxed)), since);
}

static void tell_uncounted(struct doctor_report *report, const char *gateway, const struct page_bridge *bridge)
{
    char subject[256];
    const uint32_t count = atomic_load_explicit(&bridge->peers_uncounted, memory_order_relaxed);
    snprintf(subject, sizeof subject, "bridge %s/%s", gateway, bridge->name);
    if (count > 0) {
        doctor_tell(report, "peer",
                    (struct leat_finding){.grade = LEAT_FINDING_NOTE, .subject = subject, .code = "uncounted"},
                    "what %" PRIu32 " of its peers lose is unknown: nng counts nothing for their transport", count);
    }
}

static bool is_losing(const struct page_peer *peer)
{
    return peer->id != 0 && peer->until_ns == 0 && peer->lost_since_ns != 0;
}

static bool any_losing(const struct page_map *page)
{
    for (size_t i = 0; i < page_bridge_count(page); i++) {
        if (atomic_load_explicit(&page->page->bridges[i].peers_losing, memory_order_relaxed) > 0) {
            return true;
        }
    }
    return false;
}

static void compare(struct doctor_report *report, const char *gateway, const struct page_map *first,
                    const struct page_map *second)
{
    for (size_t i = 0; i < page_bridge_count(second); i++) {
        const struct page_bridge *bridge = &second->page->bridges[i];
        for (size_t k = 0; page_bridge_is_used(bridge) && k < PAGE_PEERS; k++) {
            const struct page_peer *peer = &bridge->peers_shown[k], *before = find(first, bridge->name, peer->id);
            if (is_losing(peer) && before) {
                tell_losing(report, gateway, bridge, before, peer);
            }
        }
    }
}

void doctor_peers(struct doctor_report *report, const struct ledger *ledger, const char *gateway)
{
    const struct timespec pause = {LOOK_NS / NS_PER_S, LOOK_NS % NS_PER_S};
    struct page_map later;
    for (size_t i = 0; i < page_bridge_count(&ledger->page); i++) {
        tell_uncounted(report, gateway, &ledger->page.page->bridges[i]);
    }
    if (!any_losing(&ledger->page)) {
        return;
    }
    nanosleep(&pause, NULL);
    if (page_copy(&later, NULL, gateway) == 0) {
        compare(report, gateway, &ledger->page, &later);
        page_close(&later);
    }
}
