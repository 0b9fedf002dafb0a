/* Bits whose holder is gone, taken off the slots. As long as they stand there the next holder of the same bit, who never reads these
 * slots, would hold every writer up, and be disconnected for it.
 *
 * Edge R: taking the last bit off is what the last reader does (release), with ring_push. */
#include "cppipc/ring.h"

#define COUNT_MASK UINT64_C(0x00ffffff00000000)
#define COUNT_ONE UINT64_C(0x0000000100000000)

static uint64_t free_mark(uint32_t index)
{
    return (uint32_t)(index + CPPIPC_SLOTS);
}

/* Whether the slot still holds the message of that index; a writer that came round to it keeps what it put there. In a channel a slot
 * that is marked free has no bits of that index any more: what it has belongs to a writer's claim for the next lap. Without them that
 * message would have nobody to mark its slot free again. */
static bool holds(struct ring ring, const struct cppipc_slot *slot, uint32_t index)
{
    uint64_t committed = atomic_load_explicit(&slot->committed, memory_order_acquire);
    uint32_t write = atomic_load_explicit(&ring.at->write, memory_order_acquire);
    if (ring.kind == CPPIPC_CHANNEL && committed != ~(uint64_t)index)
        return false;
    return write - index - 1 < CPPIPC_SLOTS;
}

static uint64_t without(struct ring ring, uint64_t readers, uint32_t bits)
{
    if (ring.kind == CPPIPC_CHANNEL)
        readers = (readers & ~COUNT_MASK) | ((readers + COUNT_ONE) & COUNT_MASK);
    return readers & ~(uint64_t)bits;
}

/* As the library's last reader does it: the mark stands before the last bit goes, or a death in between would leave a slot that is
 * neither free nor anybody's. Unlike there, a writer's mark is never overwritten. */
static void mark_free(struct cppipc_slot *slot, uint32_t index)
{
    uint64_t committed = ~(uint64_t)index;
    atomic_compare_exchange_strong_explicit(&slot->committed, &committed, free_mark(index), memory_order_acq_rel,
                                            memory_order_relaxed);
}

void ring_forget_slot(struct ring ring, uint32_t index, uint32_t bits, ring_dropped *dropped, void *of)
{
    struct cppipc_slot *slot = &ring.at->slots[index % CPPIPC_SLOTS];
    for (unsigned tries = 0; tries < CPPIPC_RECEIVERS; tries++) { /* as many others may take their bits off meanwhile */
        uint64_t readers = atomic_load_explicit(&slot->readers, memory_order_acquire);
        uint32_t left = (uint32_t)readers & bits;
        if (!left)
            return;
        struct cppipc_message message = slot->message;
        if (!holds(ring, slot, index))
            return;
        uint64_t next = without(ring, readers, bits);
        if (ring.kind == CPPIPC_CHANNEL && (uint32_t)next == 0)
            mark_free(slot, index);
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

static uint32_t readers_of(struct ring ring, uint32_t index)
{
    return (uint32_t)atomic_load_explicit(&ring.at->slots[index % CPPIPC_SLOTS].readers, memory_order_acquire);
}

uint32_t ring_stale(struct ring ring)
{
    uint32_t write = atomic_load_explicit(&ring.at->write, memory_order_acquire);
    uint32_t bits = readers_of(ring, write) & ring_connected(ring), read = 0;
    for (uint32_t newer = 1; newer < CPPIPC_SLOTS; newer++)
        read |= bits & ~readers_of(ring, write + newer);
    return read;
}

void ring_forget_stale(struct ring ring, uint32_t stale, ring_dropped *dropped, void *of)
{
    uint32_t write = atomic_load_explicit(&ring.at->write, memory_order_acquire);
    for (uint32_t back = CPPIPC_SLOTS; back > 0; back--) {
        stale &= readers_of(ring, write - back);
        if (!stale)
            return;
        ring_forget_slot(ring, write - back, stale, dropped, of);
    }
}
