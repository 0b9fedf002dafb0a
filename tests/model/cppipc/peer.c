#include "peer.h"

#include "point.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES 300

/* ---- the objects --------------------------------------------------------------------------------------------------- */

static bool open_waiter(struct peer *peer, struct waiter *waiter, const char *what)
{
    char name[FILE_BYTES];
    snprintf(name, sizeof name, "%s__IPC_SHM__%s_CONN__%s", peer->where.prefix, what, peer->where.name);
    return waiter_open(waiter, peer->where.directory, name, !peer->where.of_1_3);
}

static bool open_object(struct peer *peer, struct object *object, const char *file, size_t payload)
{
    return object_open(object, peer->where.directory, file, payload, !peer->where.of_1_3);
}

static bool open_counters(struct peer *peer)
{
    char file[FILE_BYTES];
    snprintf(file, sizeof file, "%s__IPC_SHM__AC_CONN__%s", peer->where.prefix, peer->where.name);
    if (!open_object(peer, &peer->next_message, file, COUNTER_BYTES))
        return false;
    snprintf(file, sizeof file, "%s__IPC_SHM__CA_CONN__", peer->where.prefix);
    if (!open_object(peer, &peer->last_handle, file, COUNTER_BYTES))
        return false;
    do
        peer->handle = atomic_fetch_add(u32_at(&peer->last_handle, 0), 1) + 1;
    while (peer->handle == 0);
    return true;
}

static bool open_ring(struct peer *peer)
{
    char file[FILE_BYTES];
    const char *form = peer->where.of_1_3 ? "%s__IPC_SHM__QU_CONN__64__16__%s" : "%s__IPC_SHM__QU_CONN__%s__64__16";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(file, sizeof file, form, peer->where.prefix, peer->where.name);
#pragma GCC diagnostic pop
    if (!open_object(peer, &peer->ring.object, file, RING_BYTES))
        return false;
    ring_construct(&peer->ring);
    return true;
}

bool peer_open(struct peer *peer, const struct peer_where *where)
{
    memset(peer, 0, sizeof *peer);
    peer->where = *where;
    peer->where.directory = where->directory ? where->directory : "/dev/shm";
    peer->where.prefix = where->prefix ? where->prefix : "";
    peer->ring.channel = where->channel;
    peer->reader.ring = &peer->ring;
    peer->pools.directory = peer->where.directory;
    peer->pools.prefix = peer->where.prefix;
    peer->pools.open_to_all = !where->of_1_3;
    return open_waiter(peer, &peer->connected, "CC") && open_waiter(peer, &peer->room, "WT") &&
           open_waiter(peer, &peer->message, "RD") && open_counters(peer) && open_ring(peer);
}

static void forget_partials(struct peer *peer)
{
    for (struct peer_partial *next; peer->partials; peer->partials = next) {
        next = peer->partials->next;
        free(peer->partials);
    }
}

void peer_close(struct peer *peer)
{
    if (peer->is_sender)
        ring_leave_sender(&peer->ring);
    ring_disconnect(&peer->reader);
    waiter_broadcast(&peer->connected);
    waiter_broadcast(&peer->room);
    waiter_broadcast(&peer->message);
    forget_partials(peer);
    object_close(&peer->ring.object);
    waiter_close(&peer->connected);
    waiter_close(&peer->room);
    waiter_close(&peer->message);
    object_close(&peer->next_message);
    pools_close(&peer->pools);
    object_close(&peer->last_handle);
}

/* ---- joining ------------------------------------------------------------------------------------------------------- */

bool peer_connect_receiver(struct peer *peer)
{
    if (ring_connected(&peer->ring) & peer->reader.bit)
        return true;
    if (!ring_connect(&peer->reader))
        return false;
    waiter_broadcast(&peer->connected);
    return true;
}

bool peer_connect_sender(struct peer *peer)
{
    peer->is_sender = peer->is_sender || ring_take_sender(&peer->ring);
    return peer->is_sender;
}

