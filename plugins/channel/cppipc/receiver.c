/* One turn takes one slot: connected still? then what is in it: a whole message, a piece of one, or the number of a chunk. */
#include "cppipc/receiver.h"

#include "cppipc/attach.h"
#include "cppipc/clock.h"
#include "cppipc/place.h"

#include <leat/error.h>

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG_BYTES sizeof(uint64_t)
#define TURNS_PER_LOOK 1024u        /* slots between two looks at the clock */
#define SPIN_NS 15000               /* about what going to sleep and being woken costs */
#define HELD_UP_NS (40 * NS_PER_MS) /* a writer that takes so long for 80 bytes was killed; a sender kicks after 100 */
#define HELD_UP_LOOK_NS (20 * NS_PER_MS)
#define KEEP_BYTES (UINT64_C(1) << 20) /* a larger buffer goes when it was not needed for a while */
#define KEEP_MESSAGES 256u
#define KEPT_SLOTS (CPPIPC_SLOTS / 2)

/* ---- one message ------------------------------------------------------------------------------------------------------ */

static int unusable(struct receiver *receiver, const char *why)
{
    if (!order_spoil(&receiver->order, receiver->slot.id))
        return LEAT_EAGAIN; /* a predecessor has had it */
    uint64_t times = place_may_say(&receiver->unusable);
    if (times)
        place_say(receiver, LEAT_LOG_WARNING, "a message of '%s' could not be read, %llu lately: %s", receiver->name,
                  (unsigned long long)times, why);
    return LEAT_ECORRUPT;
}

static uint64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* 1, or LEAT_EAGAIN: it had come before. */
static int deliver(struct receiver *receiver, const unsigned char *bytes, uint64_t len, struct leat_message *message)
{
    uint64_t tag = 0;
    if (receiver->options->tag) {
        if (len < TAG_BYTES)
            return unusable(receiver, "it is too short for the tag that cppipc.tag = prefix expects");
        memcpy(&tag, bytes, TAG_BYTES);
        bytes += TAG_BYTES;
        len -= TAG_BYTES;
    }
    if (!order_take(&receiver->order, receiver->slot.id))
        return LEAT_EAGAIN;
    *message = (struct leat_message){.data = bytes,
                                     .len = len,
                                     .sequence = receiver->sequence++,
                                     .time_ns = wall_ns(),
                                     .tag = le64toh(tag),
                                     .lost = order_tell_lost(&receiver->order),
                                     .origin = receiver->slot.handle,
                                     .duplicates = order_tell_duplicates(&receiver->order)};
    message->cursor = message->sequence;
    if (message->time_ns - receiver->ticked_ns > NS_PER_S) { /* also once the clock was set back */
        receiver->ticked_ns = message->time_ns;
        order_tick(&receiver->order);
    }
    return 1;
}

static int take_piece(struct receiver *receiver, struct leat_message *message)
{
    struct payload *payload = &receiver->payload;
    switch (assembly_take(&receiver->assembly, &receiver->slot, payload)) {
    case ASSEMBLY_SLOT:
        return deliver(receiver, receiver->slot.data, (uint64_t)((int64_t)CPPIPC_SLOT_DATA + receiver->slot.remain),
                       message);
    case ASSEMBLY_WHOLE:
        receiver->unneeded = 0;
        return deliver(receiver, payload->bytes, payload->len, message);
    case ASSEMBLY_UNUSABLE:
        return unusable(receiver, "its length is impossible or above cppipc.max_message, or a part of it is missing");
    default:
        return LEAT_EAGAIN;
    }
}

/* Ours and the bits of those who are gone: as the library does it, the living give back what the dead cannot. */
static void leave_chunk(struct receiver *receiver)
{
    struct pool *pool = receiver->pool;
    uint32_t connected = atomic_load_explicit(&receiver->handle.ring->connected, memory_order_acquire);
    receiver->pool = NULL;
    if (pool && pool_leave(pool, receiver->chunk, receiver->ring.bit | ~connected) &&
        !pool_release(pool, receiver->chunk))
        attendant_release(receiver->attendant, pool, receiver->chunk);
}

