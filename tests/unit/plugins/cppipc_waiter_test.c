/* cpp-ipc's condition and mutex between processes: one is a thread here or a child, which sleeps, dies or stops while it holds
 * the lock. */
#include "cppipc/clock.h"
#include "cppipc/waiter.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_NS (20 * NS_PER_S)
#define SHORT_NS (50 * NS_PER_MS)
#define SCHEDULING_NS (5 * NS_PER_S)
#define NO_SUCH_THREAD 0x3ffffff0u /* beyond any pid_max */

static struct shared {
    struct cppipc_condition condition;
    struct cppipc_mutex mutex;
    _Atomic uint32_t foreign;
    _Atomic pid_t foreigner; /* as others number it; -1: there is none */
    _Atomic unsigned asleep; /* or holding the lock, about to sleep */
} * shared;

static struct waiter waiter;

static void set_up(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert(shared != MAP_FAILED);
    waiter = (struct waiter){&shared->condition, &shared->mutex};
}

TestSuite(cppipc_waiter, .init = set_up, .timeout = 60);

static bool always(const void *of)
{
    (void)of;
    return true;
}

/* Under the lock: who broadcasts afterwards finds us asleep. */
static bool not_yet(const void *of)
{
    (void)of;
    shared->asleep++;
    return false;
}

/* Has looked in vain, and is slow to fall asleep. */
static bool not_yet_slowly(const void *of)
{
    not_yet(of);
    usleep(20000);
    return false;
}

static bool die(const void *of)
{
    (void)of;
    kill(getpid(), SIGKILL);
    return false;
}

static bool stop(const void *of)
{
    (void)of;
    raise(SIGSTOP);
    return true;
}

static pid_t child_waits(bool (*ready)(const void *of))
{
    pid_t child = fork();
    if (child == 0)
        _exit(waiter_wait(waiter, ready, NULL, LONG_NS) == 0 ? 0 : 1);
    cr_assert(child > 0);
    return child;
}

static void until_asleep(unsigned count)
{
    int64_t deadline = deadline_after(LONG_NS);
    while (shared->asleep < count && monotonic_ns() < deadline)
        usleep(100);
    cr_assert(shared->asleep >= count);
}

static int status_of(pid_t child, int options)
{
    int status = -1;
    cr_assert(waitpid(child, &status, options) == child);
    return status;
}

Test(cppipc_waiter, a_broadcast_that_nobody_waits_for_counts_and_leaves_the_lock_free)
{
    cr_assert(waiter_broadcast(waiter, LONG_NS) == 0);
    cr_assert(shared->condition.sequence == 1 && shared->mutex.word == 0);
}

Test(cppipc_waiter, what_is_ready_is_not_waited_for)
{
    cr_assert(waiter_wait(waiter, always, NULL, LONG_NS) == 0);
    cr_assert(shared->condition.sequence == 0 && shared->mutex.word == 0);
}

Test(cppipc_waiter, a_wait_in_vain_ends_with_its_limit)
{
    int64_t began = monotonic_ns();
    cr_assert(waiter_wait(waiter, not_yet, NULL, SHORT_NS) == -ETIMEDOUT);
    int64_t took = monotonic_ns() - began;
    cr_assert(took >= SHORT_NS && took < SHORT_NS + SCHEDULING_NS, "%ld", (long)took);
    cr_assert(shared->mutex.word == 0);
}

Test(cppipc_waiter, everybody_asleep_is_woken_by_one_broadcast)
{
    pid_t children[4];
    for (unsigned i = 0; i < 4; i++)
        children[i] = child_waits(not_yet);
    until_asleep(4);
    cr_assert(waiter_broadcast(waiter, LONG_NS) == 0);
    for (unsigned i = 0; i < 4; i++)
        cr_assert(status_of(children[i], 0) == 0);
    cr_assert((shared->mutex.word & FUTEX_TID_MASK) == 0, "%x", shared->mutex.word);
}

Test(cppipc_waiter, a_broadcast_while_somebody_looks_is_not_missed)
{
    pid_t child = child_waits(not_yet_slowly);
    until_asleep(1);
    cr_assert(waiter_broadcast(waiter, LONG_NS) == 0);
    cr_assert(status_of(child, 0) == 0);
}

static void *wait_in_thread(void *result)
{
    *(int *)result = waiter_wait(waiter, not_yet, NULL, LONG_NS);
    return NULL;
}

Test(cppipc_waiter, a_thread_of_the_same_process_is_woken)
{
    pthread_t thread;
    int result = -1;
    pthread_create(&thread, NULL, wait_in_thread, &result);
    until_asleep(1);
    cr_assert(waiter_broadcast(waiter, LONG_NS) == 0);
    pthread_join(thread, NULL);
    cr_assert(result == 0, "%d", result);
}

