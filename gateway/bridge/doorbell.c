/* A futex with one sleeper. Edge D: arm's fence stands between the announcement and the last look, ring's between the news and
 * the look for a sleeper; so one of the two always sees the other. */
#include "bridge/doorbell.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void doorbell_arm(struct doorbell *bell)
{
    atomic_store_explicit(&bell->armed, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst); /* D, with doorbell_ring */
}

void doorbell_sleep(struct doorbell *bell, int64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    syscall(SYS_futex, &bell->armed, FUTEX_WAIT_PRIVATE, 1, &timeout, NULL, 0);
}

void doorbell_disarm(struct doorbell *bell)
{
    atomic_store_explicit(&bell->armed, 0, memory_order_relaxed);
}

void doorbell_ring(struct doorbell *bell)
{
    atomic_thread_fence(memory_order_seq_cst); /* D, with doorbell_arm */
    if (atomic_load_explicit(&bell->armed, memory_order_relaxed) == 0)
        return;
    if (atomic_exchange_explicit(&bell->armed, 0, memory_order_relaxed) == 1)
        syscall(SYS_futex, &bell->armed, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
