/* The books of a socket's peers: what each was offered, what nng says that it was sent, and so what it has lost (sp_loss.h).
 *
 *     lane -> sp_books_offer -> nng         nng's pipes -> sp_books_pipe         host, about once a second -> sp_books_list
 *
 * nng's counters are read at each listing, when a peer leaves, and by the lane itself at the moments from which on something could be
 * lost: then the answer is exact where it matters. That costs the lane one comparison a message, and while a peer is being too slow a
 * look every few milliseconds. */
#ifndef LEAT_SP_BOOKS_H
#define LEAT_SP_BOOKS_H

#include "common/sp_peers.h"

struct sp_books_peer;

struct sp_books {
    struct sp_peers *peers;   /* who knows what they are called */
    bool drops;               /* the socket drops what a peer is too slow for; otherwise nothing is offered here */
    bool overflows;           /* and whoever gives it messages does not wait for the peers that are counted */
    uint64_t bytes;           /* offered in all; the lane's */
    _Atomic uint64_t offered; /* messages in all; each one before nng gets it */
    _Atomic uint64_t look_at; /* from so many offered on something may be lost */
    _Atomic uint64_t *sums;   /* bytes offered up to each of the last messages, by number modulo */
    uint32_t sums_mask;
    _Atomic int64_t looked_ns, look_ns; /* when the lane looked last, and how long that took */

    pthread_mutex_t lock;        /* of everything below */
    struct sp_books_peer **here; /* by number of their pipes */
    uint32_t count, capacity;
    struct sp_books_peer *left, *left_last; /* since the last listing, oldest first */
    uint32_t left_count;
    uint32_t room; /* messages that a pipe has room for */
};

/* `room`: messages that nng keeps for each pipe beyond the one that it is writing; 0 where the socket drops nothing. `overflows`: a pipe may
 * be given more than that. 0 or NNG_ENOMEM. */
int sp_books_init(struct sp_books *books, struct sp_peers *peers, uint32_t room, bool overflows);
void sp_books_fini(struct sp_books *books); /* after the socket is closed; all zero is harmless */

/* What happens to a pipe of the socket, as nng tells; before sp_peers takes it away. */
void sp_books_pipe(struct sp_books *books, nng_pipe pipe, nng_pipe_ev event);

/* A message is about to be given to all peers but `except` (0: none). One thread at a time. */
void sp_books_offer(struct sp_books *books, uint64_t bytes, uint32_t except);

/* Each pipe has room for so many from now on. */
void sp_books_shrink(struct sp_books *books, uint32_t room);

/* As leat_transport_ops.books. */
int32_t sp_books_list(struct sp_books *books, struct leat_peer_books *out, uint32_t max);

#endif
