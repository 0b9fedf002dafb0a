/* The library's condition and mutex on Linux: a robust futex with priority inheritance and a counter. No wait for the lock has a
 * limit. The calling thread's robust list becomes the model's. */
#ifndef TESTS_MODEL_CPPIPC_WAITER_H
#define TESTS_MODEL_CPPIPC_WAITER_H

#include "object.h"

struct waiter {
    struct object condition, lock;
};

#define WAIT_FOR_EVER UINT32_MAX

/* `name`: what stands before "_WAITER_COND_" and "_WAITER_LOCK_". */
bool waiter_open(struct waiter *waiter, const char *directory, const char *name, bool open_to_all);
void waiter_close(struct waiter *waiter);

bool waiter_lock(
    const struct waiter *waiter); /* false: it cannot be recovered, or holds nobody that the kernel knows */
void waiter_unlock(const struct waiter *waiter);
bool waiter_broadcast(const struct waiter *waiter);

/* As the library waits: false only after a whole `limit_ms` without being woken. Each wake-up that finds `unmet` still true begins
 * the limit anew; 0 looks once; before it sleeps it yields 32 times. */
bool waiter_wait_while(const struct waiter *waiter, bool (*unmet)(void *of), void *of, uint64_t limit_ms);

#endif
