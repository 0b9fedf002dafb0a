/* The reader's side of cpp-ipc's two broadcast rings.
 *
 * Edges. P: what a writer publishes (release: `write` in a route, `committed` in a channel) is acquired before the copy.
 * R: our bit goes off `readers` after the copy (release), with ring_push, which acquires it before it overwrites.
 *
 * A slot that carries our bit is safe from writers as long as we are connected and nobody forces a push. After a forced push it is
 * not: the writer may be a lap ahead, or be writing over the very slot that we copy. So bit, epoch and lap are looked at before and
 * after the copy, and never once our bit is off: from then on a writer may lap us rightly. */
#include "cppipc/ring_slot.h"

#include <errno.h>
#include <string.h>

#define CONNECT_TRIES 64u
#define TAKE_TRIES 1000u /* 31 others take their bits off a slot; who changes it for ever is no reader */
#define DRAIN_SLOTS (4 * CPPIPC_SLOTS)

/* Whether epoch a came after b: they stand in the highest bits, and wrap. */
static bool is_newer(enum cppipc_kind kind, uint64_t a, uint64_t b)
{
    return (int64_t)(epoch_of(kind, a) - epoch_of(kind, b)) > 0;
}

static bool is_published(struct ring ring, uint32_t index)
{
    return ring.kind == CPPIPC_ROUTE || committed_of(ring, index) == ~(uint64_t)index;
}

/* ---- one slot ------------------------------------------------------------------------------------------------------- */

/* Whether a slot a whole lap behind still is the one of its index. It is the next to be overwritten: of an epoch before the present
 * one it may be under the writer's hands; of a later one than its successor it has been. */
static bool is_own_lap(struct ring ring, uint64_t readers, uint64_t successor)
{
    uint64_t now = atomic_load_explicit(&ring.at->epoch, memory_order_acquire);
    return epoch_of(ring.kind, readers) == epoch_of(ring.kind, now) && !is_newer(ring.kind, readers, successor);
}

/* Whether what was copied while the slot had `before` may be trusted, now that it has `readers`. */
static bool is_sound(const struct ring_reader *reader, uint32_t index, uint64_t before, uint64_t readers)
{
    struct ring ring = reader->ring;
    uint64_t successor = readers_of(ring, index + 1); /* before `write` */
    uint32_t lag = written(ring) - index;
    return epoch_of(ring.kind, readers) == epoch_of(ring.kind, before) && (readers & reader->bit) &&
           lag <= CPPIPC_SLOTS && ring_is_connected(reader) &&
           (lag < CPPIPC_SLOTS || is_own_lap(ring, readers, successor));
}

/* Takes our bit off a slot that was read, as long as it is the same one. What was kept has the epoch that was seen last; of another
 * one our bit may stay, because no writer waits for it. */
static void take(struct ring_reader *reader, uint32_t index)
{
    struct ring ring = reader->ring;
    struct cppipc_slot *slot = slot_at(ring, index);
    uint64_t readers = atomic_load_explicit(&slot->readers, memory_order_acquire);
    for (unsigned tries = 0; tries < TAKE_TRIES && is_sound(reader, index, reader->seen, readers); tries++) {
        uint64_t next = without(ring, readers, reader->bit);
        if (ring.kind == CPPIPC_CHANNEL && (uint32_t)next == 0)
            mark_free(ring, index);
        if (atomic_compare_exchange_weak_explicit(&slot->readers, &readers, next, memory_order_seq_cst, /* R */
                                                  memory_order_acquire))
            return;
    }
}

