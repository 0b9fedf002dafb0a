/* The two broadcast rings of cpp-ipc, as the library moves on in them: no slot more careful than its own code. */
#ifndef TESTS_MODEL_CPPIPC_RING_H
#define TESTS_MODEL_CPPIPC_RING_H

#include "object.h"
#include "offsets.h"

struct slot_message {
    uint32_t handle, id;
    int32_t remain;
    bool stored;
    unsigned char data[SLOT_DATA_BYTES];
};

struct ring {
    struct object object;
    bool channel; /* or route */
};

struct ring_reader {
    const struct ring *ring;
    uint32_t bit, cursor;
};

/* What a forced push overwrites. */
typedef void ring_overwritten(void *of, const struct slot_message *message);

void ring_construct(const struct ring *ring);
uint32_t ring_connected(const struct ring *ring);

/* False: full, or no receiver. */
bool ring_push(const struct ring *ring, const struct slot_message *message);
/* Disconnects who stands in the way, moves the epoch on, and overwrites. False: nobody is left. */
bool ring_force(const struct ring *ring, const struct slot_message *message, ring_overwritten *overwritten, void *of);

bool ring_connect(struct ring_reader *reader); /* false: all 32 bits are taken */
bool ring_disconnect(struct ring_reader *reader);
bool ring_pop(struct ring_reader *reader, struct slot_message *message);

bool ring_take_sender(const struct ring *ring); /* false: a route has one already */
void ring_leave_sender(const struct ring *ring);

#endif
