/* One end of a socket as a lane would use it: slots in flight, completions awaited with a deadline. */
#ifndef TESTS_UNIT_PLUGINS_PEER_H
#define TESTS_UNIT_PLUGINS_PEER_H

#include "plug.h"

#include <pthread.h>
#include <stdbool.h>

#define PEER_SENDS 64
#define PEER_RECEIVES 16

struct peer_slot {
    struct leat_packet packet;
    bool busy;
    int32_t status;
};

struct peer {
    const struct leat_transport_ops *ops;
    const struct leat_host *host;
    void *socket;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct peer_slot sends[PEER_SENDS], receives[PEER_RECEIVES];
    uint64_t next_send, next_receive;
    uint64_t sent, failed; /* completions */
    uint32_t connected, most_connected;
};

/* Opens a socket of `role` through the plug's transport, raw where the gateway would; `queue` messages. Subscribers take
 * everything. */
void peer_open(struct peer *peer, struct plug *plug, uint32_t role, uint32_t queue);
/* The same with a receive limit of its own. */
void peer_open_limited(struct peer *peer, struct plug *plug, uint32_t role, uint32_t queue, uint64_t receive_limit);
void peer_close(struct peer *peer);

/* attach() by this plug; ends the test when it fails. */
void peer_listen(struct peer *peer, struct plug *plug, const char *url);
void peer_dial(struct peer *peer, struct plug *plug, const char *url);
int32_t peer_attach(struct peer *peer, struct plug *plug, const char *url, bool listen, char *explain, size_t size);

/* True when so many peers are connected within 10 s. */
bool peer_await_connected(struct peer *peer, uint32_t count);

/* Waits for a free slot and submits one message. False when no slot came free within 10 s. */
bool peer_send(struct peer *peer, const void *data, size_t len);
/* The same with a protocol header, on a raw socket. */
bool peer_send_raw(struct peer *peer, const void *header, uint32_t header_len, const void *data, size_t len);
bool peer_await_sent(struct peer *peer, uint64_t count);

/* The next message in slot order, into `data`. Its length, or -ETIMEDOUT after `timeout_ms`, or its status. */
int64_t peer_receive(struct peer *peer, void *data, size_t size, int timeout_ms);
/* The same; *header gets header, header_len and peer of the packet, and nothing else. */
int64_t peer_receive_raw(struct peer *peer, struct leat_packet *header, void *data, size_t size, int timeout_ms);

#endif
