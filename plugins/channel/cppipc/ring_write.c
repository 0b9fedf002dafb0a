/* The writer's side of cpp-ipc's two broadcast rings.
 *
 * Edges. P: a writer publishes a slot (release: `write` in a route, `committed` in a channel), a reader acquires it before it copies.
 * R: a reader takes its bit off `readers` after its copy (release), a writer acquires that before it overwrites.
 * C: what a channel's writers hand over to each other: `write` moves on (release), the next writer acquires it.
 *
 * We write in another order than the library where readers cannot tell, so that a writer that is killed leaves the least behind.
 * A killed writer's claim (its bits in the slot that `write` still names) looks like a full ring for ever; ring_kick knows it.
 *
 * Indices are 32 bits wide and wrap after 2^32 messages. In a channel the reader that is through last marks the slot as free with
 * index + 256 computed in 64 bits: at the wrap the mark is 2^32 + n where the next index is n, and a writer that compares the two as
 * they are finds 256 slots full that are not. We compare the lower halves. Committed slots are not mistaken for free ones: their mark
 * is ~(u64)index, its upper half all ones, while a free one's is 0 or 1. What C++ readers compare `committed` with is
 * ~(u64)cursor of their own 32-bit cursor, which wraps as `write` does: so ~(u64)index of ours is what they wait for. */
#include "cppipc/ring_slot.h"

#include <string.h>

#define CLAIM_TRIES 1000u /* a slot that others change all the time is theirs */

/* For the next message, which gets this index; 0: the slot was never used. */
static bool is_free_for(uint64_t committed, uint32_t index)
{
    return committed == 0 || is_free_mark(committed, index - CPPIPC_SLOTS);
}

/* Who is connected and has not read what the slot holds. A forced push since then (another epoch) gave them up. */
static uint32_t blockers(enum cppipc_kind kind, uint64_t readers, uint64_t epoch, uint32_t connected)
{
    return epoch_of(kind, readers ^ epoch) == 0 ? (uint32_t)readers & connected : 0;
}

/* The slot as somebody else's write would leave it for the next one: one modification more, nobody's bits. */
static uint64_t modified(uint64_t readers, uint64_t epoch)
{
    return epoch_of(CPPIPC_CHANNEL, epoch) | (counted(readers) & CHANNEL_COUNT);
}

/* The slot's lines are with the readers that wrote to them last: ask for all of them at once. */
static void prefetch(struct cppipc_slot *slot)
{
    __builtin_prefetch(slot, 1);
    __builtin_prefetch((const char *)slot + sizeof *slot - 1, 1);
}

/* What is about to be overwritten, if somebody's bits are still on it. */
struct leftover {
    struct cppipc_message message;
    uint32_t bits;
};

static void leftover_tell(const struct leftover *left, ring_dropped *dropped, void *of)
{
    if (left->bits && dropped)
        dropped(of, &left->message, left->bits);
}

/* ---- route: one writer ------------------------------------------------------------------------------------------------ */

/* No reader looks at the slot before `write` has moved on, and no other writer is there: it is written first, and between the claim
 * and its publication there is nothing that takes time. */
static enum ring_push push_route(struct ring ring, const struct cppipc_message *message, struct leftover *left)
{
    struct cppipc_ring *at = ring.at;
    uint32_t index = atomic_load_explicit(&at->write, memory_order_relaxed); /* ours */
    struct cppipc_slot *slot = slot_at(ring, index);
    uint64_t epoch = atomic_load_explicit(&at->epoch, memory_order_relaxed) & ROUTE_EPOCH;
    prefetch(slot);
    uint32_t connected = ring_connected(ring);
    uint64_t readers = atomic_load_explicit(&slot->readers, memory_order_acquire); /* R, with ring_pop */
    if (connected == 0)
        return RING_NO_RECEIVER;
    if (blockers(CPPIPC_ROUTE, readers, epoch, connected))
        return RING_FULL;
    left->bits = (uint32_t)readers;
    if (left->bits)
        left->message = slot->message;
    slot->message = *message;
    /* Bits only go: whoever cleared one since has let go of what it stood for. */
    left->bits =
        (uint32_t)atomic_exchange_explicit(&slot->readers, epoch | connected, memory_order_acq_rel) & left->bits;
    atomic_store_explicit(&at->write, index + 1, memory_order_release); /* P, with ring_pop */
    return RING_PUSHED;
}

/* ---- channel: many writers -------------------------------------------------------------------------------------------- */

static bool channel_has_room(const struct cppipc_slot *slot, uint32_t index, uint64_t readers, uint64_t epoch,
                             uint32_t connected)
{
    if (blockers(CPPIPC_CHANNEL, readers, epoch, connected))
        return false;
    return (uint32_t)readers != 0 ||
           is_free_for(atomic_load_explicit(&slot->committed, memory_order_acquire), index); /* R, with ring_pop */
}

/* Takes the slot that is to be written next away from all other writers. */
static enum ring_push claim_channel(struct ring ring, uint32_t *index, struct leftover *left)
{
    struct cppipc_ring *at = ring.at;
    uint64_t epoch = atomic_load_explicit(&at->epoch, memory_order_acquire) & CHANNEL_EPOCH;
    uint64_t mine = 0; /* our claim, when a forced push has come in between: it may have taken the same slot */
    for (unsigned tries = 0; tries < CLAIM_TRIES; tries++) {
        uint32_t connected = ring_connected(ring);
        *index = atomic_load_explicit(&at->write, memory_order_acquire); /* C */
        struct cppipc_slot *slot = slot_at(ring, *index);
        prefetch(slot);
        uint64_t readers = atomic_load_explicit(&slot->readers, memory_order_acquire); /* R, with ring_pop */
        if (connected == 0)
            return RING_NO_RECEIVER;
        if (!channel_has_room(slot, *index, readers, epoch, connected))
            return RING_FULL;
        uint64_t claim = modified(readers, epoch) | connected;
        if (readers != mine)
            left->bits = (uint32_t)readers;
        if (!atomic_compare_exchange_strong_explicit(&slot->readers, &readers, claim, memory_order_acq_rel,
                                                     memory_order_relaxed))
            continue;
        uint64_t now = atomic_load_explicit(&at->epoch, memory_order_acquire) & CHANNEL_EPOCH;
        if (now == epoch)
            return RING_PUSHED;
        mine = claim;
        epoch = now;
    }
    return RING_FULL;
}

