#include "common/sp_peers.h"

#include "common/sp_address.h"
#include "common/sp_stats.h"

#include <stdlib.h>
#include <string.h>

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

static void add(struct sp_peers *peers, nng_pipe pipe)
{
    struct sp_peer peer = {.pipe = (uint32_t)nng_pipe_id(pipe)};
    peer.counted = sp_address_of_pipe(pipe, peer.address, sizeof peer.address);
    pthread_mutex_lock(&peers->lock);
    if (make_room(peers))
        peers->items[peers->count++] = peer;
    pthread_mutex_unlock(&peers->lock);
}

static bool take_away(struct sp_peers *peers, nng_pipe pipe)
{
    pthread_mutex_lock(&peers->lock);
    struct sp_peer *peer = find(peers, (uint32_t)nng_pipe_id(pipe));
    if (peer)
        *peer = peers->items[--peers->count];
    pthread_mutex_unlock(&peers->lock);
    return peer != NULL;
}

static void tell(struct sp_peers *peers)
{
    if (!peers->changed)
        return;
    pthread_mutex_lock(&peers->tell);
    peers->changed(peers->context, sp_peers_count(peers));
    pthread_mutex_unlock(&peers->tell);
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *of)
{
    struct sp_peers *peers = of;
    if (event == NNG_PIPE_EV_ADD_POST)
        add(peers, pipe);
    else if (!take_away(peers, pipe))
        return;
    tell(peers);
}

int sp_peers_init(struct sp_peers *peers, nng_socket socket, void (*changed)(void *context, uint32_t connected),
                  void *context)
{
    *peers = (struct sp_peers){.changed = changed, .context = context};
    pthread_mutex_init(&peers->lock, NULL);
    pthread_mutex_init(&peers->tell, NULL);
    int code = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_POST, on_pipe, peers);
    return code ? code : nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, on_pipe, peers);
}

void sp_peers_fini(struct sp_peers *peers)
{
    pthread_mutex_destroy(&peers->tell);
    pthread_mutex_destroy(&peers->lock);
    free(peers->items);
}

uint32_t sp_peers_count(struct sp_peers *peers)
{
    pthread_mutex_lock(&peers->lock);
    uint32_t count = peers->count;
    pthread_mutex_unlock(&peers->lock);
    return count;
}

static void count_traffic(struct leat_peer *peers, uint32_t count)
{
    nng_stat *all;
    if (nng_stats_get(&all) != 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        nng_stat *pipe = peers[i].counted ? sp_stats_find(all, "pipe", peers[i].id) : NULL;
        if (!pipe) {
            peers[i].counted = 0;
            continue;
        }
        peers[i].sent_messages = sp_stats_value(pipe, "tx_msgs");
        peers[i].sent_bytes = sp_stats_value(pipe, "tx_bytes");
        peers[i].received_messages = sp_stats_value(pipe, "rx_msgs");
        peers[i].received_bytes = sp_stats_value(pipe, "rx_bytes");
    }
    nng_stats_free(all);
}

int32_t sp_peers_list(struct sp_peers *peers, struct leat_peer *out, uint32_t max)
{
    pthread_mutex_lock(&peers->lock);
    uint32_t count = peers->count, filled = count < max ? count : max;
    for (uint32_t i = 0; i < filled; i++) {
        const struct sp_peer *peer = &peers->items[i];
        out[i] = (struct leat_peer){.size = sizeof *out, .id = peer->pipe, .counted = peer->counted};
        memcpy(out[i].address, peer->address, sizeof out[i].address);
    }
    pthread_mutex_unlock(&peers->lock);
    if (filled)
        count_traffic(out, filled);
    return (int32_t)count;
}
