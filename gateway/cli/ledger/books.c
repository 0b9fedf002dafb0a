#include "cli/ledger/books.h"

#include "base/clock.h"
#include "base/process.h"

#include <time.h>
#include <unistd.h>

#define PATIENCE_NS (500 * NS_PER_MS) /* for all lanes together */
#define LOOK_PAUSE_NS (200 * NS_PER_US)

static bool worker_lives(const struct page_bridge *bridge)
{
    pid_t pid = (pid_t)atomic_load_explicit(&bridge->worker_pid, memory_order_relaxed);
    if (pid <= 0) {
        return false;
    }
    int fd = process_open(pid, atomic_load_explicit(&bridge->worker_start, memory_order_relaxed));
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static void settle_orphans(struct page_map *copy)
{
    for (size_t i = 0; i < page_bridge_count(copy); i++) {
        struct page_bridge *bridge = &copy->page->bridges[i];
        if (worker_lives(bridge)) {
            continue; /* it drains, and counts */
        }
        for (size_t lane = 0; lane < PAGE_LANES; lane++) {
            page_lane_settle(&bridge->lanes[lane]);
        }
        page_peers_leave(bridge);
        atomic_store_explicit(&bridge->state, PAGE_STOPPED, memory_order_relaxed);
        atomic_store_explicit(&bridge->worker_pid, 0, memory_order_relaxed);
    }
}

int ledger_open(struct ledger *ledger, const char *directory, const char *name)
{
    int error = page_copy(&ledger->page, directory, name);
    if (error) {
        return error;
    }
    uint32_t state = atomic_load_explicit(&ledger->page.page->state, memory_order_relaxed);
    ledger->life = page_is_live(directory, name) ? LEDGER_LIVE : state == PAGE_STOPPED ? LEDGER_STOPPED : LEDGER_DEAD;
    ledger->patience_ns = clock_monotonic_ns() + PATIENCE_NS;
    if (ledger->life == LEDGER_DEAD) {
        settle_orphans(&ledger->page);
    }
    return 0;
}

void ledger_close(struct ledger *ledger)
{
    page_close(&ledger->page);
}

static int64_t difference(const struct page_lane *lane)
{
    uint64_t accounted = atomic_load_explicit(&lane->forwarded, memory_order_relaxed) + page_lane_dropped(lane) +
                         atomic_load_explicit(&lane->returned, memory_order_relaxed) +
                         atomic_load_explicit(&lane->in_flight, memory_order_relaxed);
    return (int64_t)(atomic_load_explicit(&lane->read, memory_order_relaxed) - accounted);
}

int64_t ledger_balance(const struct ledger *ledger, struct page_lane *lane)
{
    const struct timespec pause = {.tv_nsec = LOOK_PAUSE_NS};
    int64_t off = difference(lane);
    while (off != 0 && ledger->life == LEDGER_LIVE && clock_monotonic_ns() < ledger->patience_ns) {
        nanosleep(&pause, NULL);
        if (page_copy_lane(&ledger->page, lane) != 0) {
            break;
        }
        off = difference(lane);
    }
    return off;
}

const char *ledger_life_name(enum ledger_life life)
{
    return life == LEDGER_LIVE ? "live" : life == LEDGER_STOPPED ? "stopped" : "dead";
}
