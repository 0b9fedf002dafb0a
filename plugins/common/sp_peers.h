/* The peers of a socket: who is connected, and what went to and came from each.
 *
 * nng tells of pipes on its own threads, and may tell of a pipe's end before it has told that it was added. So a pipe enters
 * the table with ADD_PRE, which is always first, counts as a peer from its ADD_POST, and leaves with REM_POST; one that was
 * refused (wrong protocol, denied) never counts. */
#ifndef LEAT_SP_PEERS_H
#define LEAT_SP_PEERS_H

#include <leat/plugin/transport.h>

#include <nng/nng.h>
#include <pthread.h>
#include <stdbool.h>

struct sp_peer {
    uint32_t pipe;
    uint32_t counted; /* nng counts what passes this transport */
    bool connected;   /* a peer; otherwise still about to be one */
    uint8_t missed;   /* how often no connection was found for it: sp_forgotten.h */
    char address[108];
    char name[64]; /* in its certificate; "": none, or nobody tells */
};

struct sp_peers {
    pthread_mutex_t lock; /* of the table */
    pthread_mutex_t tell; /* held while the host is told, so that it hears of the newest count last */
    struct sp_peer *items;
    uint32_t count, capacity;
    uint32_t connected; /* items that are */
    void (*changed)(void *context, uint32_t connected);
    void *context;
    pthread_mutex_t door;         /* from asking for a pipe to announcing it: nng tells of several at once */
    const struct leat_host *host; /* that says who may become a peer, or NULL */
    void (*watch)(void *watcher, nng_pipe pipe, nng_pipe_ev event);
    void *watcher;
    _Atomic uint32_t waiting; /* receives that are submitted: while there are any, nothing lies in front of them */
    bool receives;
    struct sp_peers *next; /* of all sockets of this plugin */
};

/* `changed` may be NULL. Comes before the socket has any endpoint; 0 or an nng code. */
int sp_peers_init(struct sp_peers *peers, nng_socket socket, void (*changed)(void *context, uint32_t connected),
                  void *context);

/* Whom to ask before a pipe becomes a peer. Comes before the socket has any endpoint; without it everybody may. */
void sp_peers_ask(struct sp_peers *peers, const struct leat_host *host);

void sp_peers_fini(struct sp_peers *peers); /* after the socket is closed */

/* Who knows the names in peers' certificates, by their addresses: for every socket that this plugin opens from now on. */
void sp_peers_name_by(bool (*name_of)(const char *address, char *name, size_t size));

/* Who else hears of every pipe that was admitted: before it is announced here, and before it is taken away. Comes before the
 * socket has any endpoint. */
void sp_peers_watch(struct sp_peers *peers, void (*watch)(void *watcher, nng_pipe pipe, nng_pipe_ev event),
                    void *watcher);

uint32_t sp_peers_count(struct sp_peers *peers);

/* With those that are about to be one: nng hands a waiting message to a pipe before it tells ADD_POST. */
uint32_t sp_peers_announced(struct sp_peers *peers);

/* For every socket of this plugin: one after the other, while none is opened or closed. */
void sp_peers_each(void (*visit)(struct sp_peers *peers, void *context), void *context);

/* Writes what the peer with books->id is called, as far as it is known. */
void sp_peers_describe(struct sp_peers *peers, struct leat_peer_books *books);

/* As leat_transport_ops.list_peers. */
int32_t sp_peers_list(struct sp_peers *peers, struct leat_peer *out, uint32_t max);

#endif
