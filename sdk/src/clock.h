/* Clocks: deadlines of waiting calls, and the publish time of messages. */
#ifndef LEAT_CLOCK_H
#define LEAT_CLOCK_H

#include <leat/channel.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static inline int64_t clock_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static inline struct timespec clock_timespec(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

static inline void cpu_pause(int times)
{
    for (int i = 0; i < times; i++) {
#if defined(__x86_64__)
        _mm_pause();
#elif defined(__aarch64__)
        __asm__ volatile("isb" ::: "memory"); /* about as long as x86's pause; "yield" does nothing on most cores */
#endif
    }
}

/* How long a call may still wait. The clock is read only when there is something to wait for. */
struct deadline {
    int64_t timeout_ns;
    int64_t at; /* CLOCK_MONOTONIC; 0: not read yet */
};

static inline struct deadline deadline_in(int64_t timeout_ns)
{
    return (struct deadline){timeout_ns < 0 ? LEAT_FOREVER : timeout_ns, 0};
}

/* Nanoseconds that are left, at most `most`; 0: none. The first call starts the clock. */
static inline int64_t deadline_left(struct deadline *deadline, int64_t most)
{
    if (deadline->timeout_ns < 0)
        return most;
    if (deadline->timeout_ns == 0)
        return 0;
    int64_t now = clock_monotonic_ns();
    if (deadline->at == 0)
        deadline->at = deadline->timeout_ns > INT64_MAX - now ? INT64_MAX : now + deadline->timeout_ns;
    int64_t left = deadline->at - now;
    return left < 0 ? 0 : left < most ? left : most;
}

/* What a call returns that waited in vain. */
static inline int deadline_error(const struct deadline *deadline)
{
    return deadline->timeout_ns == 0 ? LEAT_EAGAIN : LEAT_ETIMEDOUT;
}

/* The publish clock: a reading is used again for the next few hundred nanoseconds, because a reading costs more than
 * publishing a small message. Where the processor has a constant cycle counter, that says how old the reading is. */
struct publish_clock {
    uint64_t ticks;
    uint64_t time_ns;
    bool constant_ticks;
};

#define PUBLISH_CLOCK_TICKS 1000u /* below 1 us on any processor of 1 GHz and more */

static inline void publish_clock_init(struct publish_clock *clock)
{
    *clock = (struct publish_clock){0};
#if defined(__x86_64__)
    unsigned a, b, c, d = 0;
    clock->constant_ticks = __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & (1u << 8));
#endif
}

static inline uint64_t publish_clock_read(struct publish_clock *clock)
{
#if defined(__x86_64__)
    if (clock->constant_ticks) {
        uint64_t ticks = __rdtsc();
        if (ticks - clock->ticks < PUBLISH_CLOCK_TICKS)
            return clock->time_ns;
        clock->ticks = ticks;
    }
#endif
    return clock->time_ns = (uint64_t)clock_ns(CLOCK_REALTIME);
}

#endif
