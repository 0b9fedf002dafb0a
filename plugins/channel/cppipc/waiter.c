#include "cppipc/waiter.h"
#include "cppipc/clock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13 /* Linux 5.14: as FUTEX_LOCK_PI, by the monotonic clock */
#endif

/* The kernel reads this when the thread dies, and tells whoever waits for a lock in it. At most one lock is held at a time. */
static _Thread_local struct {
    struct robust_list_head head;
    uint32_t tid; /* whose list this is: after a fork it is nobody's */
} robust;

/* The kernel sees the stores of a thread of its own in program order; the compiler must leave them so. */
#define IN_ORDER() atomic_signal_fence(memory_order_seq_cst)

static long futex(_Atomic uint32_t *word, int operation, uint32_t value, const void *limit, _Atomic uint32_t *word2,
                  uint32_t value3)
{
    long rc = syscall(SYS_futex, word, operation, value, limit, word2, value3);
    return rc < 0 ? -errno : rc;
}

static int use_robust_list(void)
{
    uint32_t tid = (uint32_t)syscall(SYS_gettid);
    if (robust.tid == tid)
        return 0;
    robust.head.list.next = &robust.head.list;
    robust.head.futex_offset = offsetof(struct cppipc_mutex, word);
    robust.head.list_op_pending = NULL;
    if (syscall(SYS_set_robust_list, &robust.head, sizeof robust.head) != 0)
        return -errno;
    robust.tid = tid;
    return 0;
}

static void announce(struct cppipc_mutex *mutex)
{
    robust.head.list_op_pending = (struct robust_list *)(void *)mutex;
    IN_ORDER();
}

static void announce_nothing(void)
{
    IN_ORDER();
    robust.head.list_op_pending = NULL;
}

/* The links lie in memory that others write: they are set for the kernel, and never followed by us. */
static void enlist(struct cppipc_mutex *mutex)
{
    __atomic_store_n(&mutex->next, (void *)&robust.head, __ATOMIC_RELAXED);
    __atomic_store_n(&mutex->previous, (void *)&robust.head, __ATOMIC_RELAXED);
    IN_ORDER();
    robust.head.list.next = (struct robust_list *)(void *)mutex;
    announce_nothing();
}

static void delist(struct cppipc_mutex *mutex)
{
    announce(mutex);
    robust.head.list.next = &robust.head.list;
    IN_ORDER();
}

/* The lock guards no data: what a dead owner left is as good as anything. */
static void forgive_dead_owner(struct cppipc_mutex *mutex)
{
    if (atomic_load_explicit(&mutex->word, memory_order_acquire) & FUTEX_OWNER_DIED)
        atomic_fetch_and_explicit(&mutex->word, ~(uint32_t)FUTEX_OWNER_DIED, memory_order_acq_rel);
}

/* The library spoils a lock whose owner was killed while others slept behind it: the next one gives it away, and then writes ones over
 * it. From there on none of its programs sleeps or is woken; each loops. No thread has such a number, so nobody holds it by its
 * word, and we set it right: it guards no data, and what the kernel still knows of it ends with those who wait. */
static bool is_spoilt(uint32_t word)
{
    return (word & FUTEX_TID_MASK) == FUTEX_TID_MASK;
}

static bool set_right(struct cppipc_mutex *mutex, uint32_t word, uint32_t owner)
{
    return is_spoilt(word) && atomic_compare_exchange_strong_explicit(&mutex->word, &word, owner, memory_order_acq_rel,
                                                                      memory_order_relaxed);
}

/* Until a time of CLOCK_MONOTONIC. Before Linux 5.14 the kernel takes a time of day only. */
static long lock_in_kernel(struct cppipc_mutex *mutex, int64_t deadline)
{
    struct timespec limit = timespec_of(deadline);
    long rc = futex(&mutex->word, FUTEX_LOCK_PI2, 0, &limit, NULL, 0);
    if (rc != -ENOSYS)
        return rc;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    limit = timespec_of(now.tv_sec * NS_PER_S + now.tv_nsec + (deadline - monotonic_ns()));
    return futex(&mutex->word, FUTEX_LOCK_PI, 0, &limit, NULL, 0);
}

static int acquire(struct cppipc_mutex *mutex, int64_t deadline)
{
    for (;;) {
        uint32_t word = 0;
        /* acquire: with the release of the owner before; by way of the kernel, which is a full barrier, else */
        if (atomic_compare_exchange_strong_explicit(&mutex->word, &word, robust.tid, memory_order_acquire,
                                                    memory_order_relaxed))
            return 0;
        long rc = set_right(mutex, word, 0) ? -EAGAIN : lock_in_kernel(mutex, deadline);
        if (rc == 0)
            forgive_dead_owner(mutex);
        if (rc != -EINTR && rc != -EAGAIN)
            return (int)rc;
        if (monotonic_ns() >= deadline) /* whatever keeps on interrupting */
            return -ETIMEDOUT;
    }
}

