/* leat_writer: opening and closing, and the public calls in front of one.c and many.c. */
#include "writer.h"
#include "claim_lock.h"
#include "failure.h"
#include "gate.h"
#include "lease.h"
#include "options.h"
#include "recover.h"
#include "test_point.h"
#include "wake.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- opening --------------------------------------------------------------------------------------------------- */

static int lease_slot(struct leat_writer *writer)
{
    const struct segment *segment = writer->segment;
    for (uint32_t slot = 0; slot < segment->ring.writer_slots; slot++) {
        int rc = lease_take(segment->fd, segment_writer_lease(&segment->header, slot));
        if (rc == -EBUSY)
            continue;
        if (rc != 0)
            return failure_os(rc, "channel '%s' cannot be locked", segment->name);
        writer->slot = slot;
        writer->self = &segment->ring.writers[slot];
        return 0;
    }
    if (segment->ring.many)
        return failure(-EBUSY, "all %u writer slots of channel '%s' are taken", segment->ring.writer_slots,
                       segment->name);
    return failure(-EBUSY, "channel '%s' is for one producer, and it lives", segment->name);
}

static void describe_slot(struct leat_writer *writer)
{
    struct writer_slot *self = writer->self;
    uint32_t generation = atomic_fetch_add(&self->generation, 1) + 1;
    if (writer->slot >= ring_writers_high(&writer->ring)) /* under the registry lock, like the slot itself */
        atomic_store(&writer->ring.control->writer_high, writer->slot + 1);
    writer->life = generation & 0xff;
    writer->token = claim_lock_token(writer->slot, generation);
    atomic_store_explicit(&self->pid, (uint32_t)getpid(), memory_order_relaxed);
    writer->messages = atomic_load_explicit(&self->messages, memory_order_relaxed);
    writer->bytes = atomic_load_explicit(&self->bytes, memory_order_relaxed);
}

/* Takes over what the slot's last writer left: its claim, with many producers; the whole tail, with one. */
static int inherit(struct leat_writer *writer)
{
    const struct ring *ring = &writer->ring;
    writer->frontier = atomic_load_explicit(&ring->control->frontier, memory_order_acquire);
    if (!ring->many) {
        writer->next = recover_tail(ring);
        return 0;
    }
    struct deadline patience = deadline_in(NS_PER_S);
    if (claim_lock(writer, &patience) != 0)
        return failure(-EBUSY, "a stopped writer holds the lock of channel '%s'", writer->segment->name);
    settle_claim(writer->segment, writer->slot);
    claim_unlock(writer);
    return 0;
}

/* -ENOENT: it was removed since it was opened. */
static int register_writer(struct leat_writer *writer)
{
    int rc = segment_registry_lock(writer->segment);
    if (rc != 0)
        return rc;
    if (segment_is_removed(writer->segment))
        rc = failure(-ENOENT, "channel '%s' was removed", writer->segment->name);
    if (rc == 0)
        rc = lease_slot(writer);
    if (rc == 0)
        describe_slot(writer);
    segment_registry_unlock(writer->segment);
    TEST_POINT("writer:registered");
    return rc != 0 ? rc : inherit(writer);
}

static int open_once(struct leat_writer *writer, const char *name, const struct leat_channel_options *options)
{
    bool create = !(options->flags & LEAT_OPEN_EXISTING);
    int rc = segment_open(&writer->segment, name, options, SEGMENT_WRITE, create);
    if (rc != 0)
        return rc;
    rc = options_agree(options, &writer->segment->header, name);
    if (rc != 0)
        return rc;
    writer->ring = writer->segment->ring;
    writer->wait_readers = writer->ring.block ? writer->segment->header.wait_readers : 0;
    writer->await_readers = writer->wait_readers > 0;
    return register_writer(writer);
}

