/* Records in the ring: where they lie, what their stamp says, how their header is read without trust.
 *
 * A stamp holds the position that it is for, so it is valid at one place of one lap only: nothing is zeroed behind a
 * reader, and nothing left from an earlier lap is ever taken for a message. The cookie keeps payload bytes, which may come
 * from the network and may lie where a header will be looked for, from imitating one. */
#ifndef LEAT_RECORD_H
#define LEAT_RECORD_H

#include "cursor.h"
#include "layout.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define POSITION_MAX (UINT64_C(1) << 62)
#define POSITION_BITS ((POSITION_MAX - 1) & ~UINT64_C(15)) /* those that a correct position has */

/* The private, validated view of a mapped ring that writers and readers work on. */
struct ring {
    struct control *control;
    unsigned char *data; /* mapped twice in a row: data[0 .. 2 * capacity) */
    uint64_t mask;       /* of the bits that say where in the ring: multiples of 16 only, whatever the position */
    uint64_t capacity;
    uint64_t cookie;
    uint64_t max_message;
    uint32_t quantum_log2;
    uint32_t writer_slots;
    uint32_t reader_slots;
    bool many;
    bool block;
    struct writer_slot *writers;
    struct reader_slot *readers;
    _Atomic uint64_t *voids;
};

static inline uint64_t record_span(uint64_t len)
{
    return (sizeof(struct record) + len + 15) & ~UINT64_C(15);
}

static inline struct record *record_at(const struct ring *ring, uint64_t position)
{
    return (struct record *)(void *)(ring->data + (position & ring->mask));
}

static inline void *record_payload(struct record *record)
{
    return record + 1;
}

static inline uint64_t record_stamp(const struct ring *ring, uint64_t position, enum record_state state)
{
    return (position | (uint64_t)state) ^ ring->cookie;
}

/* enum record_state when the record at `position` is there, anything else when not. The acquire pairs with the release
 * in record_seal (stamp.1): whatever the writer stored before it is visible. */
static inline uint64_t record_state(const struct ring *ring, uint64_t position)
{
    return atomic_load_explicit(&record_at(ring, position)->stamp, memory_order_acquire) ^ ring->cookie ^ position;
}

static inline void record_seal(const struct ring *ring, uint64_t position, enum record_state state)
{
    atomic_store_explicit(&record_at(ring, position)->stamp, record_stamp(ring, position, state),
                          memory_order_release); /* stamp.1 */
}

/* A header as it was read once; nothing of it is read again. */
struct view {
    uint64_t len;
    uint64_t span;
    uint64_t sequence;
    uint64_t time_ns;
    uint64_t tag;
    uint32_t owner;
    uint32_t life;
};

static inline struct view record_read(const struct ring *ring, uint64_t position)
{
    struct record *record = record_at(ring, position);
    return (struct view){
        .len = atomic_load_explicit(&record->len, memory_order_relaxed),
        .span = (uint64_t)atomic_load_explicit(&record->span16, memory_order_relaxed) << 4,
        .sequence = atomic_load_explicit(&record->sequence, memory_order_relaxed),
        .time_ns = atomic_load_explicit(&record->time_ns, memory_order_relaxed),
        .tag = atomic_load_explicit(&record->tag, memory_order_relaxed),
        .owner = atomic_load_explicit(&record->owner, memory_order_relaxed),
        .life = atomic_load_explicit(&record->life, memory_order_relaxed),
    };
}

/* What every correct header satisfies, and what keeps a reader inside the mapping: checked before any use of it. */
static inline bool view_is_sane(const struct ring *ring, const struct view *view)
{
    return view->len <= ring->max_message && view->span >= sizeof(struct record) + view->len &&
           view->span <= record_span(ring->max_message);
}

/* How many slots there are to look at. */
static inline uint32_t ring_writers_high(const struct ring *ring)
{
    uint32_t high = atomic_load_explicit(&ring->control->writer_high, memory_order_acquire);
    return high < ring->writer_slots ? high : ring->writer_slots;
}

static inline uint32_t ring_readers_high(const struct ring *ring)
{
    uint32_t high = atomic_load_explicit(&ring->control->reader_high, memory_order_acquire);
    return high < ring->reader_slots ? high : ring->reader_slots;
}

/* Whether bytes at `position` may have been overwritten since they were written. The fence orders the loads before it,
 * the payload's among them, before the load of the frontier; it pairs with frontier.1 in gate.c. To look at the stamp
 * again instead would not do: a new record may start in the middle of this one and leave its stamp alone. */
static inline bool ring_has_lapped(const struct ring *ring, uint64_t position)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&ring->control->frontier, memory_order_relaxed) > position + ring->capacity;
}

static inline void record_write(const struct ring *ring, uint64_t position, const struct view *view)
{
    struct record *record = record_at(ring, position);
    atomic_store_explicit(&record->len, view->len, memory_order_relaxed);
    atomic_store_explicit(&record->sequence, view->sequence, memory_order_relaxed);
    atomic_store_explicit(&record->time_ns, view->time_ns, memory_order_relaxed);
    atomic_store_explicit(&record->tag, view->tag, memory_order_relaxed);
    atomic_store_explicit(&record->span16, (uint32_t)(view->span >> 4), memory_order_relaxed);
    atomic_store_explicit(&record->owner, (uint16_t)view->owner, memory_order_relaxed);
    atomic_store_explicit(&record->type, 0, memory_order_relaxed);
    atomic_store_explicit(&record->life, (uint8_t)view->life, memory_order_relaxed);
}

/* Notes that a record starts at `next`, the first one of its quantum, when the one from `position` to `next` ended the
 * quantum before. Stored before the tail moves there, so a reader that has seen the tail sees it (tail's release). */
static inline void ring_note_boundary(const struct ring *ring, uint64_t position, uint64_t next)
{
    if (unlikely((position ^ next) >> ring->quantum_log2))
        atomic_store_explicit(&ring->control->boundary[(next >> ring->quantum_log2) % LAYOUT_QUANTA], next,
                              memory_order_relaxed);
}

#endif
