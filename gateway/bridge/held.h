/* The messages that a pattern keeps back (LEAT_HOLD), the newest of each key, ordered by when they are due. Only the lane's thread. */
#ifndef LEAT_BRIDGE_HELD_H
#define LEAT_BRIDGE_HELD_H

#include "bridge/window.h"

struct held_message {
    struct leat_packet packet;   /* ready to be sent */
    struct leat_message message; /* its bytes are gone */
    struct window_hold hold;
    int64_t due_ns; /* CLOCK_MONOTONIC */
    uint32_t key;
    size_t place; /* in the heap */
};

/* Zero-initialised is empty. */
struct held {
    struct held_message **by_key; /* `keys` of them */
    struct held_message **heap;   /* the first is due first */
    size_t keys, count, capacity;
    uint64_t bytes;
};

/* Holds a message under a key that has none; packet and hold are the caller's to fill. NULL: no memory. */
struct held_message *held_add(struct held *held, uint32_t key, int64_t due_ns, const struct leat_message *message);
struct held_message *held_find(const struct held *held, uint32_t key); /* or NULL */
struct held_message *held_first(const struct held *held);              /* or NULL */
void held_remove(struct held *held, struct held_message *message);     /* and frees it */
void held_fini(struct held *held);                                     /* once it is empty */

#endif
