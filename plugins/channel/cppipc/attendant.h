/* The thread that does for a lane whatever may block on other processes: it holds cpp-ipc's locks, so that the lane never does.
 * The lane asks and goes on; requests of one kind that have not been served yet are one request. A request that could not be
 * served, because a stopped process holds the lock, is tried again until it can.
 *
 * Threads: every function from the lane's thread. `ready` is called from both, and only looks (atomic loads). */
#ifndef LEAT_CPPIPC_ATTENDANT_H
#define LEAT_CPPIPC_ATTENDANT_H

#include "cppipc/handle.h"

#include <leat/plugin/host.h>

struct attendant;
struct pool;

/* `handle` must outlive it. 0 or -errno. */
int attendant_start(struct attendant **attendant, const struct leat_host *host, struct handle *handle,
                    enum cppipc_wake wake, int64_t lock_ns);
/* Serves what was asked for, within about the lock's limit, then ends the thread. NULL-safe. */
void attendant_stop(struct attendant *attendant);

/* Broadcasts a waiter, soon. A few ns while the thread is busy, one wake else. With poll nobody is woken: from another PID
 * namespace a wake would leave their lock with an owner that none of them knows. */
void attendant_wake(struct attendant *attendant, enum handle_waiter which);

/* Waits until `ready(of)`, at most so long. In futex mode the thread sleeps in the waiter as cpp-ipc's own do, and wakes the
 * lane; with poll, or where futexes do not work (other PID namespaces; logged once), it looks again at growing intervals up to
 * 1 ms. 0 when ready, LEAT_ETIMEDOUT; that also at once when the objects are gone.
 * Once it has returned, nobody looks at `of` any more. */
int attendant_wait(struct attendant *attendant, enum handle_waiter which, bool (*ready)(const void *of), const void *of,
                   int64_t timeout_ns);

/* Puts a chunk back later, when its pool's lock could not be had at once. `pool` may be closed meanwhile. */
void attendant_release(struct attendant *attendant, struct pool *pool, uint32_t chunk);

/* The objects were removed or replaced. Looked up by the thread a few times a second; here a load. */
bool attendant_sees_gone(const struct attendant *attendant);

#endif
