/* The attendant of a lane, with peers that wait, hold locks, stop and remove files. */
#include "cppipc/attendant.h"
#include "cppipc/clock.h"
#include "cppipc/pool.h"
#include "cppipc_folder.h"

#include <criterion/criterion.h>
#include <leat/error.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define LONG_NS (20 * NS_PER_S)
#define SHORT_NS (50 * NS_PER_MS)
#define SCHEDULING_NS (5 * NS_PER_S)
#define NO_SUCH_THREAD 0x3ffffff0u /* beyond any pid_max */

static struct handle ours, theirs;
static struct attendant *attendant;
static _Atomic unsigned logged;
static _Atomic bool flag;

static void count_log(void *context, int32_t level, const char *text)
{
    (void)context, (void)level, (void)text;
    logged++;
}

static struct leat_host host = {.size = sizeof host, .log = count_log};

static void set_up(void)
{
    folder_make();
    folder_open_handle(&ours);
    folder_open_handle(&theirs);
}

static void tear_down(void)
{
    attendant_stop(attendant);
    handle_close(&theirs);
    handle_close(&ours);
    folder_remove();
}

TestSuite(cppipc_attendant, .init = set_up, .fini = tear_down, .timeout = 60);

static void start(enum cppipc_wake wake)
{
    cr_assert(attendant_start(&attendant, &host, &ours, wake, SHORT_NS) == 0);
}

static bool is_set(const void *of)
{
    return *(const _Atomic bool *)of;
}

static bool stop(const void *of)
{
    (void)of;
    raise(SIGSTOP);
    return true;
}

static struct waiter waiter_of(enum handle_waiter which)
{
    return theirs.waiters[which];
}

static uint32_t broadcasts(enum handle_waiter which)
{
    return waiter_of(which).condition->sequence;
}

static bool comes_true(bool (*condition)(void))
{
    int64_t deadline = deadline_after(LONG_NS);
    while (!condition() && monotonic_ns() < deadline)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return condition();
}

static bool rd_was_broadcast(void)
{
    return broadcasts(HANDLE_RD) != 0;
}

/* A process that holds the lock of RD, and is stopped. */
static pid_t stopped_owner(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(waiter_wait(waiter_of(HANDLE_RD), stop, NULL, LONG_NS) == 0 ? 0 : 1);
    int status = 0;
    cr_assert(child > 0 && waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    return child;
}

static void *broadcast_wt(void *argument)
{
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL); /* the lane is asleep by then, or this shows less */
    flag = true;
    if (argument)
        waiter_broadcast(waiter_of(HANDLE_WT), LONG_NS);
    return NULL;
}

Test(cppipc_attendant, broadcasts_what_the_lane_asks_for)
{
    start(CPPIPC_WAKE_FUTEX);
    attendant_wake(attendant, HANDLE_RD);
    cr_assert(comes_true(rd_was_broadcast));
    cr_assert(broadcasts(HANDLE_WT) == 0 && broadcasts(HANDLE_CC) == 0);
}

Test(cppipc_attendant, serves_what_was_asked_for_before_it_ends)
{
    start(CPPIPC_WAKE_FUTEX);
    attendant_wake(attendant, HANDLE_WT);
    attendant_wake(attendant, HANDLE_CC);
    attendant_stop(attendant);
    attendant = NULL;
    cr_assert(broadcasts(HANDLE_WT) == 1 && broadcasts(HANDLE_CC) == 1);
}

Test(cppipc_attendant, a_broadcast_ends_a_wait)
{
    start(CPPIPC_WAKE_FUTEX);
    pthread_t thread;
    pthread_create(&thread, NULL, broadcast_wt, &flag);
    cr_assert(attendant_wait(attendant, HANDLE_WT, is_set, &flag, LONG_NS) == 0);
    pthread_join(thread, NULL);
    cr_assert(logged == 0);
}

