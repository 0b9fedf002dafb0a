/* How many messages a pipe has lost, found out from outside.
 *
 * nng's publisher, bus and surveyor drop what a pipe's queue has no room for, and count nothing. But what a pipe was offered is known,
 * and on tcp, ipc and tls nng counts what it has written. The rest waits in its queue or is lost, and the queue has a length:
 *
 *   lost at least   what is not written, beyond what the queue can hold, at any look so far
 *   lost at most    what is not written now; and no more than could overflow since the look before
 *
 * Both meet when nothing ever overflowed (0) and while the pipe stands still. Once one that was too slow has caught up there is a small
 * doubt left, about what came and went between two looks, which whoever knows that the pipe is idle can settle. */
#ifndef LEAT_SP_LOSS_H
#define LEAT_SP_LOSS_H

#include <stdbool.h>
#include <stdint.h>

/* All zero is a pipe that was offered nothing yet. The numbers are of the pipe's life. */
struct sp_loss {
    uint64_t offered, sent; /* as at the last look */
    uint64_t lost;          /* at least; never less than before */
    uint64_t possible;      /* at most */
    uint64_t early;         /* written before the account began: both sides are taken to begin so much earlier */
    uint64_t sent_still, offered_still; /* sp_loss_is_doubtful(): as it found them last, and how often so */
    uint32_t still;
};

/* A look: nng had written `sent` at a moment between two at which so many had been offered. `room`: what the pipe can hold, its queue and
 * what is being written; the least since the last look. */
void sp_loss_look(struct sp_loss *loss, uint64_t room, uint64_t offered_before, uint64_t offered_after, uint64_t sent);

/* To be asked about once a second, after a look: whether some of what is not written could be lost or waiting, and nothing has moved for
 * a while. Whoever finds then that the pipe has room knows that nothing waits. */
bool sp_loss_is_doubtful(struct sp_loss *loss);
void sp_loss_nothing_waits(struct sp_loss *loss);

/* The last look, at a pipe that is gone: what was offered since it ended was not for it. */
void sp_loss_end(struct sp_loss *loss, uint64_t room, uint64_t offered, uint64_t sent);

/* How many may be offered from the last look on, in all, before anything can be lost. */
uint64_t sp_loss_safe_until(const struct sp_loss *loss, uint64_t room);

uint64_t sp_loss_queued(const struct sp_loss *loss); /* offered, and neither sent nor known to be lost */

#endif
