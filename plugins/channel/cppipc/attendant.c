#include "cppipc/attendant.h"
#include "cppipc/clock.h"
#include "cppipc/returns.h"

#include <errno.h>
#include <leat/error.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the lane asks for, in one word: bits 0..2 are broadcasts, of enum handle_waiter. */
#define ASK_WAIT 8u
#define ASK_RETURN 16u
#define ASK_STOP 32u
#define PARKED 64u /* set by the thread alone: it sleeps on the word, or is about to */
#define ASK_BROADCASTS ((1u << HANDLE_WAITERS) - 1)

#define LOOK_NS (250 * NS_PER_MS)  /* how often the thread looks whether the objects are still there */
#define SLICE_NS (100 * NS_PER_MS) /* after so long both sides look for themselves: a waker may have been killed */
#define RETRY_NS (10 * NS_PER_MS)  /* after a failure; each further one waits twice as long */
#define RETRY_MOST_NS (100 * NS_PER_MS)
#define STUCK_NS (5 * NS_PER_MS) /* a lock that is held for so long is held by somebody who does not run */
#define BRIEF_NS NS_PER_MS       /* enough for a lock whose holder runs */
#define POLL_FOR_NS NS_PER_S     /* after a failure the lane polls; then futexes get another chance */
#define POLL_LEAST_NS 20000
#define POLL_MOST_NS NS_PER_MS
#define YIELDS 32 /* looks before a sleep: who answers at once costs no sleep and no wake */

struct wish {
    enum handle_waiter which;
    bool (*ready)(const void *of); /* NULL: withdrawn */
    const void *of;
    int64_t deadline;
    uint64_t number;
};

struct attendant {
    const struct leat_host *host;
    struct handle *handle;
    enum cppipc_wake wake;
    int64_t lock_ns;
    pthread_t thread, successor;

    _Atomic uint32_t asked; /* a futex of this process: the thread parks on it */
    _Atomic uint32_t bell;  /* a futex of this process: the lane sleeps on it */
    _Atomic int64_t poll_until;
    _Atomic bool gone;
    _Atomic bool foreign;      /* there are others in another PID namespace: no futex of theirs is touched any more */
    pthread_mutex_t wish_lock; /* of this process alone; held for a look or a copy, by either side */
    struct wish wish;
    struct returns returns;
    bool has_lost_chunk; /* the lane's: told once */

    struct { /* the thread's own */
        struct attendant *self;
        struct wish wish;
        bool waits;
        uint32_t due; /* broadcasts */
        bool returns_left;
        int64_t next_look, next_try, retry_ns;
        bool has_told, must_end;
        pid_t ended; /* thread that had their lock under a number of another PID namespace, which was: */
        uint32_t foreign_number;
    } own;
};