/* Gives back the slots that were read. Those of a message of which more is to come are kept, as long as they do not crowd the ring:
 * when we are killed before it is whole, a successor finds all of it. */
static void give_back(struct receiver *receiver)
{
    bool crowded = receiver->ring.kept > KEPT_SLOTS;
    if (receiver->spilled > receiver->assembly.open)
        receiver->spilled = receiver->assembly.open;
    if (receiver->assembly.open > receiver->spilled && !crowded)
        return;
    if (crowded)
        receiver->spilled = receiver->assembly.open;
    while (receiver->ring.kept) {
        place_note_slot(receiver);
        if (ring_take(&receiver->ring) >= CPPIPC_SLOTS)
            attendant_wake(receiver->attendant, HANDLE_WT);
    }
}

/* The slot at hand is done with. */
static void finish(struct receiver *receiver)
{
    if (!receiver->at_hand)
        return;
    receiver->at_hand = false;
    leave_chunk(receiver);
    ring_keep(&receiver->ring);
    give_back(receiver);
}

static const char *copy_chunk(struct receiver *receiver, struct pool *pool, uint32_t chunk, uint64_t len)
{
    if (len > receiver->options->max_message_bytes)
        return "it is longer than cppipc.max_message";
    if (!payload_reserve(&receiver->payload, len))
        return "there is no memory for it";
    if (pool_read(pool, chunk, receiver->payload.bytes, len) != 0)
        return "its chunk ends too early";
    return NULL;
}

/* A chunk is ours as long as our bit is on it, before and after the copy. */
static int take_stored(struct receiver *receiver, struct leat_message *message)
{
    struct pool *pool;
    uint64_t len;
    uint32_t chunk;
    assembly_pass(&receiver->assembly, &receiver->slot);
    if (!leftover_chunk(&receiver->slot, &len, &chunk))
        return unusable(receiver, "its length or the number of its chunk is impossible");
    if (pools_find(&receiver->pools, len, false, &pool) != 0)
        return unusable(receiver, "its pool of chunks is gone, as happens when the sender ends before it was read");
    if (!(pool_readers(pool, chunk) & receiver->ring.bit) && assembly_is_older(&receiver->assembly, receiver->slot.id))
        return LEAT_EAGAIN; /* its sender looked who is there before we were */
    const char *why = copy_chunk(receiver, pool, chunk, len);
    if (!(pool_readers(pool, chunk) & receiver->ring.bit))
        return unusable(receiver, "its chunk was given to another message");
    receiver->pool = pool;
    receiver->chunk = chunk;
    if (why)
        return unusable(receiver, why);
    if (len > receiver->payload.capacity / 4)
        receiver->unneeded = 0;
    return deliver(receiver, receiver->payload.bytes, len, message);
}

/* The next slot, at hand; otherwise as turn. */
static int look(struct receiver *receiver)
{
    struct ring_reader *ring = &receiver->ring;
    if (!ring_is_connected(ring) && place_take(receiver) != 0)
        return 0;
    int found = ring_peek(ring, &receiver->slot);
    if (found < 0) {
        place_doubt(receiver);
        if (found == -ENOTCONN)
            (void)place_take(receiver);
        return LEAT_EAGAIN;
    }
    place_note_cursor(receiver);
    place_note_epoch(receiver);
    receiver->at_hand = found == 1;
    return found;
}

/* 1: a message; its slot stays at hand, so that a successor finds it when we are killed before it is in the books. 0: none is there.
 * LEAT_EAGAIN: call again. LEAT_ECORRUPT. */
static int turn(struct receiver *receiver, struct leat_message *message)
{
    finish(receiver);
    int result = look(receiver);
    if (result == 1)
        result = receiver->slot.stored ? take_stored(receiver, message) : take_piece(receiver, message);
    if (result != 1)
        finish(receiver);
    return result;
}

