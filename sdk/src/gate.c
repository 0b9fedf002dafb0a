#include "gate.h"
#include "lease.h"
#include "recover.h"
#include "slots.h"
#include "test_point.h"
#include "wake.h"

#define SPINS 30 /* a few microseconds: who meets a full ring waits for somebody slower, who may need the processor */
#define ROOM_WORTH 8 /* a sleeping writer is woken for an eighth of the ring, not for one message */
#define REAP_INTERVAL_NS NS_PER_MS
#define NAP_MIN_NS NS_PER_MS /* until leases are tested again */
#define NAP_MAX_NS (16 * NS_PER_MS)

static uint64_t lowest_reader(const struct ring *ring, uint64_t lowest)
{
    uint32_t high = ring_readers_high(ring);
    for (uint32_t i = 0; i < high; i++) {
        struct reader_slot *slot = &ring->readers[i];
        struct place place;
        if ((atomic_load_explicit(&slot->state, memory_order_acquire) & READER_GATING) == 0)
            continue;
        /* cursor_load's acquire pairs with cursor.2: the reader's loads of the payload come before our overwriting. */
        if (cursor_load(&slot->cursor, &place) && place.position < lowest)
            lowest = place.position;
    }
    return lowest;
}

static uint64_t lowest_claim(const struct leat_writer *writer, uint64_t lowest)
{
    uint32_t high = ring_writers_high(&writer->ring);
    for (uint32_t i = 0; i < high; i++) {
        uint64_t inflight = atomic_load_explicit(&writer->ring.writers[i].inflight, memory_order_acquire); /* many.3 */
        if (inflight < lowest)
            lowest = inflight;
    }
    return lowest;
}

/* Up to where writers may write as things stand. Never beyond tail + capacity: claims that others make after this look
 * start at the tail or later. */
static uint64_t limit_now(const struct leat_writer *writer, uint64_t tail)
{
    uint64_t lowest = tail;
    if (writer->ring.block)
        lowest = lowest_reader(&writer->ring, lowest);
    if (writer->ring.many)
        lowest = lowest_claim(writer, lowest);
    return lowest + writer->ring.capacity;
}

/* Those in the way who are dead are taken out of it. At most once a millisecond: each test is a system call. */
static bool reap(struct leat_writer *writer, uint64_t end)
{
    int64_t now = clock_monotonic_ns();
    if (now < writer->reap_at)
        return false;
    writer->reap_at = now + REAP_INTERVAL_NS;
    const struct ring *ring = &writer->ring;
    bool reaped = false;
    if (ring->block)
        reaped = slots_reap(writer->segment, end - ring->capacity, now);
    uint32_t high = ring->many ? ring_writers_high(ring) : 0;
    for (uint32_t i = 0; i < high; i++) {
        uint64_t inflight = atomic_load_explicit(&ring->writers[i].inflight, memory_order_acquire);
        bool in_the_way = inflight != NOT_IN_FLIGHT && inflight + ring->capacity < end && i != writer->slot;
        if (!in_the_way || writer_is_alive(writer->segment, i))
            continue;
        settle_claim(writer->segment, i);
        reaped = true;
    }
    return reaped;
}

/* Whether the limit that this writer knows, or a new look, allows `end`. */
static bool limit_allows(struct leat_writer *writer, uint64_t position, uint64_t end, uint64_t epoch)
{
    if (end <= writer->limit && epoch == writer->reader_epoch)
        return true;
    writer->reader_epoch = epoch;
    writer->limit = limit_now(writer, position);
    if (end <= writer->limit)
        return true;
    if (reap(writer, end))
        writer->limit = limit_now(writer, position);
    return end <= writer->limit;
}

static void move_frontier(struct leat_writer *writer, uint64_t frontier)
{
    writer->frontier = frontier;
    atomic_store_explicit(&writer->ring.control->frontier, frontier, memory_order_relaxed);
    /* frontier.1: visible before the first byte that is overwritten; pairs with the fence in ring_has_lapped. */
    atomic_thread_fence(memory_order_release);
}

/* A reader that joins while we look at the slots could be overlooked and overtaken. So the new frontier is announced, and
 * then the epoch looked at once more; a joiner counts up the epoch and then looks at what is announced (slots.c). One of
 * the two sees the other: granted.1 pairs with the fence in slots.c. */
