/* Plays a worker, or the checker, for the tests of the supervisor: what it does follows from the worker's name, up to the first
 * '-'.
 *
 *     serve      one lane that beats; ends on SIGTERM
 *     unfinished the same, but holds three messages when it ends, and says so; as unfinished-forgets from a channel that keeps
 *                no position
 *     stubborn   the same, but never ends
 *     silent     its lane beats once and no more
 *     crash      ends by SIGABRT before it has a lane
 *     stuck      serves for a moment, then ends as stuck
 *     refuse     says why it cannot run
 *
 * As the checker it prints the file $FAKE_CHECKER_SAYS and ends as $FAKE_CHECKER_ENDS says: a status, or "abort". */
#include "base/clock.h"
#include "base/page.h"
#include "worker/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BEAT_NS (10 * NS_PER_MS)
#define ALONE_TURNS 3000

static volatile sig_atomic_t asked_to_stop;

static void stop(int signal_number)
{
    (void)signal_number;
    asked_to_stop = 1;
}

static pid_t parent;

/* Without its supervisor none outlives the test by far, however stubborn; but the signal that it gets should come first. */
static void nap(void)
{
    static int alone;
    if (getppid() != parent && ++alone > ALONE_TURNS)
        _exit(1);
    nanosleep(&(struct timespec){.tv_nsec = BEAT_NS}, NULL);
}

static void start_lane(struct page_map *map, struct page_bridge *bridge)
{
    strcpy(bridge->lanes[0].channel, "shm://test");
    bridge->lanes[0].outward = 1;
    atomic_store(&bridge->lanes[0].durable, strcmp(bridge->worker, "unfinished-forgets") != 0);
    atomic_store(&bridge->lane_count, 1);
    atomic_store(&bridge->lanes[0].state, PAGE_RUNNING);
    atomic_store(&bridge->lanes[0].heartbeat_ns, (uint64_t)clock_monotonic_ns());
    page_set_state(map, bridge, PAGE_RUNNING, "%s", "");
}

/* All bridges that the page gives to this worker. */
static void for_all(struct page_map *map, const char *name, void (*act)(struct page_map *, struct page_bridge *))
{
    for (size_t i = 0; i < page_bridge_count(map); i++)
        if (strcmp(map->page->bridges[i].worker, name) == 0)
            act(map, &map->page->bridges[i]);
}

static void beat(struct page_map *map, struct page_bridge *bridge)
{
    (void)map;
    atomic_store(&bridge->lanes[0].heartbeat_ns, (uint64_t)clock_monotonic_ns());
}

static void hold_three(struct page_map *map, struct page_bridge *bridge)
{
    (void)map;
    atomic_store(&bridge->lanes[0].read, 10);
    atomic_store(&bridge->lanes[0].forwarded, 7);
    atomic_store(&bridge->lanes[0].in_flight, 3);
}

static void refuse(struct page_map *map, struct page_bridge *bridge)
{
    page_set_state(map, bridge, PAGE_FAILED, "port 5555 is in use");
}

static int serve(struct page_map *map, const char *name, const char *role)
{
    for (int turns = 0;; turns++) {
        for_all(map, name, beat);
        nap();
        if (strcmp(role, "stuck") == 0 && turns == 10)
            return WORKER_STUCK;
        if (asked_to_stop && strcmp(role, "stubborn") != 0)
            return strcmp(role, "unfinished") == 0 ? WORKER_UNFINISHED : WORKER_DRAINED;
    }
}

static int play(const char *name)
{
    struct page_map map;
    char role[64] = "";
    strncat(role, name, strcspn(name, "-"));
    if (page_attach(&map, WORKER_PAGE_FD) != 0 || fcntl(WORKER_CONFIG_FD, F_GETFD) != 0)
        return 1;
    if (strcmp(role, "crash") == 0)
        abort();
    if (strcmp(role, "refuse") == 0) {
        for_all(&map, name, refuse);
        return WORKER_CONFIG;
    }
    for_all(&map, name, start_lane);
    if (strcmp(role, "unfinished") == 0)
        for_all(&map, name, hold_three);
    while (strcmp(role, "silent") == 0)
        nap();
    return serve(&map, name, role);
}

static int check(void)
{
    const char *says = getenv("FAKE_CHECKER_SAYS"), *ends = getenv("FAKE_CHECKER_ENDS");
    int fd = says ? open(says, O_RDONLY | O_CLOEXEC) : -1;
    char bytes[65536];
    ssize_t got;
    while (fd >= 0 && (got = read(fd, bytes, sizeof bytes)) > 0)
        if (write(STDOUT_FILENO, bytes, (size_t)got) != got)
            return 1;
    if (ends && strcmp(ends, "abort") == 0)
        abort();
    return ends ? atoi(ends) : 0;
}

int main(int argc, char **argv)
{
    static const char option[] = "--worker=";
    parent = getppid();
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
    if (argc == 2 && strcmp(argv[1], "--checker") == 0)
        _exit(check());
    if (argc == 2 && strncmp(argv[1], option, strlen(option)) == 0)
        _exit(play(argv[1] + strlen(option)));
    return 1;
}
