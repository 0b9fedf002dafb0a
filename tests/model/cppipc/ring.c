#include "ring.h"

#include "point.h"

#include <sched.h>
#include <string.h>

#define LOW UINT64_C(0xffffffff)                     /* readers */
#define ROUTE_EPOCH (UINT64_C(1) << 32)              /* one forced push */
#define CHANNEL_EPOCH (UINT64_C(1) << 56)            /* one forced push */
#define CHANNEL_CHANGES UINT64_C(0x00ffffff00000000) /* one more for every change of the word */

static size_t slot_at(uint32_t index)
{
    return RING_SLOT(index);
}

static _Atomic uint64_t *readers_of(const struct ring *ring, uint32_t index)
{
    return u64_at(&ring->object, slot_at(index) + SLOT_READERS);
}

static _Atomic uint64_t *committed_of(const struct ring *ring, uint32_t index)
{
    return u64_at(&ring->object, slot_at(index) + SLOT_COMMITTED);
}

static _Atomic uint32_t *write_of(const struct ring *ring)
{
    return u32_at(&ring->object, RING_WRITE);
}

static uint64_t epoch_of(const struct ring *ring)
{
    return atomic_load(u64_at(&ring->object, RING_EPOCH));
}

void ring_construct(const struct ring *ring)
{
    _Atomic uint8_t *constructed = (_Atomic uint8_t *)(ring->object.at + RING_CONSTRUCTED);
    _Atomic uint32_t *lock = u32_at(&ring->object, RING_LOCK);
    if (atomic_load(constructed))
        return;
    while (atomic_exchange(lock, 1))
        sched_yield();
    if (!atomic_load(constructed)) {
        atomic_store(u32_at(&ring->object, RING_CONNECTED), 0);
        atomic_store(constructed, 1);
    }
    atomic_store(lock, 0);
}

uint32_t ring_connected(const struct ring *ring)
{
    return atomic_load(u32_at(&ring->object, RING_CONNECTED));
}

static void put(const struct ring *ring, uint32_t index, const struct slot_message *message)
{
    unsigned char *at = ring->object.at + slot_at(index);
    memcpy(at + SLOT_HANDLE, &message->handle, 4);
    memcpy(at + SLOT_ID, &message->id, 4);
    memcpy(at + SLOT_REMAIN, &message->remain, 4);
    at[SLOT_STORED] = message->stored;
    memcpy(at + SLOT_DATA, message->data, SLOT_DATA_BYTES);
}

static void get(const struct ring *ring, uint32_t index, struct slot_message *message)
{
    const unsigned char *at = ring->object.at + slot_at(index);
    memcpy(&message->handle, at + SLOT_HANDLE, 4);
    memcpy(&message->id, at + SLOT_ID, 4);
    memcpy(&message->remain, at + SLOT_REMAIN, 4);
    message->stored = at[SLOT_STORED] != 0;
    memcpy(message->data, at + SLOT_DATA, SLOT_DATA_BYTES);
}

/* ---- senders ------------------------------------------------------------------------------------------------------- */

/* A route publishes by its index after the data; a channel by the slot's own mark, and moves its index on before. */
static void publish(const struct ring *ring, uint32_t index, const struct slot_message *message)
{
    point_pass("claimed");
    if (ring->channel)
        atomic_store(write_of(ring), index + 1);
    put(ring, index, message);
    point_pass("written");
    if (ring->channel)
        atomic_store(committed_of(ring, index), ~(uint64_t)index);
    else
        atomic_fetch_add(write_of(ring), 1);
}

static uint64_t one_change_more(uint64_t word)
{
    return (word & ~CHANNEL_CHANGES) | ((word + (UINT64_C(1) << 32)) & CHANNEL_CHANGES);
}

/* What the slot's word becomes: the epoch, and the receivers that are to read it. */
static uint64_t claimed(const struct ring *ring, uint64_t before, uint64_t epoch, uint32_t receivers)
{
    if (!ring->channel)
        return epoch | receivers;
    uint64_t below_epoch = before & (CHANNEL_EPOCH - 1);
    return (one_change_more(epoch | below_epoch) & ~LOW) | receivers;
}

static bool has_room(const struct ring *ring, uint32_t index, uint64_t word, uint64_t epoch, uint32_t connected)
{
    uint64_t of_epoch = ring->channel ? ~(CHANNEL_EPOCH - 1) : ~LOW;
    if ((word & LOW & connected) && (word & of_epoch) == epoch)
        return false;
    if (!ring->channel || (word & LOW))
        return true;
    uint64_t mark = atomic_load(committed_of(ring, index));
    return mark == 0 || mark == index; /* 64 bits against 32, as there */
}

