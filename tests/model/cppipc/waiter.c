#include "waiter.h"

#include "offsets.h"
#include "point.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HELD_MAX 4u
#define YIELDS 32u
#define NOT_RECOVERABLE (FUTEX_TID_MASK | FUTEX_OWNER_DIED)

bool waiter_open(struct waiter *waiter, const char *directory, const char *name, bool open_to_all)
{
    char file[400];
    snprintf(file, sizeof file, "%s_WAITER_COND_", name);
    if (!object_open(&waiter->condition, directory, file, CONDITION_BYTES, open_to_all))
        return false;
    if (object_references(&waiter->condition) <= 1)
        atomic_store(u32_at(&waiter->condition, 0), 0);
    snprintf(file, sizeof file, "%s_WAITER_LOCK_", name);
    if (!object_open(&waiter->lock, directory, file, LOCK_BYTES, open_to_all))
        return false;
    if (object_references(&waiter->lock) <= 1)
        atomic_store(u32_at(&waiter->lock, LOCK_WORD), 0);
    return true;
}

void waiter_close(struct waiter *waiter)
{
    object_close(&waiter->condition);
    object_close(&waiter->lock);
}

/* ---- the kernel's list of what this thread holds ------------------------------------------------------------------- */

static _Thread_local struct {
    struct robust_list_head head;
    unsigned char *held[HELD_MAX]; /* locks, the newest last */
    unsigned count;
    uint32_t tid;
} mine;

static void mine_init(void)
{
    if (mine.tid)
        return;
    mine.tid = (uint32_t)syscall(SYS_gettid);
    mine.head.list.next = &mine.head.list;
    mine.head.futex_offset = LOCK_WORD;
    syscall(SYS_set_robust_list, &mine.head, sizeof mine.head);
}

static struct robust_list **link_of(unsigned char *lock, size_t offset)
{
    return (struct robust_list **)(lock + offset);
}

/* head -> newest -> ... -> oldest -> head, written so that a death in between leaves a list that can be walked. */
static void mine_relink(void)
{
    struct robust_list *next = &mine.head.list;
    for (unsigned i = 0; i < mine.count; i++) {
        *link_of(mine.held[i], LOCK_PREVIOUS) =
            i + 1 < mine.count ? (struct robust_list *)mine.held[i + 1] : &mine.head.list;
        *link_of(mine.held[i], LOCK_NEXT) = next;
        next = (struct robust_list *)mine.held[i];
    }
    atomic_signal_fence(memory_order_seq_cst);
    mine.head.list.next = next;
}

static void operation_begins(unsigned char *lock)
{
    mine_init();
    mine.head.list_op_pending = (struct robust_list *)lock;
    atomic_signal_fence(memory_order_seq_cst);
}

static void operation_ends(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    mine.head.list_op_pending = NULL;
}

static void hold(unsigned char *lock)
{
    mine.held[mine.count++] = lock;
    mine_relink();
}

static void let_go(const unsigned char *lock)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < mine.count; i++)
        if (mine.held[i] != lock)
            mine.held[kept++] = mine.held[i];
    mine.count = kept;
    mine_relink();
}

/* ---- the lock ------------------------------------------------------------------------------------------------------ */

static int futex(_Atomic uint32_t *word, int operation, uint32_t value, uintptr_t fourth, _Atomic uint32_t *other,
                 uint32_t sixth)
{
    return syscall(SYS_futex, word, operation, value, fourth, other, sixth) < 0 ? errno : 0;
}

/* 0; EOWNERDEAD: held, its last owner died; another errno: not held. */
static int take(_Atomic uint32_t *word)
{
    int error = EINTR;
    while (error == EINTR) {
        uint32_t nobody = 0;
        if ((atomic_load(word) & NOT_RECOVERABLE) == NOT_RECOVERABLE)
            return ENOTRECOVERABLE;
        if (atomic_compare_exchange_strong(word, &nobody, mine.tid))
            return 0;
        error = futex(word, FUTEX_LOCK_PI, 0, 0, NULL, 0);
    }
    return error ? error : atomic_load(word) & FUTEX_OWNER_DIED ? EOWNERDEAD : 0;
}

