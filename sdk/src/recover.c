#include "recover.h"
#include "lease.h"
#include "test_point.h"
#include "voids.h"
#include "wake.h"
#include "writer.h"

bool writer_is_alive(const struct segment *segment, uint32_t slot)
{
    return slot < segment->ring.writer_slots && lease_held(segment->fd, segment_writer_lease(&segment->header, slot));
}

static bool is_record(uint64_t state)
{
    return state == RECORD_CLAIMED || state == RECORD_COMMITTED || state == RECORD_VOID;
}

void settle_claim(const struct segment *segment, uint32_t slot)
{
    const struct ring *ring = &segment->ring;
    _Atomic uint64_t *inflight = &ring->writers[slot].inflight;
    uint64_t position = atomic_load_explicit(inflight, memory_order_acquire);
    struct place tail;
    if (position == NOT_IN_FLIGHT || !cursor_load(&ring->control->tail, &tail))
        return;
    /* A burst is several records in a row; behind them lie other writers' records, which are left alone. */
    while (position % 16 == 0 && position < tail.position && tail.position - position <= ring->capacity) {
        uint64_t state = record_state(ring, position);
        struct view view = record_read(ring, position);
        if (!is_record(state) || !view_is_sane(ring, &view))
            break;
        if (state == RECORD_CLAIMED && view.owner == slot)
            record_make_void(ring, position, view.sequence);
        position += view.span;
    }
    atomic_store_explicit(inflight, NOT_IN_FLIGHT, memory_order_release);
    wake_all(&ring->control->wake);
    wake_all(&ring->control->space);
}

/* From the last to the first: whoever is killed in the middle leaves a chain that still starts at the tail. */
void erase_unclaimed(const struct ring *ring)
{
    struct record *found[BURST_MAX];
    struct place tail;
    size_t count = 0;
    if (!cursor_load(&ring->control->tail, &tail))
        return;
    for (uint64_t position = tail.position & POSITION_BITS; count < BURST_MAX; count++) {
        struct view view = record_read(ring, position);
        if (record_state(ring, position) != RECORD_CLAIMED || !view_is_sane(ring, &view))
            break;
        found[count] = record_at(ring, position);
        position += view.span;
    }
    while (count-- > 0) {
        atomic_store_explicit(&found[count]->stamp, 0, memory_order_release);
        TEST_POINT("erase:one");
    }
}

/* Whether the record belongs to the life that its owner's slot has now. */
static bool is_current(const struct ring *ring, const struct view *view)
{
    return view->owner < ring->writer_slots &&
           (atomic_load_explicit(&ring->writers[view->owner].generation, memory_order_relaxed) & 0xff) == view->life;
}

/* The order matters. Once the owner is known to be dead it moves nothing any more. Then the tail says whether its claim
 * happened, and the header, read after the tail, whether the record is still that claim: had somebody else claimed the same
 * place after a roll-back, the tail would have moved over it only after the new owner was in the header. */
bool claim_is_dead(const struct segment *segment, uint64_t position, struct view *view)
{
    const struct ring *ring = &segment->ring;
    struct view before = record_read(ring, position);
    struct place tail;
    atomic_thread_fence(memory_order_acquire); /* the life is looked at after the header; pairs with write_headers' */
    if (is_current(ring, &before) && writer_is_alive(segment, before.owner))
        return false;
    if (!cursor_load(&ring->control->tail, &tail) || tail.position <= position)
        return false;
    if (record_state(ring, position) != RECORD_CLAIMED)
        return false;
    *view = record_read(ring, position);
    return view->owner == before.owner && view->life == before.life;
}

void make_dead_claim_void(const struct segment *segment, uint64_t position, const struct view *view)
{
    record_make_void(&segment->ring, position, view->sequence);
    wake_all(&segment->ring.control->wake);
}

/* Stamps that a burst left behind the first, missing one would come alive when a reader got there. All of them lie below
 * the frontier, which moves before anything is written. */
static void erase_ghosts(const struct ring *ring, uint64_t from)
{
    uint64_t to = atomic_load_explicit(&ring->control->frontier, memory_order_relaxed);
    if (to > from + ring->capacity)
        to = from + ring->capacity;
    for (uint64_t position = from; position < to; position += 16)
        if (is_record(record_state(ring, position)))
            atomic_store_explicit(&record_at(ring, position)->stamp, 0, memory_order_relaxed);
}

struct place recover_tail(const struct ring *ring)
{
    struct place place = {0, 0};
    (void)cursor_load(&ring->control->tail, &place); /* nobody stores it now */
    place.position &= POSITION_BITS;
    for (uint64_t walked = 0; walked < ring->capacity;) {
        struct view view = record_read(ring, place.position);
        if (record_state(ring, place.position) != RECORD_COMMITTED || !view_is_sane(ring, &view) ||
            view.sequence != place.sequence)
            break;
        place.position += view.span;
        place.sequence++;
        walked += view.span;
    }
    _Atomic uint64_t *burst = &ring->writers[0].inflight;
    if (atomic_load_explicit(burst, memory_order_relaxed) != NOT_IN_FLIGHT)
        erase_ghosts(ring, place.position);
    atomic_store_explicit(burst, NOT_IN_FLIGHT, memory_order_relaxed);
    cursor_store(&ring->control->tail, place);
    return place;
}
