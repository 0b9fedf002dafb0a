/* Reader slots: who is registered, under which name, and who holds writers back.
 *
 * A slot belongs to whoever holds its lease; slots are handed out under the segment's registry lock. */
#ifndef LEAT_SLOTS_H
#define LEAT_SLOTS_H

#include "segment.h"

/* How many readers are registered, the dead durable ones included. */
uint32_t slots_registered(const struct ring *ring);

/* Takes a slot for a reader named `name` (NULL: none), with its lease; the durable reader's own one if there is one. Sets
 * *resumed when the slot's cursor is the name's stored position. The registry lock is held. -EBUSY with a sentence. */
int slots_take(const struct segment *segment, const char *name, uint32_t *slot, bool *resumed);

/* Makes a new slot hold writers back from where it can still do so, and returns that position: nothing at or above it will be
 * overwritten until its cursor moves. */
uint64_t slots_hold(const struct ring *ring, uint32_t slot);

/* Makes the slot what it will be for the reader's life; its cursor is set already. */
void slots_settle(const struct ring *ring, uint32_t slot, const char *name, uint64_t hold_ns);

/* The reader leaves; its lease is still held. */
void slots_leave(const struct ring *ring, uint32_t slot);

/* Finds the durable reader of that name. -ENOENT. */
int slots_find(const struct ring *ring, const char *name, uint32_t *slot);

/* Frees a slot, name and position with it. */
void slots_free(const struct ring *ring, uint32_t slot);

/* Takes dead readers whose position is below `below` out of the writers' way, when they have no name or their time is over.
 * true: something changed. */
bool slots_reap(const struct segment *segment, uint64_t below, int64_t now);

#endif