Test(cppipc_attendant, a_wait_in_vain_ends_with_its_limit)
{
    start(CPPIPC_WAKE_FUTEX);
    int64_t began = monotonic_ns();
    cr_assert(attendant_wait(attendant, HANDLE_RD, is_set, &flag, SHORT_NS) == LEAT_ETIMEDOUT);
    int64_t took = monotonic_ns() - began;
    cr_assert(took >= SHORT_NS && took < SHORT_NS + SCHEDULING_NS, "%ld", (long)took);
    cr_assert(attendant_wait(attendant, HANDLE_RD, is_set, &flag, 0) == LEAT_ETIMEDOUT);
}

Test(cppipc_attendant, a_stopped_owner_of_a_lock_keeps_no_lane_waiting)
{
    start(CPPIPC_WAKE_FUTEX);
    pid_t child = stopped_owner();
    int64_t began = monotonic_ns();
    for (int i = 0; i < 10; i++)
        attendant_wake(attendant, HANDLE_RD);
    cr_assert(monotonic_ns() - began < SHORT_NS);
    cr_assert(attendant_wait(attendant, HANDLE_RD, is_set, &flag, SHORT_NS) == LEAT_ETIMEDOUT);
    cr_assert(monotonic_ns() - began < 2 * SHORT_NS + SCHEDULING_NS);
    cr_assert(broadcasts(HANDLE_RD) == 0);
    kill(child, SIGCONT);
    cr_assert(comes_true(rd_was_broadcast)); /* what was asked for is not forgotten */
    cr_assert(waitpid(child, NULL, 0) == child);
}

Test(cppipc_attendant, a_message_is_found_behind_a_stopped_owner)
{
    start(CPPIPC_WAKE_FUTEX);
    pid_t child = stopped_owner();
    pthread_t thread;
    pthread_create(&thread, NULL, broadcast_wt, NULL);
    int64_t began = monotonic_ns();
    cr_assert(attendant_wait(attendant, HANDLE_RD, is_set, &flag, LONG_NS) == 0);
    cr_assert(monotonic_ns() - began < SCHEDULING_NS);
    pthread_join(thread, NULL);
    kill(child, SIGKILL);
    cr_assert(waitpid(child, NULL, 0) == child);
}

Test(cppipc_attendant, it_ends_in_time_behind_a_stopped_owner)
{
    start(CPPIPC_WAKE_FUTEX);
    pid_t child = stopped_owner();
    attendant_wake(attendant, HANDLE_RD);
    int64_t began = monotonic_ns();
    attendant_stop(attendant);
    attendant = NULL;
    cr_assert(monotonic_ns() - began < 3 * SHORT_NS + SCHEDULING_NS);
    kill(child, SIGKILL);
    cr_assert(waitpid(child, NULL, 0) == child);
}

Test(cppipc_attendant, polls_where_futexes_do_not_work_and_says_so_once)
{
    start(CPPIPC_WAKE_FUTEX);
    waiter_of(HANDLE_WT).mutex->word = NO_SUCH_THREAD;
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        flag = false;
        pthread_create(&thread, NULL, broadcast_wt, NULL);
        cr_assert(attendant_wait(attendant, HANDLE_WT, is_set, &flag, LONG_NS) == 0);
        pthread_join(thread, NULL);
    }
    attendant_wake(attendant, HANDLE_RD); /* another lock still works */
    cr_assert(comes_true(rd_was_broadcast));
    cr_assert(logged == 1, "%u", logged);
}

Test(cppipc_attendant, a_lock_that_works_again_is_used_again)
{
    start(CPPIPC_WAKE_FUTEX);
    waiter_of(HANDLE_RD).mutex->word = NO_SUCH_THREAD;
    attendant_wake(attendant, HANDLE_RD);
    cr_assert(attendant_wait(attendant, HANDLE_WT, is_set, &flag, SHORT_NS) == LEAT_ETIMEDOUT);
    cr_assert(broadcasts(HANDLE_RD) == 0);
    waiter_of(HANDLE_RD).mutex->word = 0;
    cr_assert(comes_true(rd_was_broadcast));
}

