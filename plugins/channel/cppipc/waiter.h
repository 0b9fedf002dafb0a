/* cpp-ipc's condition and mutex, as its Linux backend uses them: a robust futex with priority inheritance, and a counter that is
 * waited for with FUTEX_WAIT_REQUEUE_PI. A plain FUTEX_WAIT on the counter would make every broadcast fail for everybody.
 *
 * Threads: a thread that locks has the kernel's robust list of its own set to these mutexes, which replaces glibc's: only a
 * thread that serves nothing else may call anything here (attendant.h). No call waits longer than it was told: a stopped
 * process that holds a lock costs a result, not a hang. */
#ifndef LEAT_CPPIPC_WAITER_H
#define LEAT_CPPIPC_WAITER_H

#include "cppipc/layout.h"

#include <stdbool.h>
#include <stdint.h>

struct waiter {
    struct cppipc_condition *condition;
    struct cppipc_mutex *mutex;
};

/* Wakes everybody who waits. 0; -ETIMEDOUT: the lock was not to be had, and nobody was woken; -EDEADLK, -ESRCH, -EINVAL...: it holds no
 * owner that the kernel knows, as between PID namespaces, or somebody waits on it in another way. A lock that the library has
 * spoilt is set right. */
int waiter_broadcast(struct waiter waiter, int64_t limit_ns);

/* Waits for a broadcast unless `ready(of)` is true under the lock. 0: broadcast, or ready. -ETIMEDOUT: neither within the
 * limit. -EBUSY: the limit passed before the lock was to be had, so that no broadcast could be seen. -EREMOTE: the lock is ours
 * under the number that this thread has in another PID namespace; this thread must end at once, or others wait for it. Others as
 * above. */
int waiter_wait(struct waiter waiter, bool (*ready)(const void *of), const void *of, int64_t limit_ns);

/* The number of whoever has the lock, as its word says; 0: nobody. */
uint32_t waiter_owner(struct waiter waiter);

/* After -EREMOTE the kernel passes the lock on when the thread ends, if somebody is in the queue for it. If nobody is, the word
 * still says `owner` afterwards, who is dead: then it is set free here. */
void waiter_free_after(struct waiter waiter, uint32_t owner);

#endif