static int lock(struct cppipc_mutex *mutex, int64_t deadline)
{
    int rc = use_robust_list();
    if (rc != 0)
        return rc;
    announce(mutex);
    rc = acquire(mutex, deadline);
    if (rc == 0)
        enlist(mutex);
    else
        announce_nothing();
    return rc;
}

static int unlock(struct cppipc_mutex *mutex)
{
    delist(mutex);
    uint32_t word = robust.tid;
    long rc = 0;
    if (!atomic_compare_exchange_strong_explicit(&mutex->word, &word, 0, memory_order_release, memory_order_relaxed)) {
        (void)set_right(mutex, word, robust.tid | FUTEX_WAITERS);    /* spoilt while it was ours */
        rc = futex(&mutex->word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0); /* hands it to who waits for it */
    }
    announce_nothing();
    return (int)rc;
}

/* Who waits is not woken to fight for the lock: one gets it, the others are queued for it. */
static int wake_all(struct waiter waiter, int64_t deadline)
{
    uint32_t now = atomic_fetch_add_explicit(&waiter.condition->sequence, 1, memory_order_acq_rel) + 1;
    for (;;) {
        /* the fourth argument is how many may be queued, not a pointer */
        long rc = futex(&waiter.condition->sequence, FUTEX_CMP_REQUEUE_PI, 1, (const void *)(uintptr_t)INT_MAX,
                        &waiter.mutex->word, now);
        if (rc != -EAGAIN && rc != -EINTR)
            return rc < 0 ? (int)rc : 0;
        if (monotonic_ns() >= deadline)
            return -ETIMEDOUT;
        now = atomic_load_explicit(&waiter.condition->sequence, memory_order_acquire); /* others broadcast too */
    }
}

int waiter_broadcast(struct waiter waiter, int64_t limit_ns)
{
    int64_t deadline = deadline_after(limit_ns);
    /* Whoever has looked in vain holds the lock until it sleeps: once we have had it, it can be woken. */
    int rc = lock(waiter.mutex, deadline);
    if (rc == 0)
        rc = unlock(waiter.mutex);
    return rc != 0 ? rc : wake_all(waiter, deadline);
}

/* Sleeps unless there was a broadcast since `seen`. The lock is ours when this returns 0. */
static long sleep_until_broadcast(struct waiter waiter, uint32_t seen, int64_t deadline)
{
    struct timespec limit = timespec_of(deadline);
    long rc;
    do
        rc = futex(&waiter.condition->sequence, FUTEX_WAIT_REQUEUE_PI, seen, &limit, &waiter.mutex->word, 0);
    while (rc == -EINTR);
    return rc;
}

int waiter_wait(struct waiter waiter, bool (*ready)(const void *of), const void *of, int64_t limit_ns)
{
    int64_t deadline = deadline_after(limit_ns);
    int rc = lock(waiter.mutex, deadline);
    if (rc != 0)
        return rc == -ETIMEDOUT ? -EBUSY : rc;
    bool is_ready = ready(of);
    uint32_t seen = atomic_load_explicit(&waiter.condition->sequence, memory_order_acquire);
    rc = unlock(waiter.mutex);
    if (is_ready || rc != 0)
        return rc;
    announce(waiter.mutex); /* from a broadcast on, the lock may be ours before we run */
    long slept = sleep_until_broadcast(waiter, seen, deadline);
    if (slept != 0) {
        announce_nothing();
        return slept == -EAGAIN ? 0 : (int)slept; /* EAGAIN: there was one before we slept */
    }
    forgive_dead_owner(waiter.mutex);
    uint32_t owner = waiter_owner(waiter);
    if (owner != robust.tid &&
        !is_spoilt(owner)) { /* who broadcast is in another PID namespace, where we have another number */
        announce_nothing();
        return -EREMOTE;
    }
    enlist(waiter.mutex);
    return unlock(waiter.mutex);
}

uint32_t waiter_owner(struct waiter waiter)
{
    return atomic_load_explicit(&waiter.mutex->word, memory_order_acquire) & FUTEX_TID_MASK;
}

void waiter_free_after(struct waiter waiter, uint32_t owner)
{
    uint32_t word = atomic_load_explicit(&waiter.mutex->word, memory_order_acquire);
    if (owner != 0 && (word & FUTEX_TID_MASK) == owner)
        atomic_compare_exchange_strong_explicit(&waiter.mutex->word, &word, 0, memory_order_acq_rel,
                                                memory_order_relaxed);
}