Test(cppipc_attendant, polling_touches_no_futex)
{
    start(CPPIPC_WAKE_POLL);
    waiter_of(HANDLE_WT).mutex->word = waiter_of(HANDLE_RD).mutex->word = NO_SUCH_THREAD;
    pthread_t thread;
    pthread_create(&thread, NULL, broadcast_wt, NULL);
    attendant_wake(attendant, HANDLE_RD);
    cr_assert(attendant_wait(attendant, HANDLE_WT, is_set, &flag, LONG_NS) == 0);
    pthread_join(thread, NULL);
    attendant_stop(attendant);
    attendant = NULL;
    cr_assert(broadcasts(HANDLE_RD) == 0 && broadcasts(HANDLE_WT) == 0 && logged == 0);
    cr_assert(waiter_of(HANDLE_WT).mutex->word == NO_SUCH_THREAD && waiter_of(HANDLE_RD).mutex->word == NO_SUCH_THREAD);
}

static bool sees_gone(void)
{
    return attendant_sees_gone(attendant);
}

Test(cppipc_attendant, sees_that_the_objects_were_removed)
{
    start(CPPIPC_WAKE_FUTEX);
    cr_assert(!sees_gone());
    folder_remove_files("QU_CONN");
    int64_t began = monotonic_ns();
    cr_assert(attendant_wait(attendant, HANDLE_RD, is_set, &flag, LONG_NS) == LEAT_ETIMEDOUT);
    cr_assert(sees_gone() && monotonic_ns() - began < SCHEDULING_NS);
}

Test(cppipc_attendant, sees_it_while_nobody_asks_for_anything)
{
    start(CPPIPC_WAKE_POLL);
    folder_remove_files("RD_CONN");
    cr_assert(comes_true(sees_gone));
}

/* ---- chunks that come back later ---------------------------------------------------------------------------------- */

static struct cppipc_pool *pool_head;

static bool chunk_is_back(void)
{
    return pool_head->head == 0; /* the first chunk is the first that is free */
}

Test(cppipc_attendant, puts_a_chunk_back_when_its_pool_can_be_locked_again)
{
    struct cppipc_where where = folder_where();
    struct pools pools, watching;
    struct pool *pool, *other;
    start(CPPIPC_WAKE_FUTEX);
    pools_init(&pools, where);
    pools_init(&watching, where);
    cr_assert(pools_find(&pools, 1000, true, &pool) == 0 && pools_find(&watching, 1000, false, &other) == 0);
    pool_head = (struct cppipc_pool *)(void *)other->segment.at;
    cr_assert(pool_acquire(pool, 1) == 0 && !chunk_is_back());
    pool_head->lock = 1;
    attendant_release(attendant, pool, 0);
    pools_close(&pools); /* the chunk keeps its pool for itself */
    cr_assert(attendant_wait(attendant, HANDLE_RD, is_set, &flag, SHORT_NS) == LEAT_ETIMEDOUT && !chunk_is_back());
    pool_head->lock = 0;
    cr_assert(comes_true(chunk_is_back));
    pools_close(&watching);
}

Test(cppipc_attendant, gives_up_chunks_when_there_are_too_many_and_says_so_once)
{
    struct pools pools;
    struct pool *pool;
    start(CPPIPC_WAKE_FUTEX);
    pools_init(&pools, folder_where());
    cr_assert(pools_find(&pools, 1000, true, &pool) == 0);
    ((struct cppipc_pool *)(void *)pool->segment.at)->lock = 1;
    for (unsigned i = 0; i < 300; i++)
        attendant_release(attendant, pool, i % CPPIPC_CHUNKS);
    cr_assert(logged == 1, "%u", logged);
    int64_t began = monotonic_ns();
    attendant_stop(attendant);
    attendant = NULL;
    cr_assert(monotonic_ns() - began < SCHEDULING_NS);
    pools_close(&pools);
}
