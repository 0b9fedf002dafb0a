/* Sends that nng would drop without a word wait here until their pipes have room.
 *
 * nng's raw rep, respondent, surveyor and bus sockets take every message at once and drop it where the pipe's own short queue is
 * full: 64, 2, 16 and 16 messages. So a message is given to nng only while its pipe has credit (sp_credit.h), and held otherwise;
 * the lane's window fills up, and the lane waits. What is promised:
 *
 *   to one pipe   (rep, respondent) In order for each pipe. A pipe that writes nothing does not hold up the others for long: what
 *                 waited for SP_PACE_HOLD_NS is refused with -EAGAIN, and so is from then on everything for that pipe for which it
 *                 has no credit. To a pipe that is gone: -ENOTCONN.
 *   to all pipes  (surveyor, bus) In order. A pipe without credit is waited for as long, and from then on no more until it has
 *                 caught up: what it has no room for it loses, as a slow subscriber does. -EAGAIN when none of the pipes
 *                 has room.
 *   for ever      (a publisher that waits) The same, but a pipe without credit is waited for until it has some or is gone.
 *
 * A thread looks after the pipes while something is held, and sleeps otherwise. Threads: sp_pace_send from the lane's;
 * sp_pace_pipe from nng's. */
#ifndef LEAT_SP_PACE_H
#define LEAT_SP_PACE_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define SP_PACE_HOLD_NS INT64_C(2000000000)
#define SP_PACE_BUCKETS 256u

struct sp_pace_pipe;
struct sp_pace_held;

/* What a socket's queues are like, and where its messages go. */
struct sp_pace_kind {
    uint32_t window; /* messages that each pipe is given; 0: such a socket drops nothing */
    bool to_all;     /* otherwise to the pipe that the header names */
    uint32_t queue;  /* messages that each pipe has room for in truth */
    bool for_ever;   /* a pipe that takes nothing is waited for as long as it is there */
};

struct sp_pace {
    const struct sp_pace_kind *kind;
    uint64_t byte_limit; /* for each pipe */
    void (*give)(void *context, uint32_t slot);
    void (*report)(void *context, uint32_t slot, int32_t status);
    void *context;
    pthread_t thread;

    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t wake;
    struct sp_pace_pipe *buckets[SP_PACE_BUCKETS];
    uint32_t pipes, counted;    /* how many there are, and of which nng counts */
    struct sp_pace_held *slots; /* one for each slot */
    uint32_t first, last;       /* slots that are held, oldest first */
    uint32_t held;
    uint64_t pass;     /* number of the walk over the held ones */
    int64_t looked_ns; /* when nng's counters were read last */
    int64_t look_ns;   /* how long that took */
    int64_t pause_ns;  /* of the thread between two looks */
    bool behind;       /* to all: one of the pipes was slow of late */
    bool closed;
};

/* 0 or an nng code. `give` submits a slot's send to nng, which takes it without calling back from inside; it is called under the
 * lock, so that order is kept. `report`: this slot's send is over and was never given; called without it. */
int sp_pace_init(struct sp_pace *pace, const struct sp_pace_kind *kind, uint32_t slots, uint64_t byte_limit,
                 void (*give)(void *context, uint32_t slot),
                 void (*report)(void *context, uint32_t slot, int32_t status), void *context);
void sp_pace_fini(struct sp_pace *pace); /* after the socket is closed; all zero is harmless */

/* What happens to a pipe of the socket, as nng tells. */
void sp_pace_pipe(struct sp_pace *pace, nng_pipe pipe, nng_pipe_ev event);

/* A send of `bytes`: given, held or refused. `pipe`: the one that it is for, or of those that are to have it the one that is not;
 * 0 none. */
void sp_pace_send(struct sp_pace *pace, uint32_t slot, uint32_t pipe, uint64_t bytes);

/* The socket is about to be closed: reports what is held as -ECANCELED, and everything that still comes. */
void sp_pace_close(struct sp_pace *pace);

#endif
