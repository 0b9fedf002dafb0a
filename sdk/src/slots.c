#include "slots.h"
#include "clock.h"
#include "failure.h"
#include "lease.h"
#include "places.h"

#include <string.h>
#include <unistd.h>

static uint32_t state_of(const struct reader_slot *slot)
{
    return atomic_load_explicit(&((struct reader_slot *)slot)->state, memory_order_acquire);
}

/* The generation moves with every change of occupant, so that a writer that has just found the old one dead cannot touch the
 * new one: its compare-exchange fails. */
static uint32_t next_life(uint32_t state, uint32_t flags)
{
    return ((state & ~READER_FLAGS) + READER_FLAGS + 1) | flags;
}

uint32_t slots_registered(const struct ring *ring)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ring_readers_high(ring); i++)
        count += (state_of(&ring->readers[i]) & READER_USED) != 0;
    return count;
}

static bool has_name(const struct reader_slot *slot, const char *name)
{
    for (size_t i = 0; i < LAYOUT_NAME_BYTES; i++) {
        char c = atomic_load_explicit(&((struct reader_slot *)slot)->name[i], memory_order_relaxed);
        if (c != name[i])
            return false;
        if (c == '\0')
            return true;
    }
    return false;
}

int slots_find(const struct ring *ring, const char *name, uint32_t *slot)
{
    for (uint32_t i = 0; i < ring_readers_high(ring); i++) {
        if ((state_of(&ring->readers[i]) & READER_DURABLE) == 0 || !has_name(&ring->readers[i], name))
            continue;
        *slot = i;
        return 0;
    }
    return -ENOENT;
}

static int take_lease(const struct segment *segment, uint32_t slot)
{
    return lease_take(segment->fd, segment_reader_lease(&segment->header, slot));
}

static int take_named(const struct segment *segment, const char *name, uint32_t slot)
{
    int rc = take_lease(segment, slot);
    if (rc == -EBUSY)
        return failure(rc, "the reader '%s' of channel '%s' lives", name, segment->name);
    return rc == 0 ? 0 : failure_os(rc, "channel '%s' cannot be locked", segment->name);
}

/* A free slot, or one whose nameless reader died. */
static int take_unnamed(const struct segment *segment, uint32_t *slot)
{
    for (uint32_t i = 0; i < segment->ring.reader_slots; i++) {
        if (state_of(&segment->ring.readers[i]) & READER_DURABLE)
            continue;
        int rc = take_lease(segment, i);
        if (rc == -EBUSY)
            continue;
        if (rc != 0)
            return failure_os(rc, "channel '%s' cannot be locked", segment->name);
        *slot = i;
        return 0;
    }
    return failure(-EBUSY, "all %u reader slots of channel '%s' are taken", segment->ring.reader_slots, segment->name);
}

int slots_take(const struct segment *segment, const char *name, uint32_t *slot, bool *resumed)
{
    const struct ring *ring = &segment->ring;
    *resumed = name != NULL && slots_find(ring, name, slot) == 0;
    int rc = *resumed ? take_named(segment, name, *slot) : take_unnamed(segment, slot);
    if (rc != 0)
        return rc;
    struct reader_slot *self = &ring->readers[*slot];
    atomic_store_explicit(&self->pid, (uint32_t)getpid(), memory_order_relaxed);
    if (!*resumed)
        atomic_store_explicit(&self->lost, 0, memory_order_relaxed);
    if (*slot >= atomic_load_explicit(&ring->control->reader_high, memory_order_relaxed))
        atomic_store(&ring->control->reader_high, *slot + 1);
    return 0;
}

/* Until the reader has its place the slot has no name: a reader that dies in between leaves nothing. */
uint64_t slots_hold(const struct ring *ring, uint32_t slot)
{
    struct reader_slot *self = &ring->readers[slot];
    uint64_t granted = atomic_load(&ring->control->granted);
    cursor_store(&self->cursor, (struct place){ring_floor(ring, granted), 0});
    atomic_store(&self->state, next_life(state_of(self), READER_USED | READER_GATING));
    for (;;) {
        /* The epoch first, then what is announced; pairs with granted.1 in gate.c. */
        atomic_fetch_add(&ring->control->reader_epoch, 1);
        atomic_thread_fence(memory_order_seq_cst);
        uint64_t now = atomic_load(&ring->control->granted);
        if (now == granted)
            return ring_floor(ring, granted);
        granted = now;
        cursor_store(&self->cursor, (struct place){ring_floor(ring, granted), 0});
    }
}