static void futex_sleep(_Atomic uint32_t *word, uint32_t value, int64_t ns)
{
    struct timespec limit = timespec_of(ns > 0 ? ns : 0);
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &limit, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- the thread ---------------------------------------------------------------------------------------------------- */

/* acquire-release: after it the lane sees why it was rung for. */
static void ring_bell(struct attendant *attendant)
{
    atomic_fetch_add_explicit(&attendant->bell, 1, memory_order_acq_rel);
    futex_wake(&attendant->bell);
}

static void put_off(struct attendant *attendant)
{
    int64_t pause = attendant->own.retry_ns;
    attendant->own.next_try = monotonic_ns() + pause;
    attendant->own.retry_ns = earlier(2 * pause, RETRY_MOST_NS);
}

/* Their futex cannot be used, now at least: -EDEADLK, -ESRCH, -EPERM between PID namespaces, -EINVAL when somebody waits on it
 * in another way, -ENOSYS in some sandboxes, -EFAULT where the file was cut short. The lane looks for itself. */
static void poll_for_now(struct attendant *attendant, int error)
{
    int64_t until = error == -EREMOTE ? INT64_MAX : monotonic_ns() + POLL_FOR_NS;
    atomic_store_explicit(&attendant->poll_until, until, memory_order_release);
    if (attendant->own.has_told)
        return;
    attendant->own.has_told = true;
    char text[256];
    snprintf(text, sizeof text,
             "cpp-ipc's locks do not work here (%s): looking at intervals of up to 1 ms instead. Programs in different "
             "PID namespaces, as in containers, cannot share them",
             strerror(-error));
    attendant->host->log(attendant->host->context, LEAT_LOG_WARNING, text);
}

/* Broadcasts what is due. What fails stays due. */
static void broadcast_due(struct attendant *attendant, int64_t limit_ns)
{
    int64_t deadline = deadline_after(limit_ns);
    for (enum handle_waiter which = 0; which < HANDLE_WAITERS; which++) {
        if (!(attendant->own.due & (1u << which)))
            continue;
        int64_t left = deadline - monotonic_ns();
        int rc = waiter_broadcast(attendant->handle->waiters[which], left > BRIEF_NS ? left : BRIEF_NS);
        if (rc == 0) {
            attendant->own.due &= ~(1u << which);
            attendant->own.retry_ns = RETRY_NS;
            continue;
        }
        put_off(attendant);
        if (rc != -ETIMEDOUT)
            poll_for_now(attendant, rc);
    }
}

/* A lock that is held takes its time limit from us, again and again; but not from a lane that waits for something else. */
static int64_t patience(const struct attendant *attendant)
{
    return attendant->own.waits ? earlier(attendant->lock_ns, RETRY_NS) : attendant->lock_ns;
}

static void serve_due(struct attendant *attendant, uint32_t asked)
{
    uint32_t fresh = asked & ASK_BROADCASTS & ~attendant->own.due;
    if (!atomic_load_explicit(&attendant->foreign, memory_order_relaxed))
        attendant->own.due |= asked & ASK_BROADCASTS;
    attendant->own.returns_left |= (asked & ASK_RETURN) != 0;
    bool may_try = (asked & ASK_STOP) || monotonic_ns() >= attendant->own.next_try;
    if (attendant->own.due != 0 && (may_try || fresh != 0))
        broadcast_due(attendant, patience(attendant));
    if (!attendant->own.returns_left || !may_try)
        return;
    attendant->own.returns_left = returns_try(&attendant->returns);
    if (attendant->own.returns_left)
        put_off(attendant);
}

static void look_whether_gone(struct attendant *attendant)
{
    int64_t now = monotonic_ns();
    if (now < attendant->own.next_look)
        return;
    attendant->own.next_look = now + LOOK_NS;
    if (!attendant_sees_gone(attendant) && handle_is_gone(attendant->handle)) {
        atomic_store_explicit(&attendant->gone, true, memory_order_release);
        ring_bell(attendant);
    }
}

static void take_wish(struct attendant *attendant)
{
    pthread_mutex_lock(&attendant->wish_lock);
    attendant->own.wish = attendant->wish;
    pthread_mutex_unlock(&attendant->wish_lock);
    attendant->own.waits = true;
}

/* Or the lane waits for it no more: what `ready` looks at is then the lane's alone. */
static bool wish_is_met(const void *of)
{
    struct attendant *attendant = *(struct attendant *const *)of;
    pthread_mutex_lock(&attendant->wish_lock);
    const struct wish *wish = &attendant->wish;
    bool met = wish->ready == NULL || wish->number != attendant->own.wish.number || wish->ready(wish->of);
    pthread_mutex_unlock(&attendant->wish_lock);
    return met;
}

/* Sleeps in their waiter until then. False: it showed that nobody can be woken there now, and the lane looks for itself. */
static bool sleep_in_waiter(struct attendant *attendant, int64_t until)
{
    int64_t limit = until - monotonic_ns();
    if (limit <= 0)
        return true;
    struct waiter waiter = attendant->handle->waiters[attendant->own.wish.which];
    int rc = waiter_wait(waiter, wish_is_met, &attendant->own.self, limit);
    if (rc == 0 || rc == -ETIMEDOUT || (rc == -EBUSY && limit < STUCK_NS))
        return true;
    if (rc == -EREMOTE) {
        atomic_store_explicit(&attendant->foreign, true, memory_order_release);
        attendant->own.must_end = true;
        attendant->own.foreign_number = waiter_owner(waiter);
        attendant->own.ended = gettid();
    }
    if (rc == -EBUSY)
        atomic_store_explicit(&attendant->poll_until, monotonic_ns() + POLL_FOR_NS, memory_order_release);
    else
        poll_for_now(attendant, rc);
    return false;
}

static void wait_for_wish(struct attendant *attendant)
{
    int64_t until = earlier(attendant->own.wish.deadline, earlier(monotonic_ns() + SLICE_NS, attendant->own.next_look));
    if (attendant->own.due != 0 || attendant->own.returns_left)
        until = earlier(until, attendant->own.next_try);
    bool works = sleep_in_waiter(attendant, until);
    if (works && monotonic_ns() < attendant->own.wish.deadline && !wish_is_met(&attendant->own.self))
        return; /* woken for somebody else, or it is time for something else */
    attendant->own.waits = false;
    ring_bell(attendant);
}

/* Until something is asked for, or it is time for something else. */
static void park(struct attendant *attendant)
{
    uint32_t nothing = 0;
    int64_t until = attendant->own.next_look;
    if (attendant->own.due != 0 || attendant->own.returns_left)
        until = earlier(until, attendant->own.next_try);
    /* A request after this finds PARKED and wakes; one before it makes the exchange fail. */
    if (atomic_compare_exchange_strong_explicit(&attendant->asked, &nothing, PARKED, memory_order_acq_rel,
                                                memory_order_relaxed))
        futex_sleep(&attendant->asked, PARKED, until - monotonic_ns());
}

static void *attend(void *argument);

static void *succeed(void *argument)
{
    struct attendant *attendant = argument;
    int64_t deadline = deadline_after(NS_PER_S);
    struct timespec pause = timespec_of(NS_PER_MS);
    do /* once more after its end: who was in the queue is given the lock by then */
        nanosleep(&pause, NULL);
    while (tgkill(getpid(), attendant->own.ended, 0) == 0 && monotonic_ns() < deadline);
    nanosleep(&pause, NULL);
    waiter_free_after(attendant->handle->waiters[attendant->own.wish.which], attendant->own.foreign_number);
    return attend(attendant);
}

/* Another thread goes on, in poll mode; the end of this one sets their lock free. The result says that there is a successor. */
static void *hand_over(struct attendant *attendant)
{
    attendant->own.must_end = false;
    attendant->own.due = 0;
    if (pthread_create(&attendant->successor, NULL, succeed, attendant) == 0)
        return attendant;
    atomic_store_explicit(&attendant->gone, true, memory_order_release); /* the lane attaches anew */
    return NULL;
}

static void *attend(void *argument)
{
    struct attendant *attendant = argument;
    uint32_t asked;
    do {
        /* acquire: with ask's release, so that what the lane did before it asked is there before others are woken. A request that
         * comes later sets its bit anew, and is taken the next time round. */
        asked = atomic_exchange_explicit(&attendant->asked, 0, memory_order_acq_rel);
        serve_due(attendant, asked);
        look_whether_gone(attendant);
        if ((asked & ASK_WAIT) && !atomic_load_explicit(&attendant->foreign, memory_order_relaxed))
            take_wish(attendant);
        if (asked & ASK_STOP)
            break;
        if (attendant->own.waits)
            wait_for_wish(attendant);
        else
            park(attendant);
    } while (!attendant->own.must_end);
    return attendant->own.must_end ? hand_over(attendant) : NULL;
}

/* ---- the lane ------------------------------------------------------------------------------------------------------ */

static void ask(struct attendant *attendant, uint32_t what)
{
    uint32_t before = atomic_fetch_or_explicit(&attendant->asked, what, memory_order_release);
    if (!(before & PARKED))
        return;
    /* Cleared here, so that what is asked before the thread runs costs no wake. */
    atomic_fetch_and_explicit(&attendant->asked, ~PARKED, memory_order_release);
    futex_wake(&attendant->asked);
}

void attendant_wake(struct attendant *attendant, enum handle_waiter which)
{
    if (attendant->wake != CPPIPC_WAKE_POLL && !atomic_load_explicit(&attendant->foreign, memory_order_relaxed))
        ask(attendant, 1u << which);
}

void attendant_release(struct attendant *attendant, struct pool *pool, uint32_t chunk)
{
    if (returns_hand(&attendant->returns, pool, chunk)) {
        ask(attendant, ASK_RETURN);
    } else if (!attendant->has_lost_chunk) {
        attendant->has_lost_chunk = true;
        attendant->host->log(attendant->host->context, LEAT_LOG_WARNING,
                             "the lock of a pool of chunks is held by somebody who has died: its chunks are lost until "
                             "it is repaired");
    }
}

bool attendant_sees_gone(const struct attendant *attendant)
{
    return atomic_load_explicit(&attendant->gone, memory_order_acquire);
}

static void nap(int64_t ns)
{
    struct timespec pause = timespec_of(ns);
    nanosleep(&pause, NULL);
}

/* False: when it was time for something else. */
static bool poll(struct attendant *attendant, const struct wish *wish)
{
    int64_t pause = POLL_LEAST_NS;
    for (;;) {
        if (wish->ready(wish->of))
            return true;
        int64_t now = monotonic_ns();
        if (now >= wish->deadline || attendant_sees_gone(attendant) ||
            now >= atomic_load_explicit(&attendant->poll_until, memory_order_relaxed))
            return false;
        nap(earlier(pause, wish->deadline - now));
        pause = earlier(2 * pause, POLL_MOST_NS);
    }
}

/* Lets the thread wait for it; sleeps until it rings, but not longer than a slice without a look. */
static void sleep_on_bell(struct attendant *attendant, const struct wish *wish)
{
    uint32_t seen = atomic_load_explicit(&attendant->bell, memory_order_acquire);
    pthread_mutex_lock(&attendant->wish_lock);
    uint64_t number = attendant->wish.number + 1;
    attendant->wish = *wish;
    attendant->wish.number = number;
    pthread_mutex_unlock(&attendant->wish_lock);
    ask(attendant, ASK_WAIT);
    while (atomic_load_explicit(&attendant->bell, memory_order_acquire) == seen && !wish->ready(wish->of)) {
        int64_t left = wish->deadline - monotonic_ns();
        if (left <= 0)
            break;
        futex_sleep(&attendant->bell, seen, earlier(left, SLICE_NS));
    }
    pthread_mutex_lock(&attendant->wish_lock);
    attendant->wish.ready = NULL;
    pthread_mutex_unlock(&attendant->wish_lock);
}

int attendant_wait(struct attendant *attendant, enum handle_waiter which, bool (*ready)(const void *of), const void *of,
                   int64_t timeout_ns)
{
    for (int i = 0; i < YIELDS && timeout_ns != 0; i++) {
        if (ready(of))
            return 0;
        sched_yield();
    }
    struct wish wish = {
        .which = which, .ready = ready, .of = of, .deadline = deadline_after(timeout_ns < 0 ? INT64_MAX : timeout_ns)};
    while (!ready(of)) {
        int64_t now = monotonic_ns();
        if (now >= wish.deadline || attendant_sees_gone(attendant))
            return LEAT_ETIMEDOUT;
        if (now < atomic_load_explicit(&attendant->poll_until, memory_order_acquire))
            (void)poll(attendant, &wish);
        else
            sleep_on_bell(attendant, &wish);
    }
    return 0;
}

/* None of the process's signals are this thread's, but for those that its own instructions cause. */
static int start_thread(struct attendant *attendant)
{
    sigset_t most, before;
    sigfillset(&most);
    sigdelset(&most, SIGBUS);
    sigdelset(&most, SIGSEGV);
    sigdelset(&most, SIGFPE);
    sigdelset(&most, SIGILL);
    pthread_sigmask(SIG_SETMASK, &most, &before);
    int error = pthread_create(&attendant->thread, NULL, attend, attendant);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

int attendant_start(struct attendant **attendant, const struct leat_host *host, struct handle *handle,
                    enum cppipc_wake wake, int64_t lock_ns)
{
    struct attendant *new = calloc(1, sizeof *new);
    if (new == NULL)
        return -ENOMEM;
    new->host = host;
    new->handle = handle;
    new->wake = wake;
    new->lock_ns = lock_ns;
    new->own.self = new;
    new->own.retry_ns = RETRY_NS;
    new->own.next_look = monotonic_ns() + LOOK_NS;
    atomic_init(&new->poll_until, wake == CPPIPC_WAKE_POLL ? INT64_MAX : 0);
    pthread_mutex_init(&new->wish_lock, NULL);
    int rc = start_thread(new);
    if (rc != 0) {
        pthread_mutex_destroy(&new->wish_lock);
        free(new);
        return rc;
    }
    *attendant = new;
    return 0;
}

void attendant_stop(struct attendant *attendant)
{
    if (attendant == NULL)
        return;
    ask(attendant, ASK_STOP);
    void *succeeded = NULL;
    pthread_join(attendant->thread, &succeeded);
    if (succeeded != NULL)
        pthread_join(attendant->successor, NULL);
    returns_free(&attendant->returns);
    pthread_mutex_destroy(&attendant->wish_lock);
    free(attendant);
}
