/* How long a socket's queue for each peer may be: as many messages as the pattern asked for while they are small, fewer
 * once larger ones have been seen, so that it stays bounded in bytes.
 *
 * A queue shrinks late: only when queue_bytes more have gone through since the larger message. By then a peer that keeps up
 * has taken what was queued before, and nothing is lost by it; nng throws away the newest of a queue that no longer fits. For
 * that while the queue may hold twice its bound. */
#ifndef LEAT_SP_QUEUE_H
#define LEAT_SP_QUEUE_H

#include <stdint.h>

#define SP_QUEUE_MAX 8192u /* nng's own */
#define SP_QUEUE_MIN 16u

struct sp_queue {
    uint32_t messages; /* asked for; 0: this role has no such queue, or none is wanted */
    uint32_t length;   /* what nng has been told */
    uint64_t bytes;    /* bound */
    uint64_t largest;  /* message seen */
    uint64_t since;    /* bytes since that made the queue too long; 0: it is not */
};

void sp_queue_init(struct sp_queue *queue, uint32_t messages, uint64_t bytes);

/* Notes one message. Returns the new length when nng is to be told now, otherwise 0. */
uint32_t sp_queue_note(struct sp_queue *queue, uint64_t message_bytes);

#endif
