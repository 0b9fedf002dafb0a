/* Writing with many producers: claim under a lock, copy outside it.
 *
 * Under the lock: room, frontier, the headers {claimed, owner, sequence}, our slot's `inflight`, and then one flip of the
 * tail, which is where the claim happens: killed before it, nothing happened. Outside: payload, stamp, `inflight` away, wake.
 * A claim is one record, or the records of a burst in a row. */
#include "claim_lock.h"
#include "copy.h"
#include "gate.h"
#include "recover.h"
#include "test_point.h"
#include "voids.h"
#include "wake.h"

/* How many of the messages one claim takes: its end and count. At least one, whatever its size. */
static uint64_t claim_extent(const struct ring *ring, uint64_t start, const struct leat_outgoing_bytes *messages,
                             size_t *count)
{
    size_t most = *count < BURST_MAX ? *count : BURST_MAX, taken = 0;
    uint64_t end = start;
    for (; taken < most && messages[taken].len <= ring->max_message; taken++) {
        uint64_t next = end + record_span(messages[taken].len);
        if (taken > 0 && next - start > burst_bytes_max(ring))
            break;
        end = next;
    }
    *count = taken;
    return end;
}

static void write_headers(struct leat_writer *writer, struct place place, const struct leat_outgoing_bytes *messages,
                          size_t count)
{
    /* The frontier may be another writer's store, which we saw by taking the lock; our bytes come after it. See frontier.1. */
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < count; i++) {
        struct view view = {.len = messages[i].len,
                            .span = record_span(messages[i].len),
                            .sequence = place.sequence + i,
                            .owner = writer->slot,
                            .life = writer->life};
        record_write(&writer->ring, place.position, &view);
        record_seal(&writer->ring, place.position, RECORD_CLAIMED);
        ring_note_boundary(&writer->ring, place.position, place.position + view.span);
        place.position += view.span;
    }
}

/* With the lock held. 0 with writer->next and claim_end set, or LEAT_EAGAIN; then *end says what there is no room for. */
static int claim_locked(struct leat_writer *writer, const struct leat_outgoing_bytes *messages, size_t *count,
                        uint64_t *end)
{
    struct control *control = writer->ring.control;
    struct place tail;
    if (unlikely(!cursor_load(&control->tail, &tail)))
        return LEAT_ECORRUPT; /* only the holder of the lock stores it */
    tail.position &= POSITION_BITS;
    *end = claim_extent(&writer->ring, tail.position, messages, count);
    if (unlikely(*end >= atomic_load_explicit(&control->frontier, memory_order_relaxed))) {
        int rc = gate_pass(writer, tail.position, *end);
        if (rc != 0)
            return rc;
    }
    TEST_POINT("many:locked");
    write_headers(writer, tail, messages, *count);
    TEST_POINT("many:header");
    /* many.2: visible before the tail: whoever sees the tail beyond this claim sees the claim. */
    atomic_store_explicit(&writer->self->inflight, tail.position, memory_order_relaxed);
    TEST_POINT("many:inflight");
    cursor_store(&control->tail, (struct place){*end, tail.sequence + *count}); /* many.2: its release */
    TEST_POINT("many:tail");
    writer->next = tail;
    writer->claim_end = *end;
    return 0;
}

/* Claims room for a prefix of the messages, waiting for the first only. Returns their number or the failure. */
static int claim(struct leat_writer *writer, const struct leat_outgoing_bytes *messages, size_t count,
                 struct deadline *deadline)
{
    for (;;) {
        size_t taken = count;
        uint64_t end;
        int rc = claim_lock(writer, deadline);
        if (rc != 0)
            return rc;
        rc = claim_locked(writer, messages, &taken, &end);
        if (unlikely(rc == LEAT_EAGAIN && taken > 1)) {
            taken = 1;
            rc = claim_locked(writer, messages, &taken, &end);
        }
        claim_unlock(writer);
        if (rc == 0)
            return (int)taken;
        if (rc != LEAT_EAGAIN)
            return rc;
        rc = gate_wait(writer, end, deadline);
        if (rc != 0)
            return rc;
    }
}

