/* Lets a lane sleep until another thread has something for it; while the lane is awake nobody makes a system call.
 *
 *     doorbell_arm(bell);                 the lane says that it is going to sleep,
 *     if (nothing to do yet)              looks once more,
 *         doorbell_sleep(bell, ns);       and sleeps;
 *     doorbell_disarm(bell);
 *
 *     what is new is published; doorbell_ring(bell);      any thread
 */
#ifndef LEAT_BRIDGE_DOORBELL_H
#define LEAT_BRIDGE_DOORBELL_H

#include <stdatomic.h>
#include <stdint.h>

struct doorbell {
    _Atomic uint32_t armed; /* the futex word: 1 while the lane sleeps or is about to */
};

void doorbell_arm(struct doorbell *bell);
void doorbell_sleep(struct doorbell *bell, int64_t timeout_ns); /* returns early now and then: look again */
void doorbell_disarm(struct doorbell *bell);
void doorbell_ring(struct doorbell *bell);

#endif