static void take_kept(struct ring_reader *reader)
{
    while (reader->kept)
        ring_take(reader);
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

bool ring_is_connected(const struct ring_reader *reader)
{
    return (atomic_load_explicit(&reader->ring.at->connected, memory_order_acquire) & reader->bit) != 0;
}

bool ring_has_message(const struct ring_reader *reader)
{
    uint32_t lag = written(reader->ring) - reader->cursor;
    if (reader->ring.kind == CPPIPC_ROUTE || lag > CPPIPC_SLOTS)
        return lag != 0;
    uint64_t committed = committed_of(reader->ring, reader->cursor);
    return committed == ~(uint64_t)reader->cursor || (lag != 0 && is_free_mark(committed, reader->cursor));
}

/* Goes over slots that are not read: what was kept must be without a gap. */
static int jump(struct ring_reader *reader, uint32_t slots)
{
    take_kept(reader);
    reader->cursor += slots;
    return -ESTALE;
}

/* A slot without our bit was pushed before we were connected, by a writer that looked before. Later ones carry it: otherwise it was
 * taken away, and somebody has it now who reads with it. */
static int pass(struct ring_reader *reader)
{
    uint32_t since = reader->cursor - reader->joined;
    jump(reader, 1);
    return since < CPPIPC_SLOTS ? -ESTALE : -ENOTCONN;
}

/* A predecessor of ours was killed after it had marked the slot free and before it took the last bit off: its message is still to be
 * read. A whole lap behind it could also be a writer's claim for the next message. */
static bool is_left_over(const struct ring_reader *reader, uint32_t lag)
{
    return lag != 0 && lag < CPPIPC_SLOTS && is_free_mark(committed_of(reader->ring, reader->cursor), reader->cursor) &&
           (readers_of(reader->ring, reader->cursor) & reader->bit);
}

int ring_peek(struct ring_reader *reader, struct cppipc_message *message)
{
    struct ring ring = reader->ring;
    uint32_t index = reader->cursor, lag = written(ring) - index;
    if (lag > CPPIPC_SLOTS) /* a channel's `write` is moved on before a slot is committed, and never behind it */
        return jump(reader, lag - CPPIPC_SLOTS);
    if (lag == 0 && (ring.kind == CPPIPC_ROUTE || !is_published(ring, index)))
        return 0;
    reader->seen = readers_of(ring, index);
    if (!is_published(ring, index) && !is_left_over(reader, lag))
        return is_free_mark(committed_of(ring, index), index) && lag != 0 ? pass(reader) : 0;
    if (!(reader->seen & reader->bit))
        return pass(reader);
    memcpy(message, &slot_at(ring, index)->message, sizeof *message);
    atomic_thread_fence(memory_order_acquire); /* the copy is over before anything is looked at again */
    return is_sound(reader, index, reader->seen, readers_of(ring, index)) ? 1 : jump(reader, 1);
}

void ring_keep(struct ring_reader *reader)
{
    reader->cursor++;
    reader->kept++;
    if (reader->cursor - reader->joined > CPPIPC_SLOTS)
        reader->joined = reader->cursor - CPPIPC_SLOTS; /* long enough ago, also once the index has wrapped */
}

uint32_t ring_take(struct ring_reader *reader)
{
    uint32_t index = reader->cursor - reader->kept--;
    take(reader, index); /* or it is not ours any more, which the next peek will find */
    /* Sequentially consistent, with the exchange in take: a writer that found our bit in this slot has moved `write` on before. */
    return atomic_load_explicit(&reader->ring.at->write, memory_order_seq_cst) - index;
}

int ring_pop(struct ring_reader *reader, struct cppipc_message *message, uint32_t *behind)
{
    int result = ring_peek(reader, message);
    if (result == 1)
        ring_keep(reader);
    while (result == 1 && reader->kept)
        *behind = ring_take(reader);
    return result;
}

bool ring_is_held_up(const struct ring_reader *reader)
{
    uint32_t lag = written(reader->ring) - reader->cursor;
    return reader->ring.kind == CPPIPC_CHANNEL && lag >= 2 && lag <= CPPIPC_SLOTS && !ring_has_message(reader) &&
           is_published(reader->ring, reader->cursor + 1);
}

bool ring_give_up(struct ring_reader *reader)
{
    struct ring ring = reader->ring;
    uint32_t index = reader->cursor;
    struct cppipc_slot *slot = slot_at(ring, index);
    uint64_t committed = committed_of(ring, index), readers = readers_of(ring, index);
    uint64_t next = without(ring, readers, reader->bit);
    if (committed == ~(uint64_t)index)
        return false;
    if ((uint32_t)next == 0) /* its writer will not, and the slot must not stay full for ever */
        atomic_compare_exchange_strong_explicit(&slot->committed, &committed, free_mark(index), memory_order_acq_rel,
                                                memory_order_relaxed);
    if (!atomic_compare_exchange_strong_explicit(&slot->readers, &readers, next, memory_order_acq_rel,
                                                 memory_order_relaxed))
        return false;
    jump(reader, 1);
    return true;
}

/* ---- coming and going -------------------------------------------------------------------------------------------------- */

/* Takes off what we did not read before our bit was taken away: whoever gets it next is held for the one who has not. */
static void forget_unread(const struct ring_reader *reader, ring_dropped *dropped, void *of)
{
    uint32_t write = written(reader->ring), lag = write - reader->cursor;
    for (uint32_t back = lag < CPPIPC_SLOTS ? lag : CPPIPC_SLOTS; back > 0 && !ring_is_connected(reader); back--)
        ring_forget_slot(reader->ring, write - back, reader->bit, dropped, of);
}

/* Where the bit stands now that we have it: the first message for us. Before `write` was read for the first time no slot can be. */
static uint32_t first_own(struct ring ring, uint32_t bit, uint32_t before, uint32_t write)
{
    uint32_t index = write - before > CPPIPC_SLOTS ? write - CPPIPC_SLOTS : before;
    while (index != write && !(readers_of(ring, index) & bit))
        index++;
    return index;
}

/* A slot that a writer has claimed but not finished; not the next one to be written, which says nothing yet. */
static bool is_unfinished(const struct ring_reader *reader, uint32_t index)
{
    struct ring ring = reader->ring;
    uint64_t readers = readers_of(ring, index);
    return ring.kind == CPPIPC_CHANNEL && (readers & reader->bit) && !is_published(ring, index) &&
           !is_free_mark(committed_of(ring, index), index) && written(ring) - index < CPPIPC_SLOTS;
}

/* The slots that carry a bit which nobody has: leftovers of whoever had it. */
struct leftovers {
    bool of[CPPIPC_SLOTS];
};

static void find_leftovers(struct ring ring, uint32_t bit, struct leftovers *leftovers)
{
    for (uint32_t index = 0; index < CPPIPC_SLOTS; index++)
        leftovers->of[index] = (readers_of(ring, index) & bit) != 0;
}

/* Takes them off the slots before ours. A slot that has the bit now and did not have it before we took it is a message for us, even
 * if its writer has not published it yet. One that its writer has not finished cannot be taken off: we read it once it is. */
static void forget_leftovers(struct ring_reader *reader, uint32_t before, const struct leftovers *leftovers,
                             ring_dropped *dropped, void *of)
{
    for (uint32_t index = before - 1; index != before - 1 - CPPIPC_SLOTS; index--) {
        if (!leftovers->of[index % CPPIPC_SLOTS])
            continue;
        ring_forget_slot(reader->ring, index, reader->bit, dropped, of);
        if (is_unfinished(reader, index))
            reader->cursor = index;
    }
}

int ring_connect(struct ring_reader *reader, ring_dropped *dropped, void *of)
{
    struct ring ring = reader->ring;
    struct leftovers leftovers;
    reader->cursor -= reader->kept;
    reader->kept = 0;
    if (reader->bit)
        forget_unread(reader, dropped, of);
    reader->bit = 0;
    for (unsigned tries = 0; tries < CONNECT_TRIES; tries++) {
        uint32_t before = written(ring);
        uint32_t connected = atomic_load_explicit(&ring.at->connected, memory_order_acquire);
        uint32_t bit = ~connected & (connected + 1);
        if (!bit)
            break;
        find_leftovers(ring, bit, &leftovers);
        if (!atomic_compare_exchange_strong_explicit(&ring.at->connected, &connected, connected | bit,
                                                     memory_order_seq_cst, memory_order_relaxed))
            continue;
        reader->bit = bit;
        reader->cursor = first_own(ring, bit, before, written(ring));
        forget_leftovers(reader, before, &leftovers, dropped, of);
        reader->joined = reader->cursor;
        return 0;
    }
    return -EBUSY;
}

/* The oldest slot is also the next to be written. It is an unread one only when the dead process had not come to the one after it:
 * otherwise its bit is that of a message which is just being written. */
void ring_resume(struct ring_reader *reader, uint32_t bit)
{
    struct ring ring = reader->ring;
    uint32_t write = written(ring), back;
    int32_t behind = (int32_t)(write - reader->cursor);
    if (behind >= (int32_t)CPPIPC_SLOTS)
        back = CPPIPC_SLOTS;
    else
        back = behind < 0 ? 0 : (uint32_t)behind + 1;
    if (behind == (int32_t)CPPIPC_SLOTS - 1)
        back--;
    uint32_t index = write - back;
    while (index != write && !(readers_of(ring, index) & bit))
        index++;
    reader->bit = bit;
    reader->kept = 0;
    reader->cursor = index;
    reader->joined = index;
}

void ring_disconnect(struct ring_reader *reader, ring_dropped *dropped, void *of)
{
    struct cppipc_message message;
    uint32_t behind;
    take_kept(reader);
    for (unsigned slots = 0; slots < DRAIN_SLOTS && reader->bit && ring_is_connected(reader); slots++) {
        int popped = ring_pop(reader, &message, &behind);
        if (popped == 1)
            dropped(of, &message, reader->bit);
        else if (popped == 0)
            break;
        else if (popped == -ENOTCONN)
            reader->bit = 0; /* somebody else's by now */
    }
    if (reader->bit && ring_is_connected(reader))
        atomic_fetch_and_explicit(&reader->ring.at->connected, ~reader->bit, memory_order_acq_rel);
    else if (reader->bit)
        forget_unread(reader, dropped, of);
    reader->bit = 0;
}
