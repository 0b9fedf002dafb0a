/* Chunk pools: where payload of more than 64 bytes lies. One file for each class of sizes, shared by every channel of a prefix. */
#ifndef LEAT_CPPIPC_POOL_H
#define LEAT_CPPIPC_POOL_H

#include "cppipc/handle.h"

#define POOL_NONE UINT32_MAX
#define POOLS_OPEN 64u /* classes that one end keeps open; the least recently used one is closed for another */

struct pool {
    struct segment segment; /* the head is mapped, the payload is read and written by pread and pwrite */
    uint64_t class_bytes;
    uint64_t used;      /* when, for the choice above */
    int64_t seen_ns;    /* when its file was last looked for */
    int64_t patient_ns; /* its lock was not to be had: until then nobody waits for it */
};

/* The pools that one end has open: once seen, a class stays open, so that a sender's exit does not take its payload along. */
struct pools {
    struct cppipc_where where; /* its text stays the caller's */
    struct pool *items[POOLS_OPEN];
    uint64_t clock;
};

void pools_init(struct pools *pools, struct cppipc_where where);
void pools_close(struct pools *pools);

/* Opens what is there already, so that it stays when those who use it now are gone. */
void pools_open_all(struct pools *pools);

/* The pool for messages of `len`. `create`: as a sender does. -ENOENT, -EPROTO, -ENOSPC... as segment_open. */
int pools_find(struct pools *pools, uint64_t len, bool create, struct pool **pool);

/* Takes a chunk and marks it as needed by `readers`. POOL_NONE: all in use, or the lock was not to be had within some ms. */
uint32_t pool_acquire(struct pool *pool, uint32_t readers);
/* Who needs a chunk of ours that is not in a slot yet, anew: somebody connected meanwhile. */
void pool_mark(struct pool *pool, uint32_t chunk, uint32_t readers);
/* Marks a chunk that was acquired as needed by others: who is connected may have changed before it was sent. */
void pool_mark(struct pool *pool, uint32_t chunk, uint32_t readers);
/* Who still needs a chunk; 0 for one that is none. */
uint32_t pool_readers(const struct pool *pool, uint32_t chunk);
/* Puts a chunk back. False: the lock was not to be had; attendant_release then. A chunk that is free already stays as it is. */
bool pool_release(struct pool *pool, uint32_t chunk);
/* Takes `readers` off the mask of a chunk; true when nobody is left, and it is to be released. */
bool pool_leave(struct pool *pool, uint32_t chunk, uint32_t readers);

/* Copies a payload. 0; -EBADMSG: no such chunk, or the file ends before it; -ENOSPC. */
int pool_read(const struct pool *pool, uint32_t chunk, void *data, uint64_t len);
int pool_write(const struct pool *pool, uint32_t chunk, const void *data, uint64_t len);

#endif
