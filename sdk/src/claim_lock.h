/* The lock under which many producers claim: short, never held over a copy, and taken over from a dead holder.
 *
 * The word is 0, or the holder's token: slot + 1 in bits 0..15, the slot's generation in bits 16..30, so that the slot's
 * next writer has another token; bit 31: somebody waits in the kernel. */
#ifndef LEAT_CLAIM_LOCK_H
#define LEAT_CLAIM_LOCK_H

#include "writer.h"

#define CLAIM_LOCK_WAITED (UINT32_C(1) << 31)

static inline uint32_t claim_lock_token(uint32_t slot, uint32_t generation)
{
    return (slot + 1) | (generation & 0x7fffu) << 16;
}

int claim_lock_slow(struct leat_writer *writer, struct deadline *deadline);
void claim_lock_wake(struct leat_writer *writer);

/* 0, or LEAT_EAGAIN / LEAT_ETIMEDOUT when a live holder keeps it for longer than the deadline and 20 ms: it was stopped.
 * (A caller that does not want to wait means room; it must not fail because a holder was preempted.) */
static inline int claim_lock(struct leat_writer *writer, struct deadline *deadline)
{
    uint32_t nobody = 0;
    /* lock.1: pairs with the release in claim_unlock. */
    if (likely(atomic_compare_exchange_strong_explicit(&writer->ring.control->claim_lock, &nobody, writer->token,
                                                       memory_order_acquire, memory_order_relaxed)))
        return 0;
    return claim_lock_slow(writer, deadline);
}

static inline void claim_unlock(struct leat_writer *writer)
{
    uint32_t was = atomic_exchange_explicit(&writer->ring.control->claim_lock, 0, memory_order_release); /* lock.1 */
    if (unlikely(was & CLAIM_LOCK_WAITED))
        claim_lock_wake(writer);
}

#endif
