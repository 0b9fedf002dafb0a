#include "wake.h"
#include "clock.h"
#include "test_point.h"

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

uint32_t wake_prepare(_Atomic uint32_t *word)
{
    uint32_t value = atomic_fetch_or(word, WAKE_SLEEPS) | WAKE_SLEEPS;
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) != 0)
        atomic_store_explicit(&cannot_fence_wakers, true, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst); /* for wakers that fence themselves */
    return value;
}

void wake_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    if (atomic_load_explicit(&cannot_fence_wakers, memory_order_relaxed) && timeout_ns > UNFENCED_SLICE_NS)
        timeout_ns = UNFENCED_SLICE_NS;
    struct timespec timeout = clock_timespec(timeout_ns);
    (void)syscall(SYS_futex, word, FUTEX_WAIT, expected, &timeout, NULL, 0);
}

void wake_all(_Atomic uint32_t *word)
{
    uint32_t value = atomic_load_explicit(word, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(word, &value, (value + 2) & ~WAKE_SLEEPS))
        ;
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