Test(cppipc_waiter, a_lock_whose_owner_was_killed_is_had_at_once)
{
    cr_assert(WIFSIGNALED(status_of(child_waits(die), 0)));
    cr_assert(shared->mutex.word & FUTEX_OWNER_DIED, "%x", shared->mutex.word);
    cr_assert(waiter_broadcast(waiter, 0) == 0);
    cr_assert(shared->mutex.word == 0, "%x", shared->mutex.word);
}

Test(cppipc_waiter, a_sleeper_that_is_killed_leaves_nothing_behind)
{
    pid_t child = child_waits(not_yet);
    until_asleep(1);
    kill(child, SIGKILL);
    cr_assert(WIFSIGNALED(status_of(child, 0)));
    cr_assert(waiter_broadcast(waiter, 0) == 0 && shared->mutex.word == 0);
}

/* Stopped while it holds the lock; the caller lets it go on. */
static pid_t stopped_owner(void)
{
    pid_t child = child_waits(stop);
    cr_assert(WIFSTOPPED(status_of(child, WUNTRACED)));
    return child;
}

Test(cppipc_waiter, a_stopped_owner_costs_a_broadcast_its_limit_and_nothing_else)
{
    pid_t child = stopped_owner();
    int64_t began = monotonic_ns();
    cr_assert(waiter_broadcast(waiter, SHORT_NS) == -ETIMEDOUT);
    int64_t took = monotonic_ns() - began;
    cr_assert(took >= SHORT_NS && took < SHORT_NS + SCHEDULING_NS, "%ld", (long)took);
    kill(child, SIGCONT);
    cr_assert(waiter_broadcast(waiter, LONG_NS) == 0);
    cr_assert(status_of(child, 0) == 0);
    cr_assert((shared->mutex.word & FUTEX_TID_MASK) == 0, "%x", shared->mutex.word);
}

Test(cppipc_waiter, a_wait_behind_a_stopped_owner_says_that_it_saw_nothing)
{
    pid_t child = stopped_owner();
    cr_assert(waiter_wait(waiter, not_yet, NULL, SHORT_NS) == -EBUSY);
    cr_assert(shared->asleep == 0);
    kill(child, SIGKILL);
    cr_assert(WIFSIGNALED(status_of(child, 0)));
    cr_assert(waiter_wait(waiter, always, NULL, LONG_NS) == 0);
}

/* An owner that is stopped while others sleep in the queue for its lock: they come back in time all the same. */
Test(cppipc_waiter, sleepers_behind_a_stopped_owner_come_back_in_time)
{
    pid_t sleeper = child_waits(not_yet);
    until_asleep(1);
    pid_t child = stopped_owner();
    cr_assert(waiter_wait(waiter, not_yet, NULL, SHORT_NS) == -EBUSY);
    kill(child, SIGCONT);
    cr_assert(status_of(child, 0) == 0);
    cr_assert(waiter_broadcast(waiter, LONG_NS) == 0);
    cr_assert(status_of(sleeper, 0) == 0);
}

Test(cppipc_waiter, our_own_thread_as_the_owner_is_an_error)
{
    shared->mutex.word = (uint32_t)syscall(SYS_gettid);
    cr_assert(waiter_broadcast(waiter, LONG_NS) == -EDEADLK);
    cr_assert(waiter_wait(waiter, not_yet, NULL, LONG_NS) == -EDEADLK);
    cr_assert(shared->condition.sequence == 0);
}

Test(cppipc_waiter, an_owner_that_does_not_exist_is_an_error)
{
    shared->mutex.word = NO_SUCH_THREAD;
    cr_assert(waiter_broadcast(waiter, LONG_NS) == -ESRCH);
    shared->mutex.word = NO_SUCH_THREAD | FUTEX_WAITERS;
    int rc = waiter_broadcast(waiter, LONG_NS);
    cr_assert(rc == -ESRCH || rc == -EINVAL, "%d", rc);
}

/* As the library leaves it after a death, with or without waiters, or after it has taken the mark of the death off. */
Test(cppipc_waiter, a_lock_that_was_spoilt_is_set_right)
{
    static const uint32_t spoilt[] = {FUTEX_TID_MASK | FUTEX_OWNER_DIED, UINT32_MAX, FUTEX_TID_MASK | FUTEX_WAITERS};
    for (unsigned i = 0; i < 3; i++) {
        shared->mutex.word = spoilt[i];
        cr_assert(waiter_broadcast(waiter, LONG_NS) == 0);
        shared->mutex.word = spoilt[i];
        cr_assert(waiter_wait(waiter, always, NULL, LONG_NS) == 0);
        cr_assert(shared->mutex.word == 0);
    }
}

static bool spoil(const void *of)
{
    (void)of;
    shared->mutex.word = UINT32_MAX;
    return true;
}

Test(cppipc_waiter, a_lock_that_is_spoilt_while_it_is_ours_is_given_back)
{
    cr_assert(waiter_wait(waiter, spoil, NULL, LONG_NS) == 0);
    cr_assert(shared->mutex.word == 0);
}

