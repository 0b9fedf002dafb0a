#include "wake.h"
#include "clock.h"
#include "test_point.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Without membarrier a sleeper cannot order itself against wakers that rely on it, so it sleeps in short slices. */
#define UNFENCED_SLICE_NS INT64_C(1000000)

static _Atomic bool cannot_fence_wakers;

bool wake_register(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
}

uint32_t wake_announce(_Atomic uint32_t *word)
{
    return atomic_fetch_or(word, WAKE_SLEEPS) | WAKE_SLEEPS;
}

void wake_order(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) != 0)
        atomic_store_explicit(&cannot_fence_wakers, true, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst); /* for wakers that fence themselves */
}

uint32_t wake_prepare(_Atomic uint32_t *word)
{
    uint32_t value = wake_announce(word);
    wake_order();
    return value;
}

static int64_t slice_of(int64_t timeout_ns)
{
    bool short_only = atomic_load_explicit(&cannot_fence_wakers, memory_order_relaxed);
    return short_only && timeout_ns > UNFENCED_SLICE_NS ? UNFENCED_SLICE_NS : timeout_ns;
}

void wake_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    struct timespec timeout = clock_timespec(slice_of(timeout_ns));
    (void)syscall(SYS_futex, word, FUTEX_WAIT, expected, &timeout, NULL, 0);
}

int wake_wait_any(const struct wake_word *words, unsigned count, int64_t timeout_ns)
{
    struct futex_waitv waits[WAKE_WORDS_MAX];
    for (unsigned i = 0; i < count; i++)
        waits[i] = (struct futex_waitv){.val = words[i].expected, .uaddr = (uintptr_t)words[i].word, .flags = FUTEX_32};
    struct timespec until = clock_timespec(clock_monotonic_ns() + slice_of(timeout_ns));
    if (syscall(SYS_futex_waitv, waits, count, 0, &until, CLOCK_MONOTONIC) >= 0 || errno == EAGAIN ||
        errno == ETIMEDOUT)
        return 0;
    return errno == EINTR ? -EINTR : -ENOSYS; /* a sandbox's filter says EPERM */
}

void wake_all(_Atomic uint32_t *word)
{
    uint32_t value = atomic_load_explicit(word, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(word, &value, (value + 2) & ~WAKE_SLEEPS))
        ;
    (void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void wake_ring(_Atomic uint32_t *word)
{
    atomic_store(word, 1);
    (void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* One of several wakers does it: the one whose exchange clears the bit. */
void wake_announced(_Atomic uint32_t *word)
{
    uint32_t value = atomic_load_explicit(word, memory_order_relaxed);
    while (value & WAKE_SLEEPS) {
        if (atomic_compare_exchange_weak(word, &value, (value + 2) & ~WAKE_SLEEPS)) {
            TEST_POINT("wake:cleared");
            (void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
            return;
        }
    }
}
