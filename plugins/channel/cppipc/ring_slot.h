/* What the algorithms of ring_*.c share: how a slot's words are read and written. Inner to them. */
#ifndef LEAT_CPPIPC_RING_SLOT_H
#define LEAT_CPPIPC_RING_SLOT_H

#include "cppipc/ring.h"

#define ROUTE_EPOCH UINT64_C(0xffffffff00000000)
#define CHANNEL_EPOCH UINT64_C(0xff00000000000000)
#define CHANNEL_COUNT UINT64_C(0x00ffffff00000000) /* modifications */
#define CHANNEL_COUNT_ONE UINT64_C(0x0000000100000000)

static inline struct cppipc_slot *slot_at(struct ring ring, uint32_t index)
{
    return &ring.at->slots[index % CPPIPC_SLOTS];
}

/* Edge P of a route: what a writer publishes, before it is copied. */
static inline uint32_t written(struct ring ring)
{
    return atomic_load_explicit(&ring.at->write, memory_order_acquire);
}

static inline uint64_t readers_of(struct ring ring, uint32_t index)
{
    return atomic_load_explicit(&slot_at(ring, index)->readers, memory_order_acquire);
}

/* Edge P of a channel. */
static inline uint64_t committed_of(struct ring ring, uint32_t index)
{
    return atomic_load_explicit(&slot_at(ring, index)->committed, memory_order_acquire);
}

static inline uint64_t epoch_of(enum cppipc_kind kind, uint64_t readers)
{
    return readers & (kind == CPPIPC_ROUTE ? ROUTE_EPOCH : CHANNEL_EPOCH);
}

static inline uint64_t counted(uint64_t readers)
{
    return (readers & ~CHANNEL_COUNT) | ((readers + CHANNEL_COUNT_ONE) & CHANNEL_COUNT);
}

/* Without the bits of some readers: in a channel one modification more. */
static inline uint64_t without(struct ring ring, uint64_t readers, uint32_t bits)
{
    return (ring.kind == CPPIPC_CHANNEL ? counted(readers) : readers) & ~(uint64_t)bits;
}

/* The mark of a slot whose every reader is through with the message of that index. The library computes it in 64 bits of a 32-bit
 * index, and so writes 2^32 and more where the index wraps; those of its writers that compare it as it is then wait for nothing. Ours is
 * what they wait for. */
static inline uint64_t free_mark(uint32_t index)
{
    return (uint32_t)(index + CPPIPC_SLOTS);
}

static inline bool is_free_mark(uint64_t committed, uint32_t index)
{
    return committed >> 32 <= 1 && (uint32_t)committed == index + CPPIPC_SLOTS;
}

/* Before the last bit goes, as the library has it: a death in between leaves a bit, for which there are remedies, and not a slot that
 * is nobody's and never free. Unlike there, what a writer has put there meanwhile stays. */
static inline void mark_free(struct ring ring, uint32_t index)
{
    uint64_t committed = ~(uint64_t)index;
    atomic_compare_exchange_strong_explicit(&slot_at(ring, index)->committed, &committed, free_mark(index),
                                            memory_order_acq_rel, memory_order_relaxed);
}

#endif
