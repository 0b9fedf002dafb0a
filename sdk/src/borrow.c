/* Handing messages out: lent in place, or copied and validated. */
#include "copy.h"
#include "reader.h"
#include "test_point.h"

#define LAPS_PER_CLOCK 16 /* a writer overtakes every copy: the time limit holds all the same */

static inline int find_next(struct leat_reader *reader, struct view *view, struct deadline *deadline)
{
    enum look seen = reader_look(reader, view);
    if (unlikely(seen != LOOK_FOUND)) {
        int rc = reader_wait(reader, view, seen, deadline);
        if (rc != 0)
            return rc;
    }
    reader->run++;
    if (unlikely(view->sequence != reader->next.sequence))
        reader_account(reader, view->sequence);
    return 0;
}

static inline void describe(const struct leat_reader *reader, const struct view *view, const void *data,
                            struct leat_message *message)
{
    *message = (struct leat_message){.data = data,
                                     .len = view->len,
                                     .sequence = view->sequence,
                                     .time_ns = view->time_ns,
                                     .tag = view->tag,
                                     .lost = reader->lost,
                                     .cursor = reader->next.position + view->span,
                                     .origin = view->owner};
}

/* Behind the record at the reader's position, which was handed out whole. The position is stored now when it must survive
 * us, and from time to time when it only holds writers back; at once when a writer waits (reader_store wakes it). */
static inline void pass(struct leat_reader *reader, const struct view *view)
{
    reader->next.position += view->span;
    reader->next.sequence++;
    reader->handed = reader->next.position;
    reader->unsaid = reader->next.sequence;
    if (unlikely(reader->lost > 0 && reader->self != NULL))
        atomic_fetch_add_explicit(&reader->self->lost, reader->lost, memory_order_relaxed);
    reader->lost = 0;
    reader->laps = 0;
    reader->stats.messages++;
    reader->stats.bytes += view->len;
    if (reader->self == NULL)
        return;
    uint32_t waited = atomic_load_explicit(&reader->ring.control->space, memory_order_relaxed) & 1;
    if (reader->eager || waited || reader->next.position - reader->stored >= reader->ring.capacity / LAYOUT_QUANTA)
        reader_store(reader);
}

int leat_borrow(struct leat_reader *reader, struct leat_message *message, int64_t timeout_ns)
{
    if (unlikely(reader->is_lent))
        return -EBUSY;
    struct deadline deadline = deadline_in(timeout_ns);
    int rc = find_next(reader, &reader->lent, &deadline);
    if (unlikely(rc != 0))
        return rc;
    describe(reader, &reader->lent, record_payload(record_at(&reader->ring, reader->next.position)), message);
    reader->is_lent = true;
    TEST_POINT("reader:lent");
    return 0;
}

int leat_release(struct leat_reader *reader)
{
    if (unlikely(!reader->is_lent))
        return -EINVAL;
    reader->is_lent = false;
    if (unlikely(ring_has_lapped(&reader->ring, reader->next.position))) {
        reader_resume(reader, false);
        return LEAT_ELAPPED;
    }
    pass(reader, &reader->lent);
    return 0;
}

int leat_read(struct leat_reader *reader, void *buffer, size_t size, struct leat_message *message, int64_t timeout_ns)
{
    if (unlikely(reader->is_lent))
        return -EBUSY;
    struct deadline deadline = deadline_in(timeout_ns);
    for (unsigned laps = 1;; laps++) {
        struct view view;
        int rc = find_next(reader, &view, &deadline);
        if (unlikely(rc != 0))
            return rc;
        describe(reader, &view, buffer, message);
        if (unlikely(view.len > size))
            return LEAT_ETOOBIG;
        copy_bytes(buffer, record_payload(record_at(&reader->ring, reader->next.position)), view.len);
        if (likely(!ring_has_lapped(&reader->ring, reader->next.position))) {
            pass(reader, &view);
            return 0;
        }
        reader_resume(reader, false);
        if (laps % LAPS_PER_CLOCK == 0 && deadline_left(&deadline, 1) <= 0)
            return deadline_error(&deadline);
    }
}
