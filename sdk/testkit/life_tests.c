/* Starting and stopping, whatever the kind: what is left behind when it works, when it fails, and after a thousand times. */
#include "allocation.h"
#include "subject.h"
#include "tests.h"
#include "traces.h"
#include "ways.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>

#define ALLOCATIONS_MAX 500 /* in one start */
#define DESCRIPTORS_MAX 24
#define LEAST_BLOCK 32 /* bytes of heap that the smallest allocation takes */

/* Calls `each` for every way that check() accepts. */
static void each_way(void (*each)(unsigned way, const void *values))
{
    const void *values = subject_values();
    unsigned tried = 0;
    for (unsigned way = ways_accepted(0, values); way < ways()->count(); way = ways_accepted(way + 1, values)) {
        snprintf(test_notes->trying, sizeof test_notes->trying, "a start %s", ways()->name(way));
        ways()->prepare(way);
        each(way, values);
        tried++;
    }
    if (!tried)
        test_skip("check() accepts no bridge: it blames '%s' (%s)", subject_heard().blame_option,
                  subject_heard().blame);
}

/* ---- once ------------------------------------------------------------------------------------------------------------ */

static void start_once(unsigned way, const void *values)
{
    struct traces before;
    int32_t error = ways()->start(way, values); /* what an engine starts once and keeps */
    test_require(error == 0, "a start %s returned %s; expected 0 (it said: %s)", ways()->name(way), test_errno(error),
                 subject_heard().log[0] ? subject_heard().log : "nothing");
    traces_take(&before);
    for (int i = 0; i < 3; i++)
        ways()->start(way, values);
    traces_require(&before, "a start and a stop");
    traces_fini(&before);
}

static void starts_and_stops(void)
{
    each_way(start_once);
}

/* ---- a thousand times ------------------------------------------------------------------------------------------------ */

static unsigned cycled_way;

static void cycle(void)
{
    ways()->cycle(cycled_way, subject_values());
}

static void start_often(unsigned way, const void *values)
{
    (void)values;
    cycled_way = way;
    traces_cycles(cycle, "starting and stopping 1,000 times");
}

static void starts_a_thousand_times(void)
{
    each_way(start_often);
}

/* ---- without descriptors --------------------------------------------------------------------------------------------- */

/* At most `more` descriptors beyond the highest that is open; UINT64_MAX: as many as before. */
static void limit_descriptors(rlim_t more)
{
    static struct rlimit usual;
    if (usual.rlim_cur == 0)
        getrlimit(RLIMIT_NOFILE, &usual);
    struct rlimit limit = usual;
    rlim_t highest = 0;
    DIR *folder = more == RLIM_INFINITY ? NULL : opendir("/proc/self/fd");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        rlim_t fd = (rlim_t)strtoul(entry->d_name, NULL, 10);
        if (fd > highest && fd != (rlim_t)dirfd(folder))
            highest = fd;
    }
    if (folder) {
        closedir(folder);
        limit.rlim_cur = highest + 1 + more;
    }
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void start_without_descriptors(unsigned way, const void *values)
{
    struct traces before;
    ways()->start(way, values);
    traces_take(&before);
    for (rlim_t more = 0; more < DESCRIPTORS_MAX; more++) {
        limit_descriptors(more);
        int32_t error = ways()->start(way, values);
        limit_descriptors(RLIM_INFINITY);
        traces_require(&before, error ? "a start that failed for want of descriptors" : "a start and a stop");
        if (error == 0)
            break;
    }
    traces_fini(&before);
}

static void survives_without_descriptors(void)
{
    each_way(start_without_descriptors);
}

/* ---- without memory -------------------------------------------------------------------------------------------------- */

/* A start whose `number`th allocation fails. False: it has none of that number. */
static bool fail_allocation(unsigned way, const void *values, uint64_t number)
{
    allocation_fail_at(number);
    ways()->cycle(way, values);
    bool failed = allocation_failed() > 0;
    allocation_fail_at(0);
    return failed;
}

/* The heap that so many such starts leave in use, at least: engines free some of it on other threads, a moment later. */
static long long heap_left(unsigned way, const void *values, uint64_t number, unsigned starts)
{
    size_t heap = traces_heap();
    for (unsigned i = 0; i < starts; i++)
        fail_allocation(way, values, number);
    long long least = (long long)traces_heap() - (long long)heap;
    for (int i = 0; i < 50 && least > 0; i++) {
        test_nap(10 * TEST_MS);
        long long now = (long long)traces_heap() - (long long)heap;
        least = now < least ? now : least;
    }
    return least;
}

/* Whether it is a leak. malloc and engines keep something of everything for a while, so a few starts may say too much; the more there
 * are, the less that is of each. */
static bool leaks(unsigned way, const void *values, uint64_t number, long long *left)
{
    static const unsigned starts[] = {1, 50, 500, 1000, 2000};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        *left = heap_left(way, values, number, starts[i]) / starts[i];
        if (*left < LEAST_BLOCK)
            return false;
    }
    return true;
}

static void start_without_memory(unsigned way, const void *values)
{
    struct traces before;
    ways()->cycle(way, values);
    traces_take(&before);
    for (uint64_t number = 1; number <= ALLOCATIONS_MAX && fail_allocation(way, values, number); number++) {
        long long left;
        test_require(
            !leaks(way, values, number, &left),
            "a start %s whose allocation number %llu fails must leave nothing behind; each leaves %lld bytes of heap",
            ways()->name(way), (unsigned long long)number, left);
    }
    traces_require(&before, "a start that failed for want of memory");
    traces_fini(&before);
}

static void survives_without_memory(void)
{
    if (!allocation_watch())
        test_skip("it allocates nothing itself");
    each_way(start_without_memory);
}

const struct test_row life_tests[] = {
    {"it starts and stops, and leaves nothing behind", starts_and_stops, 30, false},
    {"it starts and stops 1,000 times without a leak", starts_a_thousand_times, 120, false},
    {"a start that gets no descriptor fails and leaves nothing behind", survives_without_descriptors, 60, false},
    {"a start that gets no memory fails and leaves nothing behind", survives_without_memory, 60, false},
    {NULL, NULL, 0, false},
};
