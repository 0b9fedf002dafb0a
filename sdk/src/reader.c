/* leat_reader: opening, positions, closing. */
#include "reader.h"
#include "failure.h"
#include "options.h"
#include "places.h"
#include "slots.h"
#include "test_point.h"
#include "voids.h"
#include "wake.h"

#include <stdlib.h>

/* ---- positions ------------------------------------------------------------------------------------------------- */

void reader_account(struct leat_reader *reader, uint64_t sequence)
{
    if (sequence > reader->next.sequence) {
        uint64_t gap = sequence - reader->next.sequence;
        uint64_t voids = voids_between(&reader->ring, reader->next.sequence, sequence);
        uint64_t lost = gap > voids ? gap - voids : 0;
        reader->lost += lost;
        reader->stats.lost += lost;
    }
    reader->next.sequence = sequence;
}

/* Lapped again and again before it gets anything, a reader leaves the newest writer more and more of a lead. */
static void resume_above(struct leat_reader *reader, bool newest, uint64_t floor)
{
    struct place place;
    unsigned skip = reader->laps < LAYOUT_QUANTA / 2 ? reader->laps : LAYOUT_QUANTA / 2;
    if (reader->laps < UINT32_MAX)
        reader->laps++;
    if ((newest || !ring_oldest(&reader->ring, floor, skip, &place)) && !ring_newest(reader->segment, &place))
        return; /* nonsense: what is read next will be corrupt, too */
    reader->next.position = place.position;
    reader_account(reader, place.sequence);
    reader_store(reader);
}

/* Our position has moved to `position`: wakes writers that wait for room, once there is enough of it to be worth a wake-up.
 * Should `wanted` be another writer's, or half-way to a new value, that writer looks again after its nap. */
static void offer_room(struct leat_reader *reader, uint64_t position)
{
    struct control *control = reader->ring.control;
    if (wake_is_announced(&control->space, reader->fences) &&
        position >= atomic_load_explicit(&control->wanted, memory_order_relaxed))
        wake_announced(&control->space);
}

void reader_resume(struct leat_reader *reader, bool newest)
{
    resume_above(reader, newest, 0);
}

/* In manual mode the position is the acknowledger's as long as something is out. When nothing is, no acknowledgement will come
 * for what was stepped over meanwhile, and it must not hold writers back: then it is the reader's. */
static bool may_store(const struct leat_reader *reader)
{
    if (!reader->manual)
        return true;
    return reader->ring.block &&
           atomic_load_explicit(&reader->acknowledged, memory_order_acquire) == reader->handed; /* ack.1 */
}

/* A loss that nobody has been told of yet stays visible in the slot as a gap before the record there: should we die before we
 * can tell, the next life finds it. */
static void store_place(struct leat_reader *reader)
{
    struct place place = {reader->next.position, reader->lost > 0 ? reader->unsaid : reader->next.sequence};
    cursor_store(&reader->self->cursor, place); /* cursor.2: our loads come before it; pairs with gate.c */
    reader->stored = place.position;
}

void reader_store(struct leat_reader *reader)
{
    if (reader->self == NULL || reader->stored == reader->next.position || !may_store(reader))
        return;
    store_place(reader);
    TEST_POINT("reader:stored");
    offer_room(reader, reader->stored);
}