/* Whatever stands in the word, every call comes back within its limit. */
Test(cppipc_waiter, no_word_makes_a_call_hang)
{
    srandom(4);
    for (unsigned i = 0; i < 2000; i++) {
        uint32_t word = (uint32_t)random() ^ (uint32_t)random() << 16;
        if (i % 2)
            word = (word & ~(uint32_t)FUTEX_TID_MASK) | (uint32_t)(random() % 3000);
        shared->mutex.word = word;
        int64_t began = monotonic_ns();
        (void)waiter_broadcast(waiter, NS_PER_MS);
        shared->mutex.word = word;
        (void)waiter_wait(waiter, not_yet, NULL, NS_PER_MS);
        cr_assert(monotonic_ns() - began < SCHEDULING_NS, "%x", word);
    }
    shared->mutex.word = 0;
    cr_assert(waiter_broadcast(waiter, LONG_NS) == 0);
}

/* The links of a mutex that is held are written by others, and nobody follows them here. */
Test(cppipc_waiter, links_that_lead_nowhere_do_no_harm)
{
    shared->mutex.next = shared->mutex.previous = (void *)8;
    cr_assert(waiter_broadcast(waiter, LONG_NS) == 0);
    shared->mutex.next = shared->mutex.previous = (void *)8;
    cr_assert(waiter_wait(waiter, always, NULL, LONG_NS) == 0);
}

static void *wait_plainly(void *stop_it)
{
    while (!*(_Atomic bool *)stop_it) {
        struct timespec limit = timespec_of(NS_PER_S);
        uint32_t seen = shared->condition.sequence;
        syscall(SYS_futex, &shared->condition.sequence, FUTEX_WAIT, seen, &limit, NULL, 0);
    }
    return NULL;
}

/* What nobody may do, and what it looks like to the others. */
Test(cppipc_waiter, a_plain_wait_on_the_counter_makes_broadcasts_fail)
{
    _Atomic bool stop_it = false;
    pthread_t thread;
    pthread_create(&thread, NULL, wait_plainly, &stop_it);
    int64_t deadline = deadline_after(LONG_NS);
    int rc = 0;
    while (rc == 0 && monotonic_ns() < deadline)
        rc = waiter_broadcast(waiter, LONG_NS);
    stop_it = true;
    syscall(SYS_futex, &shared->condition.sequence, FUTEX_WAKE, 1, NULL, NULL, 0);
    pthread_join(thread, NULL);
    cr_assert(rc == -EINVAL, "%d", rc);
    cr_assert(waiter_broadcast(waiter, LONG_NS) == 0);
}

static int wait_as_foreigner(void)
{
    int rc = waiter_wait(waiter, not_yet, NULL, LONG_NS);
    shared->foreign = waiter_owner(waiter);
    return rc == -EREMOTE ? 0 : 1;
}

/* 77: this user may not have another namespace. */
static int wait_in_another_namespace(void)
{
    int status = 0;
    if (unshare(CLONE_NEWPID) != 0) {
        shared->foreigner = -1;
        shared->asleep = 1;
        return 77;
    }
    pid_t child = fork(); /* the first in there */
    if (child == 0)
        _exit(wait_as_foreigner());
    shared->foreigner = child;
    return child > 0 && waitpid(child, &status, 0) == child ? status : 2;
}

static char state_of(pid_t process)
{
    char path[32], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    FILE *file = fopen(path, "r");
    if (file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    if (file != NULL)
        fclose(file);
    return state;
}

/* Until then it holds the lock under a number that is somebody else's here, which must not be waited for. */
static void until_the_foreigner_sleeps(void)
{
    int64_t deadline = deadline_after(LONG_NS);
    while ((shared->foreigner == 0 || state_of(shared->foreigner) != 'S') && monotonic_ns() < deadline)
        usleep(100);
    cr_assert(shared->foreigner > 0 && state_of(shared->foreigner) == 'S');
}

/* Woken from outside its PID namespace a sleeper owns the lock under a number that it does not know. */
Test(cppipc_waiter, a_sleeper_in_another_pid_namespace_leaves_the_lock_usable)
{
    pid_t child = fork();
    if (child == 0)
        _exit(wait_in_another_namespace());
    until_asleep(1);
    if (shared->foreigner >= 0)
        until_the_foreigner_sleeps();
    cr_assert(waiter_broadcast(waiter, LONG_NS) == 0);
    int status = status_of(child, 0);
    if (WEXITSTATUS(status) == 77)
        cr_skip_test("needs root");
    cr_assert(status == 0 && shared->foreign > 2);
    waiter_free_after(waiter, shared->foreign);
    cr_assert(waiter_broadcast(waiter, LONG_NS) == 0 && shared->mutex.word == 0, "%x", shared->mutex.word);
}
