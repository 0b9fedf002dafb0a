/* Chunk pools, one file for each class of sizes of a prefix: free list, spin lock without owner, masks of who still reads. */
#ifndef TESTS_MODEL_CPPIPC_POOL_H
#define TESTS_MODEL_CPPIPC_POOL_H

#include "object.h"

#define POOLS_MAX 32u

struct pool {
    struct object object;
    size_t chunk; /* bytes of one, with its mask */
};

/* What a process has open; given back when it ends. */
struct pools {
    const char *directory, *prefix;
    bool open_to_all;
    struct pool items[POOLS_MAX];
    unsigned count;
};

/* Opened, and created where it is not there, on the first message of its class: by senders and receivers alike. NULL: it failed. */
struct pool *pools_find(struct pools *pools, size_t message);
void pools_close(struct pools *pools);

int32_t pool_take(const struct pool *pool, uint32_t readers); /* -1: all 32 are in use */
void pool_put_back(const struct pool *pool, int32_t chunk);
/* Takes away from the chunk's mask who is not in `stay`; puts it back when nobody is left. */
void pool_leave(const struct pool *pool, int32_t chunk, uint32_t stay);
unsigned char *pool_data(const struct pool *pool, int32_t chunk); /* NULL: a negative id */

#endif
