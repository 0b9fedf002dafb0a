/* Bits whose holder is gone, taken off the slots. As long as they stand there the next holder of the same bit, who never reads these
 * slots, would hold every writer up, and be disconnected for it.
 *
 * Edge R: taking the last bit off is what the last reader does (release), with ring_push. */
#include "cppipc/ring_slot.h"

/* Whether the slot still holds the message of that index; a writer that came round to it keeps what it put there. In a channel a slot
 * that is marked free has no bits of that index any more: what it has belongs to a writer's claim for the next lap. Without them that
 * message would have nobody to mark its slot free again. */
static bool holds(struct ring ring, uint32_t index)
{
    uint64_t committed = committed_of(ring, index);
    uint32_t write = written(ring);
    if (ring.kind == CPPIPC_CHANNEL && committed != ~(uint64_t)index)
        return false;
    return write - index - 1 < CPPIPC_SLOTS;
}

void ring_forget_slot(struct ring ring, uint32_t index, uint32_t bits, ring_dropped *dropped, void *of)
{
    struct cppipc_slot *slot = slot_at(ring, index);
    for (unsigned tries = 0; tries < CPPIPC_RECEIVERS; tries++) { /* as many others may take their bits off meanwhile */
        uint64_t readers = readers_of(ring, index);
        uint32_t left = (uint32_t)readers & bits;
        if (!left)
            return;
        struct cppipc_message message = slot->message;
        if (!holds(ring, index))
            return;
        uint64_t next = without(ring, readers, bits);
        if (ring.kind == CPPIPC_CHANNEL && (uint32_t)next == 0)
            mark_free(ring, index);
        if (atomic_compare_exchange_strong_explicit(&slot->readers, &readers, next, memory_order_acq_rel,
                                                    memory_order_relaxed)) {
            if (dropped)
                dropped(of, &message, left);
            return;
        }
    }
}

void ring_forget(struct ring ring, uint32_t bits, uint32_t before, ring_dropped *dropped, void *of)
{
    for (uint32_t back = CPPIPC_SLOTS; back > 0; back--)
        ring_forget_slot(ring, before - back, bits, dropped, of);
}

/* ---- who holds the writer up, and is not there ------------------------------------------------------------------------ */

uint32_t ring_stale(struct ring ring)
{
    uint32_t write = written(ring);
    uint32_t bits = (uint32_t)readers_of(ring, write) & ring_connected(ring), read = 0;
    for (uint32_t newer = 1; newer < CPPIPC_SLOTS; newer++)
        read |= bits & ~(uint32_t)readers_of(ring, write + newer);
    return read;
}

void ring_forget_stale(struct ring ring, uint32_t stale, ring_dropped *dropped, void *of)
{
    uint32_t write = written(ring);
    for (uint32_t back = CPPIPC_SLOTS; back > 0; back--) {
        stale &= (uint32_t)readers_of(ring, write - back);
        if (!stale)
            return;
        ring_forget_slot(ring, write - back, stale, dropped, of);
    }
}
