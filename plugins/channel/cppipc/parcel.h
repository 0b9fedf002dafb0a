/* One message on its way into the slots: in one of them, in a chunk that one of them names, or in 64-byte fragments when no chunk
 * is to be had, which for large messages takes many turns. */
#ifndef LEAT_CPPIPC_PARCEL_H
#define LEAT_CPPIPC_PARCEL_H

#include "cppipc/outlet.h"

struct parcel {
    const unsigned char *data; /* the caller's, until the end */
    uint64_t len, sent;
    uint32_t id;
    struct pool *pool; /* NULL: no chunk */
    uint32_t chunk, readers;
    bool begun;
};

/* A parcel that is zero is none. Takes a chunk and fills it, where the message needs one. */
void parcel_begin(struct parcel *parcel, struct outlet *outlet, const void *data, uint64_t len);

/* So many slots that the clock has to be looked at. */
bool parcel_is_long(const struct parcel *parcel);

/* Pushes what is left of it, at most until `until_ns` (0: no limit) or the ring is full. RING_PUSHED: it is through, and the parcel is zero
 * again. */
enum ring_push parcel_push(struct parcel *parcel, struct outlet *outlet, int64_t until_ns);

/* Everybody has left who might have put fragments together: all of it once more, as another message. */
void parcel_restart(struct parcel *parcel, struct outlet *outlet);
void parcel_abort(struct parcel *parcel, struct outlet *outlet);

#endif