bool waiter_lock(const struct waiter *waiter)
{
    _Atomic uint32_t *word = u32_at(&waiter->lock, LOCK_WORD);
    operation_begins(waiter->lock.at);
    int error = take(word);
    if (error == EOWNERDEAD) {
        atomic_fetch_and(word, ~(uint32_t)FUTEX_OWNER_DIED);
        error = 0;
    }
    if (error == 0)
        hold(waiter->lock.at);
    operation_ends();
    if (error)
        fprintf(stderr, "%s: cannot be locked: %d\n", waiter->lock.path, error);
    return error == 0;
}

/* A lock that was handed over by a death while its new owner slept in a condition is not made good by the library, and so ends
 * here as one that nobody can take again. */
void waiter_unlock(const struct waiter *waiter)
{
    _Atomic uint32_t *word = u32_at(&waiter->lock, LOCK_WORD);
    uint32_t now = atomic_load(word), expected = mine.tid;
    if ((now & FUTEX_TID_MASK) != mine.tid)
        return;
    uint32_t spoilt = now & FUTEX_OWNER_DIED ? NOT_RECOVERABLE : 0;
    operation_begins(waiter->lock.at);
    let_go(waiter->lock.at);
    if (!atomic_compare_exchange_strong(word, &expected, spoilt)) {
        futex(word, FUTEX_UNLOCK_PI, 0, 0, NULL, 0);
        if (spoilt)
            atomic_fetch_or(word, spoilt);
    }
    operation_ends();
}

/* ---- the condition ------------------------------------------------------------------------------------------------- */

bool waiter_broadcast(const struct waiter *waiter)
{
    _Atomic uint32_t *sequence = u32_at(&waiter->condition, 0), *word = u32_at(&waiter->lock, LOCK_WORD);
    if (waiter_lock(waiter)) {
        point_pass("lock");
        waiter_unlock(waiter);
    }
    uint32_t value = atomic_fetch_add(sequence, 1) + 1;
    int error;
    while ((error = futex(sequence, FUTEX_CMP_REQUEUE_PI, 1, INT_MAX, word, value)) == EAGAIN)
        value = atomic_load(sequence);
    if (error)
        fprintf(stderr, "%s: cannot be woken: %d\n", waiter->condition.path, error);
    return error == 0;
}

/* One sleep; the lock is held before and after. 0: woken. */
static int sleep_once(const struct waiter *waiter, const struct timespec *until)
{
    _Atomic uint32_t *sequence = u32_at(&waiter->condition, 0), *word = u32_at(&waiter->lock, LOCK_WORD);
    uint32_t value = atomic_load(sequence);
    int error;
    waiter_unlock(waiter);
    operation_begins(waiter->lock.at);
    while ((error = futex(sequence, FUTEX_WAIT_REQUEUE_PI, value, (uintptr_t)until, word, 0)) == EINTR)
        continue;
    if (error == ETIMEDOUT)
        take(word);
    if (error == EAGAIN)
        error = take(word);
    hold(waiter->lock.at);
    if (error == 0 && atomic_load(word) & FUTEX_OWNER_DIED)
        error = EOWNERDEAD;
    operation_ends();
    return error;
}

static struct timespec after_ms(uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += (time_t)(ms / 1000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    return until;
}

static bool sleep_while(const struct waiter *waiter, bool (*unmet)(void *of), void *of, uint64_t limit_ms)
{
    bool in_time = true;
    bool held = waiter_lock(waiter);
    point_pass("waiting");
    while (in_time && unmet(of)) {
        struct timespec until = after_ms(limit_ms);
        in_time = held && sleep_once(waiter, limit_ms == WAIT_FOR_EVER ? NULL : &until) == 0;
    }
    if (held)
        waiter_unlock(waiter);
    return in_time;
}

bool waiter_wait_while(const struct waiter *waiter, bool (*unmet)(void *of), void *of, uint64_t limit_ms)
{
    if (limit_ms == 0)
        return !unmet(of);
    for (unsigned turn = 0; unmet(of); turn++) {
        if (turn == YIELDS)
            return sleep_while(waiter, unmet, of, limit_ms);
        sched_yield();
    }
    return true;
}