int leat_writer_open(struct leat_writer **writer, const char *name, const struct leat_channel_options *options)
{
    struct leat_channel_options complete;
    int rc = options_complete(&complete, options);
    if (rc != 0)
        return rc;
    struct leat_writer *new = aligned_alloc(64, (sizeof *new + 63) / 64 * 64);
    if (new == NULL)
        return failure(-ENOMEM, "out of memory");
    for (int tries = 0; tries < 100; tries++) {
        *new = (struct leat_writer){.fences = !wake_register(), .nap_ns = NS_PER_MS};
        publish_clock_init(&new->clock);
        rc = open_once(new, name, &complete);
        if (rc != -ENOENT || (complete.flags & LEAT_OPEN_EXISTING) || new->segment == NULL)
            break;
        segment_detach(new->segment); /* removed under our hands: a new one is wanted */
        new->segment = NULL;
    }
    if (rc == 0) {
        *writer = new;
        return 0;
    }
    segment_detach(new->segment);
    free(new);
    return rc;
}

void leat_writer_close(struct leat_writer *writer)
{
    if (writer == NULL)
        return;
    if (!segment_is_foreign(writer->segment))
        leat_abort(writer);
    segment_detach(writer->segment);
    free(writer);
}

struct leat_mapping *leat_writer_keep(const struct leat_writer *writer)
{
    return mapping_hold(writer->segment->mapping);
}

size_t leat_writer_max_message(const struct leat_writer *writer)
{
    return writer->ring.max_message;
}

uint32_t leat_writer_origin(const struct leat_writer *writer)
{
    return writer->slot;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* What may be in the way of any publishing, before there is talk of room. */
static inline int ready(struct leat_writer *writer, struct deadline *deadline)
{
    if (unlikely(writer->claim_open))
        return -EBUSY;
    if (unlikely(segment_is_removed(writer->segment)))
        return LEAT_ECLOSED;
    if (unlikely(writer->await_readers))
        return gate_await_readers(writer, deadline);
    return 0;
}

static inline int publish_some(struct leat_writer *writer, const struct leat_outgoing_bytes *messages, size_t count,
                               struct deadline *deadline)
{
    if (unlikely(messages->len > writer->ring.max_message))
        return LEAT_ETOOBIG;
    return writer->ring.many ? many_publish(writer, messages, count, deadline)
                             : one_publish(writer, messages, count, deadline);
}

int leat_publish(struct leat_writer *writer, const void *data, size_t len, uint64_t tag, int64_t timeout_ns)
{
    struct leat_outgoing_bytes message = {data, len, tag};
    struct deadline deadline = deadline_in(timeout_ns);
    int rc = ready(writer, &deadline);
    if (unlikely(rc != 0))
        return rc;
    rc = publish_some(writer, &message, 1, &deadline);
    return rc < 0 ? rc : 0;
}

int leat_publish_burst(struct leat_writer *writer, const struct leat_outgoing_bytes *messages, size_t count,
                       int64_t timeout_ns)
{
    struct deadline deadline = deadline_in(timeout_ns);
    if (count > INT_MAX)
        count = INT_MAX;
    int rc = ready(writer, &deadline);
    if (rc != 0 || count == 0)
        return rc;
    size_t done = 0;
    while (done < count) {
        rc = publish_some(writer, messages + done, count - done, &deadline);
        if (rc < 0)
            break;
        done += (size_t)rc;
    }
    return done > 0 ? (int)done : rc;
}

int leat_claim(struct leat_writer *writer, size_t len, void **data, int64_t timeout_ns)
{
    struct deadline deadline = deadline_in(timeout_ns);
    int rc = ready(writer, &deadline);
    if (rc == 0 && len > writer->ring.max_message)
        rc = LEAT_ETOOBIG;
    if (rc == 0)
        rc = writer->ring.many ? many_claim(writer, len, &deadline) : one_claim(writer, len, &deadline);
    if (rc != 0)
        return rc;
    writer->claim_open = true;
    writer->claim_len = len;
    *data = record_payload(record_at(&writer->ring, writer->next.position));
    return 0;
}

int leat_commit(struct leat_writer *writer, size_t len, uint64_t tag)
{
    if (!writer->claim_open || len > writer->claim_len)
        return -EINVAL;
    writer->claim_open = false;
    if (writer->ring.many)
        many_commit(writer, len, tag);
    else
        one_commit(writer, len, tag);
    return 0;
}

void leat_abort(struct leat_writer *writer)
{
    if (!writer->claim_open)
        return;
    writer->claim_open = false;
    if (writer->ring.many)
        many_abort(writer); /* with one producer nobody has seen anything of the claim */
}
