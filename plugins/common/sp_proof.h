/* When a message that a pusher took is really out.
 *
 * nng's push protocol calls a send finished when it gives the message to a pipe, before the pipe has written it: whoever is
 * killed then loses a message that counted as forwarded, and while pipes are full there is one at every instant. So a
 * completion is held back here until it is proven:
 *
 *   by later ones  A pipe has one message at a time, so with P peers a message is written once P later ones were given to
 *                  pipes (and as many more as the socket queues). Exact for one peer. With several, one that takes
 *                  nothing keeps its one message to itself and does not hold up the others.
 *   by rest        When nothing came for a while and the socket would take another message at once, its pipe is idle: the
 *                  last one is written too.
 *
 * Threads: sp_proof_submit from the lane's; sp_proof_finish from completions, any thread. `report` runs without a lock. */
#ifndef LEAT_SP_PROOF_H
#define LEAT_SP_PROOF_H

#include "common/sp_peers.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdbool.h>

struct sp_ticket;

struct sp_proof {
    nng_socket socket;
    struct sp_peers *peers;
    void (*report)(void *context, uint32_t slot, int32_t status);
    void *context;
    nng_aio *timer;

    pthread_mutex_t lock;      /* of everything below */
    struct sp_ticket *tickets; /* sends in the order of their submission, a ring */
    uint32_t capacity, queue, lag_most;
    uint64_t next;     /* the ticket of the next send */
    uint64_t reached;  /* every send before this one is finished */
    uint64_t oldest;   /* every send before this one is reported */
    uint32_t unproven; /* given to pipes, from `oldest` to `reached` */
    uint64_t seen;     /* `reached` when the timer looked last */
    uint32_t rests;    /* how often it looked since and saw the same */
    bool looking, closed;
};

/* 0 or an nng code. `slots`: how many sends there can be at once. `queue`: how many more messages the socket takes than its
 * pipes have. `report`: this slot's message is out; -ECANCELED: it may be, but the socket closes. */
int sp_proof_init(struct sp_proof *proof, nng_socket socket, uint32_t slots, uint32_t queue, struct sp_peers *peers,
                  void (*report)(void *context, uint32_t slot, int32_t status), void *context);
void sp_proof_fini(struct sp_proof *proof); /* after sp_proof_close; all zero is harmless */

/* A send is about to be submitted: its ticket. */
uint64_t sp_proof_submit(struct sp_proof *proof, uint32_t slot);

/* That send came back. `given`: a pipe has it, and it will be reported; otherwise it failed, and the caller reports that. */
void sp_proof_finish(struct sp_proof *proof, uint64_t ticket, bool given);

/* The socket is about to be closed, and nothing more will be proven: reports what is held back as -ECANCELED. */
void sp_proof_close(struct sp_proof *proof);

#endif
