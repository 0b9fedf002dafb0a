#include "common/sp_peers.h"

#include "common/sp_address.h"
#include "common/sp_origin.h"
#include "common/sp_stats.h"

#include <nng/transport/ipc/ipc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct {
    pthread_mutex_t lock;
    struct sp_peers *first;
} sockets = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void enlist(struct sp_peers *peers)
{
    pthread_mutex_lock(&sockets.lock);
    peers->next = sockets.first;
    sockets.first = peers;
    pthread_mutex_unlock(&sockets.lock);
}

static void strike_off(struct sp_peers *peers)
{
    pthread_mutex_lock(&sockets.lock);
    struct sp_peers **link = &sockets.first;
    while (*link && *link != peers)
        link = &(*link)->next;
    if (*link)
        *link = peers->next;
    pthread_mutex_unlock(&sockets.lock);
}

void sp_peers_each(void (*visit)(struct sp_peers *peers, void *context), void *context)
{
    pthread_mutex_lock(&sockets.lock);
    for (struct sp_peers *peers = sockets.first; peers; peers = peers->next)
        visit(peers, context);
    pthread_mutex_unlock(&sockets.lock);
}

static struct sp_peer *find(struct sp_peers *peers, uint32_t pipe)
{
    for (uint32_t i = 0; i < peers->count; i++)
        if (peers->items[i].pipe == pipe)
            return &peers->items[i];
    return NULL;
}

static bool make_room(struct sp_peers *peers)
{
    if (peers->count < peers->capacity)
        return true;
    uint32_t capacity = peers->capacity ? 2 * peers->capacity : 8;
    struct sp_peer *items = realloc(peers->items, capacity * sizeof *items);
    if (!items)
        return false;
    peers->items = items;
    peers->capacity = capacity;
    return true;
}

static void announce(struct sp_peers *peers, nng_pipe pipe)
{
    struct sp_peer peer = {.pipe = (uint32_t)nng_pipe_id(pipe)};
    pthread_mutex_lock(&peers->lock);
    if (make_room(peers))
        peers->items[peers->count++] = peer;
    pthread_mutex_unlock(&peers->lock);
}

static bool (*_Atomic namer)(const char *address, char *name, size_t size);

void sp_peers_name_by(bool (*name_of)(const char *address, char *name, size_t size))
{
    atomic_store_explicit(&namer, name_of, memory_order_relaxed);
}

/* False: it has gone already. */
static bool connect_peer(struct sp_peers *peers, nng_pipe pipe)
{
    char address[sizeof(((struct sp_peer *)0)->address)], name[sizeof(((struct sp_peer *)0)->name)] = "";
    uint32_t counted = sp_address_of_pipe(pipe, address, sizeof address);
    bool (*name_of)(const char *, char *, size_t) = atomic_load_explicit(&namer, memory_order_relaxed);
    if (name_of)
        name_of(address, name, sizeof name);
    pthread_mutex_lock(&peers->lock);
    struct sp_peer *peer = find(peers, (uint32_t)nng_pipe_id(pipe));
    if (peer) {
        peer->counted = counted;
        memcpy(peer->address, address, sizeof address);
        memcpy(peer->name, name, sizeof name);
        peer->connected = true;
        peers->connected++;
    }
    pthread_mutex_unlock(&peers->lock);
    return peer != NULL;
}

/* False: it never was a peer. */
static bool take_away(struct sp_peers *peers, nng_pipe pipe)
{
    bool was_connected = false;
    pthread_mutex_lock(&peers->lock);
    struct sp_peer *peer = find(peers, (uint32_t)nng_pipe_id(pipe));
    if (peer) {
        was_connected = peer->connected;
        peers->connected -= was_connected;
        *peer = peers->items[--peers->count];
    }
    pthread_mutex_unlock(&peers->lock);
    return was_connected;
}

static void tell(struct sp_peers *peers)
{
    if (!peers->changed)
        return;
    pthread_mutex_lock(&peers->tell);
    peers->changed(peers->context, sp_peers_count(peers));
    pthread_mutex_unlock(&peers->tell);
}

/* A local peer is known by its user; one within this process needs no leave. */
static uint32_t known_of(nng_pipe pipe, const char *address, uint32_t *user)
{
    uint64_t uid;
    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0) {
        *user = (uint32_t)uid;
        return LEAT_VISITOR_USER | LEAT_VISITOR_PEERS;
    }
    return strncmp(address, "inproc://", 9) == 0 ? LEAT_VISITOR_PEERS : LEAT_VISITOR_ADDRESS | LEAT_VISITOR_PEERS;
}

static bool is_admitted(struct sp_peers *peers, nng_pipe pipe)
{
    char address[sizeof(((struct sp_peer *)0)->address)];
    struct leat_visitor visitor = {.size = sizeof visitor, .address = address};
    if (!sp_origin_admits(pipe))
        return false;
    if (!peers->host)
        return true;
    sp_address_of_pipe(pipe, address, sizeof address);
    visitor.knows = known_of(pipe, address, &visitor.user);
    visitor.peers = sp_peers_announced(peers);
    return peers->host->admit(peers->host->context, &visitor) == 0;
}

