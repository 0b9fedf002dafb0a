/* A model of an application on the unmodified library cpp-ipc, written from its layout and protocol: what it does well and what it
 * does badly (forced pushes, chunks that leak, a sender flag that nobody gives back, locks without a limit). One handle; one thread. */
#ifndef TESTS_MODEL_CPPIPC_PEER_H
#define TESTS_MODEL_CPPIPC_PEER_H

#include "pool.h"
#include "ring.h"
#include "waiter.h"

struct peer_where {
    const char *directory; /* NULL: /dev/shm */
    const char *prefix;    /* NULL: none */
    const char *name;
    bool channel; /* or route */
    bool of_1_3;  /* 1.3's name of the ring, the umask's mode, and no way back after a kick */
};

struct peer_partial {
    struct peer_partial *next;
    uint32_t id;
    size_t size, filled;
    unsigned char data[];
};

struct peer {
    struct peer_where where;
    struct waiter connected, room, message; /* CC, WT, RD */
    struct object next_message, last_handle;
    struct ring ring;
    struct pools pools;
    struct ring_reader reader;
    uint32_t handle;
    bool is_sender;
    struct peer_partial *partials;
};

/* What was received; the application's until peer_done. A large one lies in its chunk, and holds it. */
struct peer_message {
    void *data;
    size_t len;
    const struct pool *pool; /* NULL: `data` is the heap's */
    int32_t chunk;
    uint32_t stay;
};

bool peer_open(struct peer *peer, const struct peer_where *where);
void peer_close(struct peer *peer); /* NULL parts and all */

bool peer_connect_receiver(struct peer *peer);
bool peer_connect_sender(struct peer *peer); /* false: a route has one */
bool peer_wait_for_receivers(struct peer *peer, unsigned count, uint64_t limit_ms);

/* send() forces its way after the limit, try_send() gives up. False: not sent, or not to everybody. */
bool peer_send(struct peer *peer, const void *data, size_t len, uint64_t limit_ms);
bool peer_try_send(struct peer *peer, const void *data, size_t len, uint64_t limit_ms);

bool peer_receive(struct peer *peer, struct peer_message *message, uint64_t limit_ms); /* false: nothing came */
void peer_done(struct peer *peer, struct peer_message *message);

#endif
