/* Chunks of messages that somebody will never read: his bits come off the chunk, and who took the last one off puts it back. */
#ifndef LEAT_CPPIPC_LEFTOVER_H
#define LEAT_CPPIPC_LEFTOVER_H

#include "cppipc/attendant.h"
#include "cppipc/pool.h"

/* Where a slot says that its payload lies: false when it is in the slot, or what it says is impossible. */
bool leftover_chunk(const struct cppipc_message *message, uint64_t *len, uint32_t *chunk);

/* Handed to the calls of ring.h together with leftover_drop. */
struct leftover {
    struct pools *pools;
    struct attendant *attendant; /* puts back what cannot be put back at once */
};

void leftover_drop(void *of, const struct cppipc_message *message, uint32_t bits); /* a ring_dropped */

#endif
