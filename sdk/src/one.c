/* Writing with a single producer: no atomic read-modify-write and no system call unless somebody sleeps.
 *
 * Order: room, frontier, payload, header, stamp, tail, wake. The stamp publishes; the tail only tells joiners and a
 * restarted producer where to go on (recover_tail walks over stamps that the tail has not reached). */
#include "copy.h"
#include "gate.h"
#include "test_point.h"
#include "wake.h"
#include "writer.h"

static int make_room(struct leat_writer *writer, uint64_t end, struct deadline *deadline)
{
    for (;;) {
        int rc = gate_pass(writer, writer->next.position, end);
        if (rc != LEAT_EAGAIN)
            return rc;
        rc = gate_wait(writer, end, deadline);
        if (rc != 0)
            return rc;
    }
}

/* Everything of the record but its stamp. */
static inline void put(struct leat_writer *writer, struct place place, const struct leat_outgoing_bytes *message,
                       uint64_t time_ns)
{
    copy_bytes(record_payload(record_at(&writer->ring, place.position)), message->data, message->len);
    record_write(&writer->ring, place.position,
                 &(struct view){.len = message->len,
                                .span = record_span(message->len),
                                .sequence = place.sequence,
                                .time_ns = time_ns,
                                .tag = message->tag});
}

/* The first stamp comes last, so readers see all of the records up to `next`, or none. */
static inline void publish(struct leat_writer *writer, struct place next)
{
    TEST_POINT("one:sealing");
    record_seal(&writer->ring, writer->next.position, RECORD_COMMITTED);
    TEST_POINT("one:sealed");
    writer->next = next;
    cursor_store(&writer->ring.control->tail, next);
    TEST_POINT("one:tail");
}

static int publish_single(struct leat_writer *writer, const struct leat_outgoing_bytes *message,
                          struct deadline *deadline)
{
    struct place next = {writer->next.position + record_span(message->len), writer->next.sequence + 1};
    if (unlikely(next.position >= writer->frontier)) {
        int rc = make_room(writer, next.position, deadline);
        if (rc != 0)
            return rc;
    }
    uint64_t time_ns = publish_clock_read(&writer->clock);
    put(writer, writer->next, message, time_ns);
    ring_note_boundary(&writer->ring, writer->next.position, next.position);
    publish(writer, next);
    writer_count(writer, 1, message->len, time_ns);
    wake_signal(&writer->ring.control->wake, writer->fences);
    return 1;
}

int one_publish(struct leat_writer *writer, const struct leat_outgoing_bytes *messages, size_t count,
                struct deadline *deadline)
{
    if (count == 1)
        return publish_single(writer, messages, deadline);
    const struct ring *ring = &writer->ring;
    struct place next = writer->next;
    uint64_t time_ns = publish_clock_read(&writer->clock), bytes = 0;
    size_t done = 0;
    for (; done < count && messages[done].len <= ring->max_message; done++) {
        uint64_t end = next.position + record_span(messages[done].len);
        if (done > 0 && end - writer->next.position > burst_bytes_max(ring))
            break;
        if (unlikely(end >= writer->frontier)) {
            int rc = done > 0 ? gate_pass(writer, writer->next.position, end) : make_room(writer, end, deadline);
            if (rc != 0 && done == 0)
                return rc;
            if (rc != 0)
                break;
        }
        put(writer, next, &messages[done], time_ns);
        if (done == 1) /* from here on until the tail moves there are stamps that nobody can reach (recover_tail) */
            atomic_store_explicit(&writer->self->inflight, writer->next.position, memory_order_relaxed);
        if (done > 0)
            record_seal(ring, next.position, RECORD_COMMITTED);
        ring_note_boundary(ring, next.position, end);
        bytes += messages[done].len;
        next = (struct place){end, next.sequence + 1};
    }
    publish(writer, next);
    atomic_store_explicit(&writer->self->inflight, NOT_IN_FLIGHT, memory_order_release);
    writer_count(writer, done, bytes, time_ns);
    wake_signal(&ring->control->wake, writer->fences);
    return (int)done;
}

int one_claim(struct leat_writer *writer, size_t len, struct deadline *deadline)
{
    uint64_t end = writer->next.position + record_span(len);
    if (end < writer->frontier)
        return 0;
    return make_room(writer, end, deadline);
}

void one_commit(struct leat_writer *writer, size_t len, uint64_t tag)
{
    struct place next = {writer->next.position + record_span(len), writer->next.sequence + 1};
    uint64_t time_ns = publish_clock_read(&writer->clock);
    record_write(
        &writer->ring, writer->next.position,
        &(struct view){
            .len = len, .span = record_span(len), .sequence = writer->next.sequence, .time_ns = time_ns, .tag = tag});
    ring_note_boundary(&writer->ring, writer->next.position, next.position);
    publish(writer, next);
    writer_count(writer, 1, len, time_ns);
    wake_signal(&writer->ring.control->wake, writer->fences);
}
