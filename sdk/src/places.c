#include "places.h"
#include "clock.h"
#include "recover.h"

#define PATIENCE_NS NS_PER_S /* claims that come and go leave gaps of some ten nanoseconds; a vandal leaves none */

static bool is_possible(struct place place)
{
    return place.position < POSITION_MAX && place.position % 16 == 0;
}

/* The place of the record that starts at `position`, if one does. */
static bool record_place(const struct ring *ring, uint64_t position, struct place *place)
{
    uint64_t state = record_state(ring, position);
    if (state != RECORD_CLAIMED && state != RECORD_COMMITTED && state != RECORD_VOID)
        return false;
    struct place found = {position, record_read(ring, position).sequence};
    if (ring_has_lapped(ring, position))
        return false;
    *place = found;
    return true;
}

/* Lowers *place to the oldest claim of a live writer. Not only is that what "next" means; the tail behind such a claim may
 * also go back when the claim is given up, a claim's own start may not. */
static void lower_to_open_claims(const struct segment *segment, struct place *place)
{
    const struct ring *ring = &segment->ring;
    uint32_t high = ring_writers_high(ring);
    for (uint32_t i = 0; i < high; i++) {
        uint64_t inflight = atomic_load_explicit(&ring->writers[i].inflight, memory_order_acquire);
        if (inflight >= place->position || place->position - inflight > ring->capacity || inflight % 16 != 0)
            continue;
        struct view view;
        if (record_state(ring, inflight) == RECORD_CLAIMED && !claim_is_dead(segment, inflight, &view))
            (void)record_place(ring, inflight, place);
    }
}

bool ring_newest(const struct segment *segment, struct place *place)
{
    /* rollback.1: the count first, then the tail, then the claims; pairs with roll_back in many.c. */
    struct control *control = segment->ring.control;
    struct deadline patience = deadline_in(PATIENCE_NS);
    do {
        uint64_t rollbacks = atomic_load_explicit(&control->rollbacks, memory_order_acquire);
        if (!cursor_load(&control->tail, place) || !is_possible(*place))
            return false;
        if (!segment->ring.many)
            return true;
        lower_to_open_claims(segment, place);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&control->rollbacks, memory_order_relaxed) == rollbacks)
            return true;
    } while (deadline_left(&patience, 1) > 0);
    return false;
}

/* One look through the boundaries: the first that lies at or above `low` and not beyond the tail. */
static bool first_boundary(const struct ring *ring, uint64_t low, unsigned skip, struct place tail, struct place *place)
{
    uint64_t quantum = low >> ring->quantum_log2;
    for (unsigned i = skip; i <= LAYOUT_QUANTA; i++) {
        uint64_t at =
            atomic_load_explicit(&ring->control->boundary[(quantum + i) % LAYOUT_QUANTA], memory_order_relaxed);
        if (at >> ring->quantum_log2 != quantum + i || at < low || at > tail.position || at % 16 != 0)
            continue; /* an older lap's, or no record starts in that quantum */
        if (at == tail.position) {
            *place = tail;
            return true;
        }
        if (record_place(ring, at, place))
            return true;
    }
    return false;
}

bool ring_oldest(const struct ring *ring, uint64_t floor, unsigned skip, struct place *place)
{
    for (int tries = 0; tries < 32; tries++) {
        struct place tail;
        if (!cursor_load(&ring->control->tail, &tail) || !is_possible(tail))
            return false;
        uint64_t frontier = atomic_load_explicit(&ring->control->frontier, memory_order_acquire);
        uint64_t low = ring_floor(ring, frontier);
        if (first_boundary(ring, low > floor ? low : floor, skip, tail, place))
            return true;
        if (atomic_load_explicit(&ring->control->frontier, memory_order_acquire) == frontier)
            return false; /* nobody overtook us: there is none */
    }
    return false;
}
