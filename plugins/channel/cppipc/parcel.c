#include "cppipc/parcel.h"

#include "cppipc/clock.h"

#include <string.h>

#define LOOK_AT_CLOCK 1024u /* fragments pushed between two looks at the clock: some 100 us */

static uint32_t next_id(struct outlet *outlet)
{
    return atomic_fetch_add_explicit(outlet->handle.next_message, 1, memory_order_relaxed);
}

static void put_back(struct parcel *parcel, struct outlet *outlet)
{
    if (parcel->pool && !pool_release(parcel->pool, parcel->chunk))
        attendant_release(outlet->attendant, parcel->pool, parcel->chunk);
    parcel->pool = NULL;
}

/* Without a chunk, or memory for it, the message goes in fragments. */
static void fill_chunk(struct parcel *parcel, struct outlet *outlet)
{
    parcel->readers = ring_connected(outlet->ring);
    if (pools_find(&outlet->pools, parcel->len, true, &parcel->pool) < 0) {
        parcel->pool = NULL;
        return;
    }
    parcel->chunk = pool_acquire(parcel->pool, parcel->readers);
    if (parcel->chunk == POOL_NONE)
        parcel->pool = NULL;
    else if (pool_write(parcel->pool, parcel->chunk, parcel->data, parcel->len) < 0)
        put_back(parcel, outlet);
}

void parcel_begin(struct parcel *parcel, struct outlet *outlet, const void *data, uint64_t len)
{
    *parcel = (struct parcel){.data = data, .len = len, .id = next_id(outlet), .begun = true};
    if (len > CPPIPC_SLOT_DATA)
        fill_chunk(parcel, outlet);
}

bool parcel_is_long(const struct parcel *parcel)
{
    return !parcel->pool && parcel->len > LOOK_AT_CLOCK * CPPIPC_SLOT_DATA;
}

/* Who connected since the chunk was taken reads the slot too, and must find himself among those who need it. */
static void mark_readers(struct parcel *parcel, struct outlet *outlet)
{
    uint32_t connected = ring_connected(outlet->ring);
    if (connected != parcel->readers)
        pool_mark(parcel->pool, parcel->chunk, connected);
    parcel->readers = connected;
}

/* Fills the next slot; returns how many bytes of the message it carries. */
static uint64_t fill_slot(const struct parcel *parcel, const struct outlet *outlet, struct cppipc_message *message)
{
    uint64_t left = parcel->len - parcel->sent;
    *message = (struct cppipc_message){.handle = outlet->handle.id,
                                       .id = parcel->id,
                                       .remain = (int32_t)((int64_t)left - CPPIPC_SLOT_DATA),
                                       .stored = parcel->pool != NULL};
    if (parcel->pool) {
        memcpy(message->data, &parcel->chunk, sizeof parcel->chunk);
        return left;
    }
    if (left > CPPIPC_SLOT_DATA)
        left = CPPIPC_SLOT_DATA;
    memcpy(message->data, parcel->data + parcel->sent, left);
    return left;
}

enum ring_push parcel_push(struct parcel *parcel, struct outlet *outlet, int64_t until_ns)
{
    for (uint32_t slots = 1;; slots++) {
        struct cppipc_message message;
        if (parcel->pool)
            mark_readers(parcel, outlet);
        uint64_t carried = fill_slot(parcel, outlet, &message);
        enum ring_push result = ring_push(outlet->ring, &message, leftover_drop, &outlet->leftover);
        if (result != RING_PUSHED)
            return result;
        attendant_wake(outlet->attendant, HANDLE_RD);
        parcel->sent += carried;
        if (parcel->sent == parcel->len) {
            *parcel = (struct parcel){.begun = false};
            return RING_PUSHED;
        }
        if (until_ns && slots % LOOK_AT_CLOCK == 0 && monotonic_ns() >= until_ns)
            return RING_FULL;
    }
}

void parcel_restart(struct parcel *parcel, struct outlet *outlet)
{
    if (parcel->sent)
        parcel->id = next_id(outlet);
    parcel->sent = 0;
}

void parcel_abort(struct parcel *parcel, struct outlet *outlet)
{
    put_back(parcel, outlet);
    *parcel = (struct parcel){.begun = false};
}