void slots_settle(const struct ring *ring, uint32_t slot, const char *name, uint64_t hold_ns)
{
    struct reader_slot *self = &ring->readers[slot];
    uint32_t flags = READER_USED | (ring->block ? READER_GATING : 0) | (name != NULL ? READER_DURABLE : 0);
    for (size_t i = 0; name != NULL && i <= strlen(name); i++)
        atomic_store_explicit(&self->name[i], name[i], memory_order_relaxed);
    atomic_store_explicit(&self->hold_ns, hold_ns, memory_order_relaxed);
    uint32_t before = atomic_exchange(&self->state, next_life(state_of(self), flags));
    if (ring->block && !(before & READER_GATING))
        atomic_fetch_add(&ring->control->reader_epoch, 1);
    atomic_thread_fence(memory_order_seq_cst); /* the reader looks at the frontier next; pairs with granted.1 */
}

/* When a death was noticed, and whose: a note about an earlier life counts for nothing. */
static uint64_t death_note(uint32_t state, int64_t now)
{
    return ((uint64_t)now & ~UINT64_C(0xff)) | (state >> 8 & 0xff);
}

/* A durable reader that leaves is from now on a dead one. */
void slots_leave(const struct ring *ring, uint32_t slot)
{
    struct reader_slot *self = &ring->readers[slot];
    uint32_t state = state_of(self);
    if (!(state & READER_DURABLE)) {
        slots_free(ring, slot);
        return;
    }
    atomic_store_explicit(&self->dead_since, death_note(state, clock_monotonic_ns()), memory_order_relaxed);
    if (atomic_load_explicit(&self->hold_ns, memory_order_relaxed) == 0)
        atomic_store_explicit(&self->state, next_life(state, READER_USED | READER_DURABLE), memory_order_release);
}

void slots_free(const struct ring *ring, uint32_t slot)
{
    struct reader_slot *self = &ring->readers[slot];
    atomic_store_explicit(&self->state, next_life(state_of(self), 0), memory_order_release);
}

/* What becomes of a dead reader's state: `state` itself as long as it may still hold writers back. */
static uint32_t state_after_death(struct reader_slot *slot, uint32_t state, int64_t now)
{
    if (!(state & READER_DURABLE))
        return next_life(state, 0);
    uint64_t hold = atomic_load_explicit(&slot->hold_ns, memory_order_relaxed);
    uint64_t note = atomic_load_explicit(&slot->dead_since, memory_order_relaxed), noticed = death_note(state, now);
    if ((note & 0xff) == (noticed & 0xff) && note != 0)
        noticed = note;
    else
        atomic_store_explicit(&slot->dead_since, noticed, memory_order_relaxed);
    bool over = hold != UINT64_MAX && (uint64_t)now - (noticed & ~UINT64_C(0xff)) >= hold;
    return over ? next_life(state, READER_USED | READER_DURABLE) : state;
}

bool slots_reap(const struct segment *segment, uint64_t below, int64_t now)
{
    bool reaped = false;
    for (uint32_t i = 0; i < ring_readers_high(&segment->ring); i++) {
        struct reader_slot *slot = &segment->ring.readers[i];
        uint32_t state = state_of(slot);
        struct place place;
        if (!(state & READER_GATING) || (cursor_load(&slot->cursor, &place) && place.position >= below) ||
            lease_held(segment->fd, segment_reader_lease(&segment->header, i)))
            continue;
        uint32_t after = state_after_death(slot, state, now);
        if (after != state)
            reaped |= atomic_compare_exchange_strong(&slot->state, &state, after);
    }
    return reaped;
}
