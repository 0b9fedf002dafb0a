/* No wake-up of cpp-ipc's is lost between a lane, its attendant and a peer that sleeps in the waiter as the library does: they hand
 * a number to and fro, so that every round finds the other side asleep or just about to sleep. Others wake everybody for nothing
 * meanwhile.
 *
 * Both sides look again by themselves after a tenth of a second, which would hide a lost wake-up: so a wait of nearly that
 * long is a stall. */
#include "cppipc/attendant.h"
#include "cppipc/clock.h"
#include "trial.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUNDS (TRIAL_SLOW ? 5000u : 20000u)
#define LIMIT_NS (10 * TRIAL_S)
#define STALL_NS (90 * TRIAL_MS)
#define STALLS_ALLOWED 5u /* a virtual machine that was not run at all looks the same */

static char folder[] = "/tmp/leat-attendant-XXXXXX";
static _Atomic uint64_t asked, answered; /* rounds */
static _Atomic bool over;
static unsigned slow_answers;

static void quiet(void *context, int32_t level, const char *text)
{
    (void)context, (void)level;
    printf("%s\n", text);
}

static int64_t clock_now(void *context)
{
    (void)context;
    return trial_now_ns();
}

static void open_handle(struct handle *handle)
{
    char explain[256] = "";
    struct cppipc_where where = {folder, "", "trial"};
    int rc = handle_open(handle, &where, CPPIPC_LAYOUT_1_4, true, explain, sizeof explain);
    trial_check(rc == 0, "%s (%d)", explain, rc);
}

static bool reaches(const void *of)
{
    return atomic_load(&asked) >= *(const uint64_t *)of;
}

static bool is_answered(const void *of)
{
    return atomic_load(&answered) >= *(const uint64_t *)of;
}

/* The peer: as a receiver of the library it waits on RD for a message, and then tells the sender that there is room. */
static void *answer(void *argument)
{
    const struct handle *handle = argument;
    uint64_t seed = 1;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        while (!reaches(&round)) {
            int rc = waiter_wait(handle->waiters[HANDLE_RD], reaches, &round, LIMIT_NS);
            trial_check(rc == 0, "round %" PRIu64 ": %d", round, rc);
        }
        if (trial_random(&seed) % 2)
            trial_nap_us((long)(trial_random(&seed) % 100)); /* the lane is asleep by then */
        atomic_store(&answered, round);
        int rc = waiter_broadcast(handle->waiters[HANDLE_WT], LIMIT_NS);
        trial_check(rc == 0, "round %" PRIu64 ": %d", round, rc);
    }
    return NULL;
}

/* Wakes everybody now and then, as other peers do. */
static void *disturb(void *argument)
{
    const struct handle *handle = argument;
    uint64_t seed = 2;
    while (!atomic_load(&over)) {
        for (enum handle_waiter which = 0; which < HANDLE_WAITERS; which++)
            trial_check(waiter_broadcast(handle->waiters[which], LIMIT_NS) == 0, "waiter %d", (int)which);
        trial_nap_us((long)(trial_random(&seed) % 2000));
    }
    return NULL;
}

static void ask_and_wait(struct attendant *attendant)
{
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        int64_t began = trial_now_ns();
        atomic_store(&asked, round);
        attendant_wake(attendant, HANDLE_RD);
        int rc = attendant_wait(attendant, HANDLE_WT, is_answered, &round, LIMIT_NS);
        trial_check(rc == 0, "round %" PRIu64 ": %d", round, rc);
        slow_answers += trial_now_ns() - began >= STALL_NS;
        if (round % 97 == 0)
            (void)attendant_wait(attendant, HANDLE_CC, is_answered, &(uint64_t){UINT64_MAX}, 1000);
    }
}

int main(void)
{
    struct handle ours, theirs, others;
    struct leat_host host = {.size = sizeof host, .log = quiet, .now_ns = clock_now};
    struct attendant *attendant;
    pthread_t peer, disturber;
    trial_check(mkdtemp(folder) != NULL, "no folder");
    open_handle(&ours);
    open_handle(&theirs);
    open_handle(&others);
    trial_check(attendant_start(&attendant, &host, &ours, CPPIPC_WAKE_FUTEX, 100 * TRIAL_MS) == 0, "no thread");
    trial_check(pthread_create(&peer, NULL, answer, &theirs) == 0, "no thread");
    trial_check(pthread_create(&disturber, NULL, disturb, &others) == 0, "no thread");
    int64_t began = trial_now_ns();
    ask_and_wait(attendant);
    pthread_join(peer, NULL);
    atomic_store(&over, true);
    pthread_join(disturber, NULL);
    attendant_stop(attendant);
    printf("%u rounds, %" PRId64 " ns each, %u slow ones\n", ROUNDS, (trial_now_ns() - began) / ROUNDS, slow_answers);
    handle_close(&others);
    handle_close(&theirs);
    handle_close(&ours);
    trial_check(rmdir(folder) == 0, "something was left in %s", folder);
    trial_check(slow_answers <= STALLS_ALLOWED, "%u wake-ups were lost", slow_answers);
    return 0;
}