void leat_reader_acknowledge(struct leat_reader *reader, uint64_t cursor, uint64_t sequence)
{
    if (reader->self == NULL || !reader->manual ||
        cursor <= atomic_load_explicit(&reader->acknowledged, memory_order_relaxed))
        return;
    if (cursor % 16 != 0 || cursor >= POSITION_MAX)
        return; /* no message ever had that one */
    cursor_store(&reader->self->cursor, (struct place){cursor, sequence + 1});
    /* ack.1: the last time that we store, until another message is handed out; pairs with the acquire in may_store. */
    atomic_store_explicit(&reader->acknowledged, cursor, memory_order_release);
    offer_room(reader, cursor);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static int start_place(struct leat_reader *reader, uint32_t start, uint64_t floor)
{
    bool found = start == LEAT_FROM_OLDEST && ring_oldest(&reader->ring, floor, 0, &reader->next);
    if (found || ring_newest(reader->segment, &reader->next))
        return 0;
    return failure(LEAT_ECORRUPT, "the cursors of channel '%s' are nonsense", reader->segment->name);
}

/* A durable reader's stored position, or what has become of it. */
static int resume_place(struct leat_reader *reader, const struct leat_reader_options *how)
{
    if (!cursor_load(&reader->self->cursor, &reader->next) || reader->next.position % 16 != 0 ||
        reader->next.position >= POSITION_MAX)
        return failure(LEAT_ECORRUPT, "the stored position of reader '%s' is nonsense", how->name);
    reader->stored = reader->next.position;
    slots_settle(&reader->ring, reader->slot, how->name, how->hold_ns);
    return 0;
}

static int new_place(struct leat_reader *reader, const struct leat_reader_options *how)
{
    uint64_t floor = reader->ring.block ? slots_hold(&reader->ring, reader->slot) : 0;
    TEST_POINT("reader:held");
    int rc = start_place(reader, how->start, floor);
    if (rc != 0) {
        slots_free(&reader->ring, reader->slot);
        return rc;
    }
    cursor_store(&reader->self->cursor, reader->next);
    reader->stored = reader->next.position;
    slots_settle(&reader->ring, reader->slot, how->name, how->hold_ns);
    return 0;
}

/* With the registry lock held. */
static int enter_slot(struct leat_reader *reader, const struct leat_reader_options *how)
{
    bool resumed;
    if (segment_is_removed(reader->segment))
        return failure(-ENOENT, "channel '%s' was removed", reader->segment->name);
    int rc = slots_take(reader->segment, how->name, &reader->slot, &resumed);
    if (rc != 0)
        return rc;
    reader->self = &reader->ring.readers[reader->slot];
    TEST_POINT("reader:taken");
    return resumed ? resume_place(reader, how) : new_place(reader, how);
}

/* A position that was overwritten meanwhile must not hold writers back until the first read. In a block channel that includes
 * what a writer has announced that it will overwrite: it did so before it could see us (slots_settle, granted.1). */
static void leave_what_is_overwritten(struct leat_reader *reader)
{
    struct control *control = reader->ring.control;
    uint64_t frontier = atomic_load(reader->ring.block ? &control->granted : &control->frontier);
    uint64_t floor = ring_floor(&reader->ring, frontier);
    if (reader->next.position >= floor)
        return;
    resume_above(reader, false, floor);
    store_place(reader);
    reader->laps = 0;
}

static int register_reader(struct leat_reader *reader, const struct leat_reader_options *how)
{
    int rc = segment_registry_lock(reader->segment);
    if (rc != 0)
        return rc;
    rc = enter_slot(reader, how);
    segment_registry_unlock(reader->segment);
    if (rc != 0)
        return rc;
    reader->unsaid = reader->next.sequence;
    leave_what_is_overwritten(reader);
    reader->handed = reader->next.position;
    atomic_store_explicit(&reader->acknowledged, reader->handed, memory_order_relaxed);
    wake_signal(&reader->ring.control->space, reader->fences); /* for wait_readers */
    return 0;
}

static int join(struct leat_reader *reader, const struct leat_reader_options *how)
{
    reader->ring = reader->segment->ring;
    reader->manual = how->manual_ack != 0;
    reader->eager = how->name != NULL;
    reader->spin_ns = (int64_t)how->spin_us * 1000;
    reader->suspect = UINT64_MAX;
    if (how->name != NULL && !reader->segment->writable)
        return failure(-EACCES, "channel '%s' cannot be written by this user: no durable reader",
                       reader->segment->name);
    if (how->name != NULL || reader->ring.block)
        return register_reader(reader, how);
    return start_place(reader, how->start, 0);
}

static int open_once(struct leat_reader *reader, const char *name, const struct leat_channel_options *options,
                     const struct leat_reader_options *how)
{
    bool create = options->flags & LEAT_OPEN_CREATE;
    int rc = segment_open(&reader->segment, name, options, SEGMENT_READ, create);
    if (rc == 0 && create)
        rc = options_agree(options, &reader->segment->header, name);
    return rc != 0 ? rc : join(reader, how);
}

int leat_reader_open(struct leat_reader **reader, const char *name, const struct leat_channel_options *options,
                     const struct leat_reader_options *how)
{
    struct leat_channel_options complete;
    struct leat_reader_options complete_how;
    int rc = options_complete(&complete, options);
    if (rc == 0)
        rc = options_complete_reader(&complete_how, how);
    if (rc != 0)
        return rc;
    struct leat_reader *new = aligned_alloc(64, (sizeof *new + 63) / 64 * 64);
    if (new == NULL)
        return failure(-ENOMEM, "out of memory");
    for (int tries = 0; tries < 100; tries++) {
        *new = (struct leat_reader){.fences = !wake_register()};
        rc = open_once(new, name, &complete, &complete_how);
        if (rc != -ENOENT || !(complete.flags & LEAT_OPEN_CREATE) || new->segment == NULL)
            break;
        segment_detach(new->segment); /* removed under our hands: a new one is wanted */
        new->segment = NULL;
    }
    if (rc == 0) {
        *reader = new;
        return 0;
    }
    segment_detach(new->segment);
    free(new);
    return rc;
}

void leat_reader_close(struct leat_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->self != NULL && !segment_is_foreign(reader->segment)) {
        reader_store(reader);
        slots_leave(&reader->ring, reader->slot);
        wake_signal(&reader->ring.control->space, reader->fences);
    }
    segment_detach(reader->segment);
    free(reader);
}

struct leat_mapping *leat_reader_keep(const struct leat_reader *reader)
{
    return mapping_hold(reader->segment->mapping);
}

void leat_reader_stats(const struct leat_reader *reader, struct leat_reader_counts *stats)
{
    *stats = reader->stats;
}