struct expected {
    const struct ring *ring;
    unsigned receivers;
};

static bool has_fewer(void *of)
{
    const struct expected *expected = of;
    return (unsigned)__builtin_popcount(ring_connected(expected->ring)) < expected->receivers;
}

bool peer_wait_for_receivers(struct peer *peer, unsigned count, uint64_t limit_ms)
{
    struct expected expected = {&peer->ring, count};
    return waiter_wait_while(&peer->connected, has_fewer, &expected, limit_ms);
}

/* ---- sending ------------------------------------------------------------------------------------------------------- */

struct pushing {
    struct peer *peer;
    struct slot_message slot;
    bool forces;
    uint64_t limit_ms;
};

static bool is_not_pushed(void *of)
{
    struct pushing *pushing = of;
    return !ring_push(&pushing->peer->ring, &pushing->slot);
}

/* A forced push puts the chunk of what it overwrites back, whoever may be reading it. */
static void reclaim(void *of, const struct slot_message *old)
{
    struct peer *peer = of;
    int64_t size = (int64_t)old->remain + SLOT_DATA_BYTES;
    int32_t chunk;
    memcpy(&chunk, old->data, sizeof chunk);
    struct pool *pool = old->stored && size > 0 ? pools_find(&peer->pools, (size_t)size) : NULL;
    if (pool)
        pool_put_back(pool, chunk);
}

static bool push(struct pushing *pushing, int64_t remain, const void *data, size_t bytes)
{
    struct peer *peer = pushing->peer;
    pushing->slot.remain = (int32_t)remain;
    memset(pushing->slot.data, 0, sizeof pushing->slot.data);
    memcpy(pushing->slot.data, data, bytes);
    if (!waiter_wait_while(&peer->room, is_not_pushed, pushing, pushing->limit_ms) &&
        !(pushing->forces && ring_force(&peer->ring, &pushing->slot, reclaim, peer)))
        return false; /* and the chunk, if it has one, is nobody's any more */
    point_pass("pushed");
    waiter_broadcast(&peer->message);
    return true;
}

static bool push_pieces(struct pushing *pushing, const unsigned char *data, size_t len)
{
    while (len > 0) {
        size_t piece = len < SLOT_DATA_BYTES ? len : SLOT_DATA_BYTES;
        if (!push(pushing, (int64_t)len - SLOT_DATA_BYTES, data, piece))
            return false;
        data += piece;
        len -= piece;
        if (len > 0)
            point_pass("fragment");
    }
    return true;
}

static bool send_with(struct peer *peer, const void *data, size_t len, bool forces, uint64_t limit_ms)
{
    if (len == 0 || !peer_connect_sender(peer))
        return false;
    uint32_t readers = ring_connected(&peer->ring);
    if (readers == 0)
        return false;
    struct pushing pushing = {.peer = peer, .forces = forces, .limit_ms = limit_ms};
    pushing.slot.handle = peer->handle;
    pushing.slot.id = atomic_fetch_add(u32_at(&peer->next_message, 0), 1);
    point_pass("numbered");
    struct pool *pool = len > SLOT_DATA_BYTES ? pools_find(&peer->pools, len) : NULL;
    int32_t chunk = pool ? pool_take(pool, readers) : -1;
    if (chunk < 0)
        return push_pieces(&pushing, data, len);
    memcpy(pool_data(pool, chunk), data, len);
    point_pass("chunk");
    pushing.slot.stored = true;
    return push(&pushing, (int64_t)len - SLOT_DATA_BYTES, &chunk, sizeof chunk);
}

bool peer_send(struct peer *peer, const void *data, size_t len, uint64_t limit_ms)
{
    return send_with(peer, data, len, true, limit_ms);
}

bool peer_try_send(struct peer *peer, const void *data, size_t len, uint64_t limit_ms)
{
    return send_with(peer, data, len, false, limit_ms);
}