/* ---- waiting ---------------------------------------------------------------------------------------------------------- */

static bool has_something(const struct ring_reader *ring)
{
    return ring->bit && (ring_has_message(ring) || !ring_is_connected(ring));
}

/* Also from the attendant's thread, which may still look while we are reading already. */
static bool is_awaited(const void *of)
{
    const struct receiver *receiver = of;
    const struct ring_reader ring = {.ring = {receiver->handle.ring, (enum cppipc_kind)receiver->options->kind},
                                     .bit = atomic_load_explicit(&receiver->awaited_bit, memory_order_relaxed),
                                     .cursor = atomic_load_explicit(&receiver->awaited_cursor, memory_order_relaxed)};
    return has_something(&ring);
}

static bool spin(const struct receiver *receiver)
{
    for (int64_t end = monotonic_ns() + SPIN_NS; monotonic_ns() < end;)
        for (int i = 0; i < 16; i++) {
            if (has_something(&receiver->ring))
                return true;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    return false;
}

/* A slot that a killed writer has left unfinished ends everything for a reader who waits for it. */
static void look_whether_held_up(struct receiver *receiver, int64_t now)
{
    uint32_t at = receiver->ring.cursor;
    bool held_up = ring_is_held_up(&receiver->ring);
    if (!held_up || !receiver->held_up || at != receiver->held_up_at) {
        receiver->held_up = held_up;
        receiver->held_up_at = at;
        receiver->held_up_since_ns = now;
    } else if (now - receiver->held_up_since_ns > HELD_UP_NS && ring_give_up(&receiver->ring)) {
        receiver->held_up = false;
        place_doubt(receiver);
        place_say(receiver, LEAT_LOG_WARNING, "a sender of '%s' was killed while it wrote: its message is left out",
                  receiver->name);
    }
}

static void wait(struct receiver *receiver, int64_t timeout_ns)
{
    if (spin(receiver))
        return;
    atomic_store_explicit(&receiver->awaited_bit, receiver->ring.bit, memory_order_relaxed);
    atomic_store_explicit(&receiver->awaited_cursor, receiver->ring.cursor, memory_order_relaxed);
    if (receiver->held_up && timeout_ns > HELD_UP_LOOK_NS)
        timeout_ns = HELD_UP_LOOK_NS;
    attendant_wait(receiver->attendant, HANDLE_RD, is_awaited, receiver, timeout_ns);
}

/* The payload that was lent last is not any more. */
static void tidy(struct receiver *receiver)
{
    if (receiver->payload.capacity <= KEEP_BYTES || receiver->unneeded++ < KEEP_MESSAGES)
        return;
    payload_free(&receiver->payload);
    receiver->unneeded = 0;
}

int receiver_borrow(struct receiver *receiver, struct leat_message *message, int64_t timeout_ns)
{
    int64_t deadline = 0; /* not asked for yet: it costs something */
    tidy(receiver);
    for (uint32_t turns = 1;; turns++) {
        int result = turn(receiver, message);
        if (result == 1)
            return 0;
        if (result == LEAT_ECORRUPT || (result == 0 && timeout_ns == 0))
            return result ? result : LEAT_EAGAIN;
        if (result == LEAT_EAGAIN && turns % TURNS_PER_LOOK != 0)
            continue;
        int64_t now = monotonic_ns();
        deadline = deadline ? deadline : deadline_after(timeout_ns < 0 ? INT64_MAX : timeout_ns);
        if (result == 0 && attendant_sees_gone(receiver->attendant))
            return LEAT_ECLOSED;
        if (result == 0)
            look_whether_held_up(receiver, now);
        if (now >= deadline)
            break;
        if (result == 0)
            wait(receiver, deadline - now);
    }
    if (has_something(&receiver->ring))
        return LEAT_ETIMEDOUT;
    order_settle(&receiver->order);
    /* Before the first message the objects did not tell. Whoever opens it anew hears what is wrong. */
    return handle_is_of_kind(&receiver->handle, (enum cppipc_kind)receiver->options->kind) ? LEAT_ETIMEDOUT
                                                                                           : LEAT_ECLOSED;
}

/* The lane is about to count it: for a successor what comes before is a repetition, and what comes after counts, as lost if need be. Slot
 * and chunk stay ours until the lane comes back: nothing that takes time stands between this and its books. */
void receiver_release(struct receiver *receiver)
{
    place_note_released(receiver);
}

/* ---- the life of a receiver -------------------------------------------------------------------------------------------- */

/* Without it the bridge works too; only after a kill its place stays taken. */
static int open_holding(struct receiver *receiver, const char *durable_name)
{
    char role[CPPIPC_FILE_MAX];
    if (!durable_name)
        return 0;
    snprintf(role, sizeof role, "reader.%s", durable_name);
    int error = holding_open(&receiver->holding, &receiver->where, role);
    if (error == -EBUSY)
        return error;
    receiver->holds = error == 0;
    if (error)
        say_once(receiver->host, LEAT_LOG_WARNING,
                 "what this bridge holds of '%s' cannot be written down (%s): after a kill its place stays taken",
                 receiver->name, strerror(-error));
    return 0;
}

static int begin(struct receiver *receiver, const char *durable_name)
{
    int error = open_holding(receiver, durable_name);
    if (!error)
        error = attendant_start(&receiver->attendant, receiver->host, &receiver->handle,
                                (enum cppipc_wake)receiver->options->wake, receiver->options->lock_ns);
    if (error)
        return error;
    receiver->leftover.attendant = receiver->attendant;
    pools_open_all(&receiver->pools);
    if (receiver->holds && holding_left_bit(&receiver->holding, &receiver->handle))
        place_inherit(receiver);
    else
        error = place_take(receiver);
    return error ? -EUSERS : 0; /* so that people see that it waits; whoever opens it tries again */
}

int receiver_open(struct receiver **receiver, const struct leat_host *host, const char *name,
                  const struct cppipc_options *options, const char *durable_name)
{
    struct receiver *new = aligned_alloc(_Alignof(struct receiver), sizeof *new);
    if (!new)
        return -ENOMEM;
    *new = (struct receiver){.host = host, .options = options};
    snprintf(new->name, sizeof new->name, "%s", name);
    new->where = handle_where(options, new->name);
    pools_init(&new->pools, new->where);
    new->leftover.pools = &new->pools;
    order_init(&new->order, options->kind == CPPIPC_CHANNEL);
    assembly_init(&new->assembly, options->max_message_bytes);
    int error = cppipc_is_name(new->where.prefix, name)
                    ? attach(&new->handle, host, &new->where, options, options->create)
                    : -EINVAL;
    if (error) {
        free(new);
        return error;
    }
    new->ring.ring = (struct ring){new->handle.ring, (enum cppipc_kind)options->kind};
    error = begin(new, durable_name);
    if (error) {
        receiver_close(new);
        return error;
    }
    *receiver = new;
    return 0;
}

/* What is unread is taken off, so that the next holder of our bit is not disconnected for it, and no chunk stays behind. */
static void leave(struct receiver *receiver)
{
    finish(receiver);
    ring_disconnect(&receiver->ring, leftover_drop, &receiver->leftover);
    attendant_wake(receiver->attendant, HANDLE_CC);
    attendant_wake(receiver->attendant, HANDLE_WT);
    attendant_wake(receiver->attendant, HANDLE_RD);
}

void receiver_close(struct receiver *receiver)
{
    if (!receiver)
        return;
    if (receiver->attendant)
        leave(receiver);
    attendant_stop(receiver->attendant);
    if (receiver->holds)
        holding_close(&receiver->holding, true);
    pools_close(&receiver->pools);
    handle_close(&receiver->handle);
    assembly_fini(&receiver->assembly);
    payload_free(&receiver->payload);
    free(receiver);
}
