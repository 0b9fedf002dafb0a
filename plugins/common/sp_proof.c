#include "common/sp_proof.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

/* nng's expiry thread (1.5) spins through the last millisecond of every sleep: looking every 5 ms cost a fifth of a core. */
#define LOOK_MS 25
#define RESTS_ONE_PEER 1  /* then one look is enough */
#define RESTS_OTHERWISE 4 /* one of the pipes is idle; the others, and a queue, have had 100 ms */

enum ticket_state { OPEN = 0, GIVEN, FAILED };

struct sp_ticket {
    uint32_t slot;
    enum ticket_state state;
};

static struct sp_ticket *at(const struct sp_proof *proof, uint64_t ticket)
{
    return &proof->tickets[ticket % proof->capacity];
}

/* How many of the last sends prove nothing yet. Half of all slots at most, so that a crowd of peers does not stop the lane. */
static uint32_t lag(struct sp_proof *proof)
{
    uint32_t unwritten = proof->queue + sp_peers_announced(proof->peers);
    return unwritten < proof->lag_most ? unwritten : proof->lag_most;
}

/* The slot of the oldest send that is proven, because it is before `rested` or more than `keep` came after it; -1: none. Under
 * the lock. */
static int64_t take(struct sp_proof *proof, uint32_t keep, uint64_t rested)
{
    while (proof->oldest < proof->reached && (proof->unproven > keep || proof->oldest < rested)) {
        const struct sp_ticket *ticket = at(proof, proof->oldest++);
        if (ticket->state != GIVEN)
            continue;
        proof->unproven--;
        return ticket->slot;
    }
    return -1;
}

static void report(struct sp_proof *proof, uint32_t keep, uint64_t rested, int32_t status)
{
    for (;;) {
        pthread_mutex_lock(&proof->lock);
        int64_t slot = take(proof, keep, rested);
        pthread_mutex_unlock(&proof->lock);
        if (slot < 0)
            return;
        proof->report(proof->context, (uint32_t)slot, status);
    }
}

/* ---- by rest ------------------------------------------------------------------------------------------------------- */

static bool takes_another(const struct sp_proof *proof)
{
    int fd;
    if (nng_socket_get_int(proof->socket, NNG_OPT_SENDFD, &fd) != 0)
        return false;
    struct pollfd writable = {.fd = fd, .events = POLLIN};
    return poll(&writable, 1, 0) > 0;
}

/* Up to which ticket all pipes have had the time to write; 0: not known. */
static uint64_t rested(struct sp_proof *proof)
{
    pthread_mutex_lock(&proof->lock);
    proof->rests = proof->reached == proof->seen ? proof->rests + 1 : 0;
    proof->seen = proof->reached;
    uint64_t reached = proof->reached;
    uint32_t rests = proof->rests;
    pthread_mutex_unlock(&proof->lock);

    uint32_t peers = sp_peers_announced(proof->peers);
    if (peers == 0) /* with the pipe went what it had */
        return reached;
    uint32_t enough = peers == 1 && proof->queue == 0 ? RESTS_ONE_PEER : RESTS_OTHERWISE;
    bool idle = rests >= enough && takes_another(proof);
    return idle && sp_peers_announced(proof->peers) == peers ? reached : 0; /* else the idle one may be new */
}

/* Under the lock. */
static void look_later(struct sp_proof *proof)
{
    proof->looking = proof->unproven > 0 && !proof->closed;
    if (proof->looking)
        nng_sleep_aio(LOOK_MS, proof->timer);
}

static void look(void *of)
{
    struct sp_proof *proof = of;
    if (nng_aio_result(proof->timer) == 0)
        report(proof, UINT32_MAX, rested(proof), 0);
    pthread_mutex_lock(&proof->lock);
    look_later(proof);
    pthread_mutex_unlock(&proof->lock);
}

/* ---- sends --------------------------------------------------------------------------------------------------------- */

int sp_proof_init(struct sp_proof *proof, nng_socket socket, uint32_t slots, uint32_t queue, struct sp_peers *peers,
                  void (*report_out)(void *context, uint32_t slot, int32_t status), void *context)
{
    *proof = (struct sp_proof){.socket = socket, .peers = peers, .report = report_out, .context = context};
    proof->queue = queue;
    proof->capacity = 2 * slots; /* failed sends take room too, until those before them are reported */
    proof->lag_most = slots / 2;
    proof->tickets = calloc(proof->capacity, sizeof *proof->tickets);
    if (!proof->tickets)
        return NNG_ENOMEM;
    pthread_mutex_init(&proof->lock, NULL);
    return nng_aio_alloc(&proof->timer, look, proof);
}

void sp_proof_fini(struct sp_proof *proof)
{
    if (!proof->tickets)
        return;
    if (proof->timer) {
        nng_aio_stop(proof->timer);
        nng_aio_free(proof->timer);
    }
    pthread_mutex_destroy(&proof->lock);
    free(proof->tickets);
}

uint64_t sp_proof_submit(struct sp_proof *proof, uint32_t slot)
{
    pthread_mutex_lock(&proof->lock);
    uint64_t ticket = proof->next++;
    *at(proof, ticket) = (struct sp_ticket){.slot = slot, .state = OPEN};
    pthread_mutex_unlock(&proof->lock);
    return ticket;
}

void sp_proof_finish(struct sp_proof *proof, uint64_t ticket, bool given)
{
    pthread_mutex_lock(&proof->lock);
    at(proof, ticket)->state = given ? GIVEN : FAILED;
    for (; proof->reached < proof->next && at(proof, proof->reached)->state != OPEN; proof->reached++)
        proof->unproven += at(proof, proof->reached)->state == GIVEN;
    if (!proof->looking)
        look_later(proof);
    bool closed = proof->closed;
    pthread_mutex_unlock(&proof->lock);
    report(proof, closed ? 0 : lag(proof), 0, closed ? -ECANCELED : 0);
}

void sp_proof_close(struct sp_proof *proof)
{
    if (!proof->tickets)
        return;
    pthread_mutex_lock(&proof->lock);
    proof->closed = true;
    pthread_mutex_unlock(&proof->lock);
    nng_aio_cancel(proof->timer);
    report(proof, 0, 0, -ECANCELED);
}
