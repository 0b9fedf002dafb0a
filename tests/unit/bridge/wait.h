/* Waiting for events with a deadline, and reproducible chance. */
#ifndef TESTS_BRIDGE_WAIT_H
#define TESTS_BRIDGE_WAIT_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WAIT_LIMIT_NS INT64_C(10000000000)

static inline int64_t wait_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline struct timespec wait_until(int64_t timeout_ns)
{
    int64_t then = wait_now() + timeout_ns;
    return (struct timespec){.tv_sec = then / 1000000000, .tv_nsec = then % 1000000000};
}

static inline void wait_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

static inline uint64_t wait_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Never returns: what was waited for did not come. Criterion takes the abort for a failed test, a program for its end. */
_Noreturn static inline void wait_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: did not come to pass: %s\n", file, line, what);
    abort();
}

/* For programs without Criterion. */
#define CHECK(condition)                                 \
    do {                                                 \
        if (!(condition))                                \
            wait_failed(__FILE__, __LINE__, #condition); \
    } while (0)

/* Under `lock`, which is released again. */
#define await(lock, cond, condition)                              \
    do {                                                          \
        struct timespec limit_ = wait_until(WAIT_LIMIT_NS);       \
        pthread_mutex_lock(lock);                                 \
        while (!(condition))                                      \
            if (pthread_cond_timedwait(cond, lock, &limit_) != 0) \
                wait_failed(__FILE__, __LINE__, #condition);      \
        pthread_mutex_unlock(lock);                               \
    } while (0)

/* For what has no condition variable: counters in the page. */
#define await_true(condition)                                              \
    do {                                                                   \
        for (int64_t limit_ = wait_now() + WAIT_LIMIT_NS; !(condition);) { \
            if (wait_now() > limit_)                                       \
                wait_failed(__FILE__, __LINE__, #condition);               \
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);        \
        }                                                                  \
    } while (0)

#endif
