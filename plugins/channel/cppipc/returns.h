/* Chunks that are still to be put back: their pools' locks could not be had when they were let go. Each keeps its pool
 * mapped for itself. At most so many: what comes then stays taken, as it does when a program of cpp-ipc dies. */
#ifndef LEAT_CPPIPC_RETURNS_H
#define LEAT_CPPIPC_RETURNS_H

#include "cppipc/pool.h"

#include <stdatomic.h>

#define RETURNS_MAX 256u

struct returned;

struct returns {
    _Atomic(struct returned *) handed; /* by the lane, the last one first */
    _Atomic uint32_t count;            /* handed and kept */
    struct returned *kept;             /* by the thread */
};

/* The lane's thread. False: no room, or no memory. */
bool returns_hand(struct returns *returns, const struct pool *pool, uint32_t chunk);
/* The attendant's thread: tries each once. True: some are left. */
bool returns_try(struct returns *returns);
/* Once neither is at work any more. */
void returns_free(struct returns *returns);

#endif
