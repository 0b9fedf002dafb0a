#include "base/page_takeover.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/page_file.h"
#include "base/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETIRE_PATIENCE_NS (400 * NS_PER_MS) /* an orphan drains for less (worker.c) */
#define RETIRE_KILLED_NS (2 * NS_PER_S)

static bool ended_by(int pidfd, int64_t deadline_ns)
{
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    int64_t left_ms = (deadline_ns - clock_monotonic_ns()) / NS_PER_MS;
    return poll(&poll_fd, 1, left_ms > 0 ? (int)left_ms : 0) == 1;
}

/* A pidfd of the bridge's worker, or negative: it has none that runs. */
static int open_worker(const struct page_bridge *bridge)
{
    pid_t pid = (pid_t)atomic_load_explicit(&bridge->worker_pid, memory_order_relaxed);
    uint64_t start = atomic_load_explicit(&bridge->worker_start, memory_order_relaxed);
    return pid > 0 ? process_open(pid, start) : -1;
}

bool page_worker_lives(const struct page_bridge *bridge)
{
    int pidfd = open_worker(bridge);
    if (pidfd >= 0)
        close(pidfd);
    return pidfd >= 0;
}

static void retire(const struct page_bridge *bridge, int64_t deadline_ns)
{
    int pidfd = open_worker(bridge);
    if (pidfd < 0)
        return;
    if (!ended_by(pidfd, deadline_ns)) {
        log_warning("worker of bridge '%.*s' (pid %d) outlived its gateway and does not end; killing it",
                    PAGE_NAME_BYTES - 1, bridge->name,
                    (int)atomic_load_explicit(&bridge->worker_pid, memory_order_relaxed));
        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
        ended_by(pidfd, clock_monotonic_ns() + RETIRE_KILLED_NS);
    }
    close(pidfd);
}

void page_retire_workers(struct page_map *old)
{
    int64_t deadline_ns = clock_monotonic_ns() + RETIRE_PATIENCE_NS;
    for (size_t i = 0; i < page_bridge_count(old); i++)
        retire(&old->page->bridges[i], deadline_ns);
}

int page_retire(const char *directory, const char *name)
{
    struct page_map copy;
    struct stat st;
    int error = page_copy(&copy, directory, name);
    if (error)
        return error;
    /* What is dead now stays dead: the next gateway puts a new file in its place. So its workers are known for good. */
    if (fstat(copy.fd, &st) != 0 || st.st_uid != geteuid())
        error = -EPERM;
    else if (page_file_is_held(copy.fd))
        error = -EBUSY;
    else
        page_retire_workers(&copy);
    page_close(&copy);
    return error;
}

static bool has_title(const struct page_lane *lane, const struct page_lane_title *title)
{
    return lane->outward == title->outward && strncmp(lane->channel, title->channel, sizeof lane->channel) == 0;
}

static bool has_lanes(const struct page_bridge *bridge, const struct page_lane_title *titles, size_t count)
{
    for (size_t i = 0; i < PAGE_LANES; i++)
        if (i < count ? !has_title(&bridge->lanes[i], &titles[i]) : bridge->lanes[i].channel[0] != '\0')
            return false;
    return true;
}

void page_set_lanes(struct page_bridge *bridge, const struct page_lane_title *titles, size_t count)
{
    struct page_lane before[PAGE_LANES];
    if (has_lanes(bridge, titles, count))
        return; /* nobody sees counters that are gone for a moment */
    memcpy(before, bridge->lanes, sizeof before);
    memset(bridge->lanes, 0, sizeof bridge->lanes);
    for (size_t i = 0; i < count && i < PAGE_LANES; i++) {
        struct page_lane *lane = &bridge->lanes[i];
        snprintf(lane->channel, sizeof lane->channel, "%s", titles[i].channel);
        lane->outward = titles[i].outward;
        for (size_t old = 0; old < PAGE_LANES; old++)
            if (has_title(&before[old], &titles[i]))
                *lane = before[old];
    }
}

void page_inherit(struct page_map *map, struct page_map *old)
{
    if (atomic_load_explicit(&old->page->state, memory_order_relaxed) == PAGE_STOPPED)
        return;
    for (size_t i = 0; i < page_bridge_count(map); i++) {
        struct page_bridge *bridge = &map->page->bridges[i];
        const struct page_bridge *before = page_find(old, bridge->name);
        if (!before)
            continue;
        memcpy(bridge, before, sizeof *bridge);
        atomic_store_explicit(&bridge->state, PAGE_STOPPED, memory_order_relaxed);
        atomic_store_explicit(&bridge->worker_pid, 0, memory_order_relaxed);
        page_peers_leave(bridge);
        bridge->reason[0] = '\0';
        for (size_t lane = 0; lane < PAGE_LANES; lane++)
            page_lane_settle(&bridge->lanes[lane]);
    }
    memcpy(map->page->events, old->page->events, sizeof map->page->events);
    atomic_store_explicit(&map->page->events_written,
                          atomic_load_explicit(&old->page->events_written, memory_order_relaxed), memory_order_relaxed);
}