static bool announce(struct leat_writer *writer, uint64_t frontier, uint64_t epoch)
{
    struct control *control = writer->ring.control;
    atomic_store_explicit(&control->granted, frontier, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst); /* granted.1 */
    return atomic_load_explicit(&control->reader_epoch, memory_order_acquire) == epoch;
}

int gate_pass(struct leat_writer *writer, uint64_t position, uint64_t end)
{
    const struct ring *ring = &writer->ring;
    uint64_t rounded = ((end >> ring->quantum_log2) + 1) << ring->quantum_log2;
    if (!ring->block && !ring->many) {
        move_frontier(writer, rounded);
        return 0;
    }
    for (;;) {
        uint64_t epoch = atomic_load_explicit(&ring->control->reader_epoch, memory_order_acquire);
        if (!limit_allows(writer, position, end, epoch))
            return LEAT_EAGAIN;
        TEST_POINT("gate:allowed");
        /* Not above the limit: a reader that holds us back must not see itself lapped by a mere rounding. */
        uint64_t frontier = rounded < writer->limit ? rounded : writer->limit;
        if (ring->block && !announce(writer, frontier, epoch))
            continue;
        TEST_POINT("gate:announced");
        move_frontier(writer, frontier);
        writer->nap_ns = NAP_MIN_NS;
        return 0;
    }
}

static uint64_t tail_position(const struct leat_writer *writer)
{
    struct place tail = writer->next;
    if (writer->ring.many)
        (void)cursor_load(&writer->ring.control->tail, &tail);
    return tail.position;
}

/* Parks on `space` for one slice. Readers signal it when they release; leases are tested by the next gate_pass. */
static int nap(struct leat_writer *writer, uint32_t word, struct deadline *deadline)
{
    if (segment_is_removed(writer->segment))
        return LEAT_ECLOSED;
    int64_t slice = deadline_left(deadline, writer->nap_ns);
    if (slice <= 0)
        return deadline_error(deadline);
    wake_wait(&writer->ring.control->space, word, slice);
    writer->nap_ns = writer->nap_ns * 2 < NAP_MAX_NS ? writer->nap_ns * 2 : NAP_MAX_NS;
    return 0;
}

/* Where a reader has to be for our wake-up to be worth it: everything read, or an eighth of the ring free beyond what we
 * need. Of several waiting writers the most modest counts; the others look again after their nap. */
static void want_room(struct leat_writer *writer, uint64_t end, uint64_t tail)
{
    struct control *control = writer->ring.control;
    uint64_t wanted = end - writer->ring.capacity + writer->ring.capacity / ROOM_WORTH;
    if (wanted > tail)
        wanted = tail;
    bool alone = !(atomic_load_explicit(&control->space, memory_order_relaxed) & WAKE_SLEEPS);
    if (alone || wanted < atomic_load_explicit(&control->wanted, memory_order_relaxed))
        atomic_store_explicit(&control->wanted, wanted, memory_order_relaxed);
}

int gate_wait(struct leat_writer *writer, uint64_t end, struct deadline *deadline)
{
    if (deadline->timeout_ns == 0)
        return segment_is_removed(writer->segment) ? LEAT_ECLOSED : LEAT_EAGAIN;
    for (int i = 0; i < SPINS; i++) {
        if (limit_now(writer, tail_position(writer)) >= end)
            return 0;
        cpu_pause(10);
    }
    want_room(writer, end, tail_position(writer));
    uint32_t word = wake_prepare(&writer->ring.control->space);
    if (limit_now(writer, tail_position(writer)) >= end)
        return 0;
    return nap(writer, word, deadline);
}

int gate_await_readers(struct leat_writer *writer, struct deadline *deadline)
{
    while (writer->await_readers) {
        uint32_t word = wake_prepare(&writer->ring.control->space);
        (void)slots_reap(writer->segment, UINT64_MAX, clock_monotonic_ns()); /* the dead are no readers */
        if (slots_registered(&writer->ring) >= writer->wait_readers) {
            writer->await_readers = false;
            break;
        }
        int rc = nap(writer, word, deadline);
        if (rc != 0)
            return rc;
    }
    return 0;
}