/* The claim is done with: what it held back may go on. */
static void finish(struct leat_writer *writer)
{
    TEST_POINT("many:sealed");
    /* many.3: our bytes and stamps are visible before the claim is gone; pairs with the acquire in gate.c. */
    atomic_store_explicit(&writer->self->inflight, NOT_IN_FLIGHT, memory_order_release);
    TEST_POINT("many:finished");
    wake_signal(&writer->ring.control->wake, writer->fences);
    wake_signal(&writer->ring.control->space, writer->fences);
}

static void fill_in(const struct ring *ring, uint64_t position, uint64_t len, uint64_t tag, uint64_t time_ns)
{
    struct record *record = record_at(ring, position);
    atomic_store_explicit(&record->len, len, memory_order_relaxed);
    atomic_store_explicit(&record->tag, tag, memory_order_relaxed);
    atomic_store_explicit(&record->time_ns, time_ns, memory_order_relaxed);
}

int many_publish(struct leat_writer *writer, const struct leat_outgoing_bytes *messages, size_t count,
                 struct deadline *deadline)
{
    int taken = claim(writer, messages, count, deadline);
    if (taken < 0)
        return taken;
    const struct ring *ring = &writer->ring;
    uint64_t position = writer->next.position, bytes = 0, time_ns = publish_clock_read(&writer->clock);
    TEST_POINT("many:claimed");
    for (int i = 0; i < taken; i++) {
        copy_bytes(record_payload(record_at(ring, position)), messages[i].data, messages[i].len);
        fill_in(ring, position, messages[i].len, messages[i].tag, time_ns);
        if (i > 0)
            record_seal(ring, position, RECORD_COMMITTED);
        position += record_span(messages[i].len);
        bytes += messages[i].len;
    }
    TEST_POINT("many:sealing");
    record_seal(ring, writer->next.position, RECORD_COMMITTED); /* the first last: all at once, or none */
    writer_count(writer, (uint64_t)taken, bytes, time_ns);
    finish(writer);
    return taken;
}

int many_claim(struct leat_writer *writer, size_t len, struct deadline *deadline)
{
    struct leat_outgoing_bytes one = {.len = len};
    int rc = claim(writer, &one, 1, deadline);
    return rc < 0 ? rc : 0;
}

void many_commit(struct leat_writer *writer, size_t len, uint64_t tag)
{
    uint64_t time_ns = publish_clock_read(&writer->clock);
    fill_in(&writer->ring, writer->next.position, len, tag, time_ns);
    record_seal(&writer->ring, writer->next.position, RECORD_COMMITTED);
    writer_count(writer, 1, len, time_ns);
    finish(writer);
}

/* Gives the newest claim back: the tail returns to its start and no sequence number is used. Joiners that saw the tail
 * behind it notice by `rollbacks` (ring_newest). false: other claims lie behind it. */
static bool roll_back(struct leat_writer *writer)
{
    struct control *control = writer->ring.control;
    struct deadline no_wait = deadline_in(0);
    struct place tail;
    if (claim_lock(writer, &no_wait) != 0)
        return false;
    bool newest = cursor_load(&control->tail, &tail) && tail.position == writer->claim_end;
    if (newest) {
        /* In this order: who has the old tail and no longer finds the claim, finds the count changed (rollback.1). */
        cursor_store(&control->tail, writer->next);
        TEST_POINT("abort:tail");
        atomic_fetch_add(&control->rollbacks, 1);
        atomic_store_explicit(&record_at(&writer->ring, writer->next.position)->stamp, 0, memory_order_release);
        atomic_store_explicit(&writer->self->inflight, NOT_IN_FLIGHT, memory_order_release);
    }
    claim_unlock(writer);
    return newest;
}

void many_abort(struct leat_writer *writer)
{
    if (!roll_back(writer))
        record_make_void(&writer->ring, writer->next.position, writer->next.sequence);
    finish(writer);
}