/* ---- receiving ----------------------------------------------------------------------------------------------------- */

struct popping {
    struct peer *peer;
    struct slot_message slot;
};

static bool is_not_popped(void *of)
{
    struct popping *popping = of;
    if (!popping->peer->where.of_1_3)
        peer_connect_receiver(popping->peer); /* unless it still is */
    return !ring_pop(&popping->peer->reader, &popping->slot);
}

static bool take_chunk(struct peer *peer, const struct slot_message *slot, struct peer_message *message)
{
    int32_t chunk;
    memcpy(&chunk, slot->data, sizeof chunk);
    message->len = (size_t)((int64_t)slot->remain + SLOT_DATA_BYTES);
    message->pool = pools_find(&peer->pools, message->len);
    message->chunk = chunk;
    message->data = message->pool ? pool_data(message->pool, chunk) : NULL;
    message->stay = ring_connected(&peer->ring) & ~peer->reader.bit;
    return message->data != NULL;
}

static struct peer_partial **find_partial(struct peer *peer, uint32_t id)
{
    struct peer_partial **at = &peer->partials;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

static void append(struct peer_partial *partial, const struct slot_message *slot, size_t bytes)
{
    size_t room = partial->size - partial->filled;
    size_t piece = bytes < room ? bytes : room;
    memcpy(partial->data + partial->filled, slot->data, piece);
    partial->filled += piece;
}

static bool begin_partial(struct peer *peer, const struct slot_message *slot, size_t size)
{
    struct peer_partial *partial = malloc(sizeof *partial + size);
    if (!partial)
        return false;
    *partial = (struct peer_partial){.next = peer->partials, .id = slot->id, .size = size};
    append(partial, slot, SLOT_DATA_BYTES);
    peer->partials = partial;
    return true;
}

static bool give_copy(struct peer_message *message, const void *data, size_t len)
{
    *message = (struct peer_message){.data = malloc(len), .len = len};
    if (message->data)
        memcpy(message->data, data, len);
    return message->data != NULL;
}

/* True: the slot completes a message. */
static bool take_piece(struct peer *peer, const struct slot_message *slot, struct peer_message *message)
{
    size_t size = (size_t)((int64_t)slot->remain + SLOT_DATA_BYTES);
    struct peer_partial **at = find_partial(peer, slot->id), *partial = *at;
    if (!partial && size <= SLOT_DATA_BYTES)
        return give_copy(message, slot->data, size);
    if (!partial) {
        begin_partial(peer, slot, size);
        return false;
    }
    append(partial, slot, slot->remain <= 0 ? size : SLOT_DATA_BYTES);
    if (slot->remain > 0)
        return false;
    *at = partial->next;
    bool given = give_copy(message, partial->data, partial->size);
    free(partial);
    return given;
}

bool peer_receive(struct peer *peer, struct peer_message *message, uint64_t limit_ms)
{
    struct popping popping = {.peer = peer};
    if (!(ring_connected(&peer->ring) & peer->reader.bit))
        return false; /* at the begin of a call nobody looks whether to connect again */
    while (waiter_wait_while(&peer->message, is_not_popped, &popping, limit_ms)) {
        point_pass("popped");
        waiter_broadcast(&peer->room);
        memset(message, 0, sizeof *message);
        if (popping.slot.handle == peer->handle)
            continue;
        if ((int64_t)popping.slot.remain + SLOT_DATA_BYTES <= 0)
            return false;
        if (popping.slot.stored ? take_chunk(peer, &popping.slot, message) : take_piece(peer, &popping.slot, message))
            return true;
    }
    return false;
}

void peer_done(struct peer *peer, struct peer_message *message)
{
    (void)peer;
    if (message->pool)
        pool_leave(message->pool, message->chunk, message->stay);
    else
        free(message->data);
    memset(message, 0, sizeof *message);
}