/* The library moves `write` on before it writes the slot. We write it first: other writers find the slot full either way, and one
 * that is killed in between does not leave a hole that every reader waits at. */
static enum ring_push push_channel(struct ring ring, const struct cppipc_message *message, struct leftover *left)
{
    uint32_t index;
    enum ring_push result = claim_channel(ring, &index, left);
    if (result != RING_PUSHED)
        return result;
    struct cppipc_slot *slot = slot_at(ring, index);
    if (left->bits)
        left->message = slot->message;
    slot->message = *message;
    atomic_store_explicit(&ring.at->write, index + 1, memory_order_release);         /* C */
    atomic_store_explicit(&slot->committed, ~(uint64_t)index, memory_order_release); /* P, with ring_pop */
    return RING_PUSHED;
}

/* ---- both ------------------------------------------------------------------------------------------------------------- */

enum ring_push ring_push(struct ring ring, const struct cppipc_message *message, ring_dropped *dropped, void *of)
{
    struct leftover left = {.bits = 0};
    enum ring_push result =
        ring.kind == CPPIPC_ROUTE ? push_route(ring, message, &left) : push_channel(ring, message, &left);
    if (result == RING_PUSHED)
        leftover_tell(&left, dropped, of);
    return result;
}

bool ring_has_room(struct ring ring)
{
    uint32_t connected = ring_connected(ring);
    uint32_t index = atomic_load_explicit(&ring.at->write, memory_order_acquire);
    const struct cppipc_slot *slot = slot_at(ring, index);
    uint64_t epoch = atomic_load_explicit(&ring.at->epoch, memory_order_acquire);
    uint64_t readers = atomic_load_explicit(&slot->readers, memory_order_acquire);
    if (connected == 0)
        return true;
    return ring.kind == CPPIPC_ROUTE ? !blockers(ring.kind, readers, epoch, connected)
                                     : channel_has_room(slot, index, readers, epoch, connected);
}

uint32_t ring_connected(struct ring ring)
{
    return atomic_load_explicit(&ring.at->connected, memory_order_acquire);
}

/* ---- who holds the writer up ------------------------------------------------------------------------------------------ */

/* The bits that a killed writer's claim left in the slot that is to be written next; a live reader has nothing to do with them.
 * Channel: the slot is marked free, so everybody was through with it. Route: readers go in order, so who has not read this slot
 * has not read the one after it either; that one is looked at first. */
static uint32_t abandoned(struct ring ring, uint32_t index, uint64_t *readers)
{
    struct cppipc_slot *slot = slot_at(ring, index);
    uint64_t after = atomic_load_explicit(&slot_at(ring, index + 1)->readers, memory_order_acquire);
    uint64_t committed = atomic_load_explicit(&slot->committed, memory_order_acquire);
    *readers = atomic_load_explicit(&slot->readers, memory_order_acquire);
    if (ring.kind == CPPIPC_ROUTE)
        return (uint32_t)*readers & ~(uint32_t)after;
    return is_free_for(committed, index) ? (uint32_t)*readers : 0;
}

static void undo_claim(struct ring ring, uint32_t index, uint64_t readers, uint32_t claimed)
{
    uint64_t without = ring.kind == CPPIPC_ROUTE ? readers & ~(uint64_t)claimed : modified(readers, readers);
    atomic_compare_exchange_strong_explicit(&slot_at(ring, index)->readers, &readers, without, memory_order_acq_rel,
                                            memory_order_relaxed);
}

/* A channel's slot that nobody has to read and that is not marked free: no order of events leaves it, but no one else gets us out. */
static void set_free(struct ring ring, uint32_t index)
{
    struct cppipc_slot *slot = slot_at(ring, index);
    uint64_t committed = atomic_load_explicit(&slot->committed, memory_order_acquire);
    if (ring.kind == CPPIPC_CHANNEL && !is_free_for(committed, index))
        atomic_compare_exchange_strong_explicit(&slot->committed, &committed, index, memory_order_acq_rel,
                                                memory_order_relaxed);
}

uint32_t ring_kick(struct ring ring)
{
    uint32_t index = atomic_load_explicit(&ring.at->write, memory_order_acquire);
    uint64_t epoch = atomic_load_explicit(&ring.at->epoch, memory_order_acquire);
    uint64_t readers;
    uint32_t claimed = abandoned(ring, index, &readers);
    uint32_t mask = blockers(ring.kind, readers, epoch, ring_connected(ring));
    if ((uint32_t)readers == 0)
        set_free(ring, index);
    else if (claimed)
        undo_claim(ring, index, readers, claimed);
    else if (mask)
        return atomic_fetch_and_explicit(&ring.at->connected, ~mask, memory_order_acq_rel) & mask;
    return 0;
}

/* ---- the sender flag --------------------------------------------------------------------------------------------------- */

bool ring_claim_sender(struct ring ring)
{
    return atomic_exchange_explicit(&ring.at->sender, 1, memory_order_acq_rel) == 0;
}

void ring_leave_sender(struct ring ring)
{
    atomic_store_explicit(&ring.at->sender, 0, memory_order_release);
}