/* One pipe at a time: two that come together both see room for one. */
static void come(struct sp_peers *peers, nng_pipe pipe)
{
    pthread_mutex_lock(&peers->door);
    const bool admitted = is_admitted(peers, pipe);
    if (admitted && peers->watch)
        peers->watch(peers->watcher, pipe, NNG_PIPE_EV_ADD_PRE);
    if (admitted)
        announce(peers, pipe);
    pthread_mutex_unlock(&peers->door);
    if (!admitted)
        nng_pipe_close(pipe);
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *of)
{
    struct sp_peers *peers = of;
    if (event == NNG_PIPE_EV_ADD_PRE) {
        come(peers, pipe);
        return;
    }
    if (peers->watch)
        peers->watch(peers->watcher, pipe, event);
    if (event == NNG_PIPE_EV_ADD_POST ? connect_peer(peers, pipe) : take_away(peers, pipe))
        tell(peers);
}

int sp_peers_init(struct sp_peers *peers, nng_socket socket, void (*changed)(void *context, uint32_t connected),
                  void *context)
{
    *peers = (struct sp_peers){.changed = changed, .context = context};
    pthread_mutex_init(&peers->lock, NULL);
    pthread_mutex_init(&peers->tell, NULL);
    pthread_mutex_init(&peers->door, NULL);
    enlist(peers);
    static const nng_pipe_ev events[] = {NNG_PIPE_EV_ADD_PRE, NNG_PIPE_EV_ADD_POST, NNG_PIPE_EV_REM_POST};
    int code = 0;
    for (size_t i = 0; i < sizeof events / sizeof events[0] && !code; i++)
        code = nng_pipe_notify(socket, events[i], on_pipe, peers);
    return code;
}

void sp_peers_ask(struct sp_peers *peers, const struct leat_host *host)
{
    const bool can = host->size >= offsetof(struct leat_host, admit) + sizeof host->admit && host->admit;
    peers->host = can ? host : NULL;
}

void sp_peers_watch(struct sp_peers *peers, void (*watch)(void *watcher, nng_pipe pipe, nng_pipe_ev event),
                    void *watcher)
{
    peers->watcher = watcher;
    peers->watch = watch;
}

void sp_peers_fini(struct sp_peers *peers)
{
    strike_off(peers);
    pthread_mutex_destroy(&peers->door);
    pthread_mutex_destroy(&peers->tell);
    pthread_mutex_destroy(&peers->lock);
    free(peers->items);
}

uint32_t sp_peers_count(struct sp_peers *peers)
{
    pthread_mutex_lock(&peers->lock);
    uint32_t count = peers->connected;
    pthread_mutex_unlock(&peers->lock);
    return count;
}

uint32_t sp_peers_announced(struct sp_peers *peers)
{
    pthread_mutex_lock(&peers->lock);
    uint32_t count = peers->count;
    pthread_mutex_unlock(&peers->lock);
    return count;
}

void sp_peers_describe(struct sp_peers *peers, struct leat_peer_books *books)
{
    pthread_mutex_lock(&peers->lock);
    const struct sp_peer *peer = find(peers, books->id);
    if (peer) {
        memcpy(books->address, peer->address, sizeof peer->address);
        memcpy(books->name, peer->name, sizeof peer->name);
    }
    pthread_mutex_unlock(&peers->lock);
}

static int compare_ids(const void *one, const void *other)
{
    uint32_t a = ((const struct leat_peer *)one)->id, b = ((const struct leat_peer *)other)->id;
    return (a > b) - (a < b);
}

/* What nng counts, for peers in the order of their ids. */
static void count_traffic(struct leat_peer *peers, uint32_t count)
{
    nng_stat *all;
    if (nng_stats_get(&all) != 0)
        return;
    for (nng_stat *node = nng_stat_child(all); node; node = nng_stat_next(node)) {
        if (strcmp(nng_stat_name(node), "pipe") != 0)
            continue;
        struct leat_peer wanted = {.id = (uint32_t)sp_stats_value(node, "id")};
        struct leat_peer *peer = bsearch(&wanted, peers, count, sizeof *peers, compare_ids);
        if (!peer || !peer->counted)
            continue;
        peer->sent_messages = sp_stats_value(node, "tx_msgs");
        peer->sent_bytes = sp_stats_value(node, "tx_bytes");
        peer->received_messages = sp_stats_value(node, "rx_msgs");
        peer->received_bytes = sp_stats_value(node, "rx_bytes");
    }
    nng_stats_free(all);
}

int32_t sp_peers_list(struct sp_peers *peers, struct leat_peer *out, uint32_t max)
{
    pthread_mutex_lock(&peers->lock);
    uint32_t count = peers->connected, filled = 0;
    for (uint32_t i = 0; i < peers->count && filled < max; i++) {
        const struct sp_peer *peer = &peers->items[i];
        if (!peer->connected)
            continue;
        out[filled] = (struct leat_peer){.size = sizeof *out, .id = peer->pipe, .counted = peer->counted};
        memcpy(out[filled++].address, peer->address, sizeof peer->address);
    }
    pthread_mutex_unlock(&peers->lock);
    if (filled == 0)
        return (int32_t)count;
    qsort(out, filled, sizeof *out, compare_ids);
    count_traffic(out, filled);
    return (int32_t)count;
}
