/* Slots of a route or a channel, one at a time: the algorithms of cpp-ipc's two broadcast rings, for a reader and a writer.
 * No call blocks, spins for long or makes a system call. */
#ifndef LEAT_CPPIPC_RING_H
#define LEAT_CPPIPC_RING_H

#include "cppipc/handle.h"

struct ring {
    struct cppipc_ring *at;
    enum cppipc_kind kind;
};

/* ---- reading (ring_read.c) ---------------------------------------------------------------------------------------- */

struct ring_reader {
    struct ring ring;
    uint32_t bit;    /* in `connected`; 0: not connected */
    uint32_t cursor; /* next index to read */
    uint32_t kept;   /* slots before the cursor that were read and still carry our bit */
    uint64_t seen;   /* of the slot that was peeked at */
    uint32_t joined; /* index at which we connected: later slots carry our bit, or it is not ours any more */
};

/* A slot that is taken off a reader (or of readers) without being delivered: its chunk, if it has one, must be let go. */
typedef void ring_dropped(void *of, const struct cppipc_message *message, uint32_t bits);

/* Takes the lowest free bit, as the library does, but begins with the first message that carries it, and takes leftovers of an
 * earlier holder off all older slots: otherwise a sender that comes round to them waits, and disconnects the new holder.
 * So it does with what we have left unread ourselves, when `bit` was ours until a sender took it away. -EBUSY: all 32 are taken. */
int ring_connect(struct ring_reader *reader, ring_dropped *dropped, void *of);
/* Goes on with a bit that a dead process of ours held: at the oldest slot that still carries it. `cursor` is where that process was,
 * or one further: it writes down where it will be before it takes its bit off a slot. */
void ring_resume(struct ring_reader *reader, uint32_t bit);
/* Whether our bit is still there: a sender that forces a push takes it away. */
bool ring_is_connected(const struct ring_reader *reader);
bool ring_has_message(const struct ring_reader *reader); /* may be true for one that turns out to be none */

/* Copies the next slot. 1; 0: none. -ESTALE: overwritten or not ours; the cursor has moved to what is still there, call again.
 * -ENOTCONN: somebody else reads with our bit, it was given away meanwhile: it is theirs, connect again. */
int ring_peek(struct ring_reader *reader, struct cppipc_message *message);
/* After a peek that returned 1: moves on, and leaves our bit where it is. */
void ring_keep(struct ring_reader *reader);
/* Takes our bit off the oldest slot that was kept. Slots between it and the writer after that: from 256 on a writer may have found the
 * ring full. */
uint32_t ring_take(struct ring_reader *reader);
/* All three, and what was kept before is taken too. *behind as ring_take, with a result of 1. */
int ring_pop(struct ring_reader *reader, struct cppipc_message *message, uint32_t *behind);
/* channel: a writer has begun the slot at the cursor and not finished it, while later ones are there. For more than a moment: it was
 * killed, and nobody will. Giving it up makes way. */
bool ring_is_held_up(const struct ring_reader *reader);
bool ring_give_up(struct ring_reader *reader); /* false: it has changed, look again */
/* Reads what is left, clears the bit. */
void ring_disconnect(struct ring_reader *reader, ring_dropped *dropped, void *of);

/* ---- writing (ring_write.c) --------------------------------------------------------------------------------------- */

enum ring_push { RING_PUSHED, RING_FULL, RING_NO_RECEIVER };

/* What is overwritten may still carry bits of receivers that are gone: `dropped` is told. */
enum ring_push ring_push(struct ring ring, const struct cppipc_message *message, ring_dropped *dropped, void *of);
bool ring_has_room(struct ring ring); /* or no receiver: a push would not say RING_FULL */
/* Disconnects whoever has not read the slot that is to be written next, and nobody else: unlike the library's forced push the
 * epoch stays, and with it what the others have not read yet. The mask of those who were: ring_forget them. 0: nobody held the writer
 * up, or it was what a killed writer had begun, which is undone; push again. */
uint32_t ring_kick(struct ring ring);
uint32_t ring_connected(struct ring ring);

/* route: the flag that says that there is a sender. claim: false when it is set already. */
bool ring_claim_sender(struct ring ring);
void ring_leave_sender(struct ring ring);

/* ---- what the dead leave (ring_forget.c) -------------------------------------------------------------------------- */

/* Takes `bits`, whose holders are gone, off every slot older than index `before`. Each slot that had some is told to `dropped`. */
void ring_forget(struct ring ring, uint32_t bits, uint32_t before, ring_dropped *dropped, void *of);
/* The same of the slot of one index, as long as it holds the message of that index. */
void ring_forget_slot(struct ring ring, uint32_t index, uint32_t bits, ring_dropped *dropped, void *of);

/* Of those who hold the writer up, the bits that stand for nobody: they are on the oldest slot, and a newer one has been read with them, or
 * never carried them. Readers go in order, so their holder does not come back; an earlier one has left without reading. Only where
 * `write` has not moved for some ms: another writer's claim of the slot looks the same. */
uint32_t ring_stale(struct ring ring);
/* Takes them off, from the oldest slot to the first without them. */
void ring_forget_stale(struct ring ring, uint32_t stale, ring_dropped *dropped, void *of);

#endif
