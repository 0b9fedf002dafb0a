/* The clock by which every wait on other processes is limited. */
#ifndef LEAT_CPPIPC_CLOCK_H
#define LEAT_CPPIPC_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

static inline int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* When `limit_ns` from now on will have passed; at most half a century away, so that sums of it stay in range. */
static inline int64_t deadline_after(int64_t limit_ns)
{
    const int64_t most = INT64_C(50) * 365 * 24 * 3600 * NS_PER_S;
    return monotonic_ns() + (limit_ns < 0 ? 0 : limit_ns < most ? limit_ns : most);
}

static inline struct timespec timespec_of(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

#endif
