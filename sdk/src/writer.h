/* What a leat_writer is, and the two ways to write: one.c for a single producer, many.c for many. */
#ifndef LEAT_WRITER_H
#define LEAT_WRITER_H

#include "clock.h"
#include "record.h"
#include "segment.h"

struct leat_writer {
    struct ring ring;
    struct writer_slot *self;
    struct publish_clock clock;
    uint32_t slot;
    uint32_t life;  /* low byte of the slot's generation */
    uint32_t token; /* what it puts into the claim lock                                                         */
    bool fences;    /* membarrier is not available: fence before looking for sleepers                          */
    bool await_readers;
    bool claim_open;   /* by leat_claim                                                                            */
    struct place next; /* one producer: where the next record goes. many: the open claim                           */
    uint64_t frontier; /* one producer: copy of the shared one                                                     */
    uint64_t claim_end, claim_len;
    uint64_t messages, bytes;
    /* room, see gate.c */
    uint64_t limit;
    uint64_t reader_epoch;
    int64_t reap_at, nap_ns;
    uint32_t wait_readers;
    struct segment *segment;
};

/* Each of them publishes one prefix of `messages`, waiting for room for the first only; returns how many, or the failure.
 * Lengths have not been checked: a message that is too large ends the prefix. */
int one_publish(struct leat_writer *writer, const struct leat_outgoing_bytes *messages, size_t count,
                struct deadline *deadline);
int many_publish(struct leat_writer *writer, const struct leat_outgoing_bytes *messages, size_t count,
                 struct deadline *deadline);

int one_claim(struct leat_writer *writer, size_t len, struct deadline *deadline);
int many_claim(struct leat_writer *writer, size_t len, struct deadline *deadline);
void one_commit(struct leat_writer *writer, size_t len, uint64_t tag);
void many_commit(struct leat_writer *writer, size_t len, uint64_t tag);
void many_abort(struct leat_writer *writer);

#define BURST_MAX 64 /* records for which others wait at once */

/* A burst is cut where it would take more of the ring than this at once, so that it cannot lap itself. */
static inline uint64_t burst_bytes_max(const struct ring *ring)
{
    return ring->capacity / 4;
}

static inline void writer_count(struct leat_writer *writer, uint64_t messages, uint64_t bytes, uint64_t time_ns)
{
    writer->messages += messages;
    writer->bytes += bytes;
    atomic_store_explicit(&writer->self->messages, writer->messages, memory_order_relaxed);
    atomic_store_explicit(&writer->self->bytes, writer->bytes, memory_order_relaxed);
    atomic_store_explicit(&writer->self->published_ns, time_ns, memory_order_relaxed);
}

#endif