bool ring_push(const struct ring *ring, const struct slot_message *message)
{
    for (uint64_t epoch = epoch_of(ring);; sched_yield()) {
        uint32_t connected = ring_connected(ring), index = atomic_load(write_of(ring));
        uint64_t word = atomic_load(readers_of(ring, index));
        if (connected == 0 || !has_room(ring, index, word, epoch, connected))
            return false;
        if (!atomic_compare_exchange_strong(readers_of(ring, index), &word, claimed(ring, word, epoch, connected)))
            continue;
        uint64_t now = epoch_of(ring);
        if (now == epoch || !ring->channel) {
            publish(ring, index, message);
            return true;
        }
        epoch = now;
    }
}

static uint64_t next_epoch(const struct ring *ring)
{
    uint64_t step = ring->channel ? CHANNEL_EPOCH : ROUTE_EPOCH;
    return atomic_fetch_add(u64_at(&ring->object, RING_EPOCH), step) + step;
}

bool ring_force(const struct ring *ring, const struct slot_message *message, ring_overwritten *overwritten, void *of)
{
    uint64_t epoch = next_epoch(ring);
    point_pass("forced");
    for (;; sched_yield()) {
        uint32_t connected = ring_connected(ring), index = atomic_load(write_of(ring));
        uint64_t word = atomic_load(readers_of(ring, index));
        uint32_t late = (uint32_t)word;
        if (connected & late)
            connected = atomic_fetch_and(u32_at(&ring->object, RING_CONNECTED), ~late) & ~late;
        if (connected == 0)
            return false;
        if (!atomic_compare_exchange_strong(readers_of(ring, index), &word, claimed(ring, word, epoch, connected)))
            continue;
        if (ring->channel && epoch != epoch_of(ring)) {
            if (ring_push(ring, message))
                return true;
            epoch = next_epoch(ring);
            continue;
        }
        struct slot_message old;
        get(ring, index, &old);
        overwritten(of, &old);
        publish(ring, index, message);
        return true;
    }
}

bool ring_take_sender(const struct ring *ring)
{
    return ring->channel || atomic_exchange((_Atomic uint8_t *)(ring->object.at + RING_SENDER), 1) == 0;
}

void ring_leave_sender(const struct ring *ring)
{
    if (!ring->channel)
        atomic_store((_Atomic uint8_t *)(ring->object.at + RING_SENDER), 0);
}

/* ---- receivers ----------------------------------------------------------------------------------------------------- */

bool ring_connect(struct ring_reader *reader)
{
    _Atomic uint32_t *connected = u32_at(&reader->ring->object, RING_CONNECTED);
    uint32_t before = atomic_load(connected), after;
    do {
        after = before | (before + 1);
        if (after == before)
            return false;
    } while (!atomic_compare_exchange_weak(connected, &before, after));
    point_pass("connecting");
    reader->bit = after ^ before;
    reader->cursor = atomic_load(write_of(reader->ring));
    return true;
}

bool ring_disconnect(struct ring_reader *reader)
{
    uint32_t bit = reader->bit;
    if (!(ring_connected(reader->ring) & bit))
        return false;
    reader->bit = 0;
    atomic_fetch_and(u32_at(&reader->ring->object, RING_CONNECTED), ~bit);
    return true;
}

static void leave_slot(const struct ring_reader *reader, uint32_t index)
{
    const struct ring *ring = reader->ring;
    _Atomic uint64_t *word = readers_of(ring, index);
    uint64_t free_for = (uint64_t)(index + 1) + 255; /* 64 bits, so that a lap over 2^32 is not met: as there */
    for (uint64_t before = atomic_load(word);;) {
        uint64_t after = (ring->channel ? one_change_more(before) : before) & ~(uint64_t)reader->bit;
        if (ring->channel && !(after & LOW))
            atomic_store(committed_of(ring, index), free_for);
        if (!(before & LOW) || atomic_compare_exchange_weak(word, &before, after))
            return;
    }
}

bool ring_pop(struct ring_reader *reader, struct slot_message *message)
{
    const struct ring *ring = reader->ring;
    uint32_t index = reader->cursor;
    if (ring->channel ? atomic_load(committed_of(ring, index)) != ~(uint64_t)index
                      : atomic_load(write_of(ring)) == index)
        return false;
    get(ring, index, message);
    point_pass("copied");
    reader->cursor = index + 1;
    leave_slot(reader, index);
    return true;
}
