#include "peer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define PATIENCE_MS 10000

/* Waits for `condition` under the lock. */
#define AWAIT(peer, timeout_ms, condition)                                                                         \
    do {                                                                                                           \
        struct timespec at = after((timeout_ms));                                                                  \
        while (!(condition) && pthread_cond_clockwait(&(peer)->changed, &(peer)->lock, CLOCK_MONOTONIC, &at) == 0) \
            ;                                                                                                      \
    } while (0)

static struct timespec after(int ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + ms * INT64_C(1000000);
    return (struct timespec){.tv_sec = at.tv_sec + ns / 1000000000, .tv_nsec = ns % 1000000000};
}

static void on_sent(void *context, uint32_t slot, int32_t status)
{
    struct peer *peer = context;
    pthread_mutex_lock(&peer->lock);
    peer->sends[slot].busy = false;
    peer->sends[slot].status = status;
    peer->sent += status == 0;
    peer->failed += status != 0;
    if (status != 0)
        peer->ops->drop(peer->socket, &peer->sends[slot].packet);
    pthread_cond_broadcast(&peer->changed);
    pthread_mutex_unlock(&peer->lock);
}

static void on_received(void *context, uint32_t slot, int32_t status)
{
    struct peer *peer = context;
    pthread_mutex_lock(&peer->lock);
    peer->receives[slot].busy = false;
    peer->receives[slot].status = status;
    pthread_cond_broadcast(&peer->changed);
    pthread_mutex_unlock(&peer->lock);
}

static void on_peers(void *context, uint32_t connected)
{
    struct peer *peer = context;
    pthread_mutex_lock(&peer->lock);
    peer->connected = connected;
    if (connected > peer->most_connected)
        peer->most_connected = connected;
    pthread_cond_broadcast(&peer->changed);
    pthread_mutex_unlock(&peer->lock);
}

static bool receives(uint32_t role)
{
    return role != LEAT_ROLE_PUBLISHER && role != LEAT_ROLE_PUSHER;
}

static bool sends(uint32_t role)
{
    return role != LEAT_ROLE_SUBSCRIBER && role != LEAT_ROLE_PULLER;
}

static bool is_raw(uint32_t role)
{
    return role >= LEAT_ROLE_REQUESTER && role <= LEAT_ROLE_BUS;
}

static void post(struct peer *peer, uint32_t slot)
{
    peer->receives[slot].busy = true;
    cr_assert(peer->ops->receive(peer->socket, slot, &peer->receives[slot].packet) == 0);
}

void peer_open_limited(struct peer *peer, struct plug *plug, uint32_t role, uint32_t queue, uint64_t receive_limit)
{
    static const char *const everything[] = {"", NULL};
    *peer = (struct peer){.ops = plug->plugin->transport, .host = &plug->host};
    pthread_mutex_init(&peer->lock, NULL);
    pthread_cond_init(&peer->changed, NULL);
    struct leat_socket_request request = {
        .size = sizeof request,
        .role = role,
        .raw = is_raw(role),
        .depth = sends(role) ? PEER_SENDS : PEER_RECEIVES,
        .receive_limit = receive_limit,
        .queue_messages = queue,
        .queue_bytes = 64 << 20,
        .topics = role == LEAT_ROLE_SUBSCRIBER ? everything : NULL,
        .context = peer,
        .sent = on_sent,
        .received = on_received,
        .peers = on_peers,
    };
    cr_assert(peer->ops->open(&peer->socket, &plug->host, &request) == 0);
    for (uint32_t i = 0; receives(role) && i < PEER_RECEIVES; i++)
        post(peer, i);
}

void peer_open(struct peer *peer, struct plug *plug, uint32_t role, uint32_t queue)
{
    peer_open_limited(peer, plug, role, queue, 8 << 20);
}

void peer_close(struct peer *peer)
{
    peer->ops->close(peer->socket);
    for (uint32_t i = 0; i < PEER_RECEIVES; i++)
        if (peer->receives[i].packet.engine)
            peer->ops->drop(NULL, &peer->receives[i].packet);
    pthread_cond_destroy(&peer->changed);
    pthread_mutex_destroy(&peer->lock);
}

int32_t peer_attach(struct peer *peer, struct plug *plug, const char *url, bool listen, char *explain, size_t size)
{
    struct leat_endpoint endpoint = {
        .size = sizeof endpoint, .listen = listen, .url = url, .options = plug->options.values};
    return plug->plugin->transport->attach(peer->ops->native(peer->socket), &plug->host, &endpoint, explain, size);
}

static void attach(struct peer *peer, struct plug *plug, const char *url, bool listen)
{
    char why[256] = "";
    int32_t error = peer_attach(peer, plug, url, listen, why, sizeof why);
    cr_assert(error == 0, "%d %s", error, why);
}

void peer_listen(struct peer *peer, struct plug *plug, const char *url)
{
    attach(peer, plug, url, true);
}

void peer_dial(struct peer *peer, struct plug *plug, const char *url)
{
    attach(peer, plug, url, false);
}

bool peer_await_connected(struct peer *peer, uint32_t count)
{
    pthread_mutex_lock(&peer->lock);
    AWAIT(peer, PATIENCE_MS, peer->connected == count);
    bool there = peer->connected == count;
    pthread_mutex_unlock(&peer->lock);
    return there;
}

bool peer_send_raw(struct peer *peer, const void *header, uint32_t header_len, const void *data, size_t len)
{
    uint32_t index = (uint32_t)(peer->next_send++ % PEER_SENDS);
    struct peer_slot *slot = &peer->sends[index];
    pthread_mutex_lock(&peer->lock);
    AWAIT(peer, PATIENCE_MS, !slot->busy);
    bool free_slot = !slot->busy;
    slot->busy = true;
    pthread_mutex_unlock(&peer->lock);
    if (!free_slot)
        return false;
    cr_assert(peer->ops->alloc(peer->socket, &slot->packet, len) == 0);
    memcpy(slot->packet.data, data, len);
    memcpy(slot->packet.header, header, header_len);
    slot->packet.header_len = header_len;
    cr_assert(peer->ops->send(peer->socket, index, &slot->packet) == 0);
    return true;
}

bool peer_send(struct peer *peer, const void *data, size_t len)
{
    return peer_send_raw(peer, "", 0, data, len);
}

bool peer_await_sent(struct peer *peer, uint64_t count)
{
    pthread_mutex_lock(&peer->lock);
    AWAIT(peer, PATIENCE_MS, peer->sent >= count);
    bool sent = peer->sent >= count;
    pthread_mutex_unlock(&peer->lock);
    return sent;
}

int64_t peer_receive(struct peer *peer, void *data, size_t size, int timeout_ms)
{
    struct leat_packet header;
    return peer_receive_raw(peer, &header, data, size, timeout_ms);
}

int64_t peer_receive_raw(struct peer *peer, struct leat_packet *header, void *data, size_t size, int timeout_ms)
{
    uint32_t index = (uint32_t)(peer->next_receive % PEER_RECEIVES);
    struct peer_slot *slot = &peer->receives[index];
    pthread_mutex_lock(&peer->lock);
    AWAIT(peer, timeout_ms, !slot->busy);
    bool done = !slot->busy;
    pthread_mutex_unlock(&peer->lock);
    if (!done)
        return -ETIMEDOUT;
    peer->next_receive++;
    if (slot->status)
        return slot->status;
    int64_t len = (int64_t)slot->packet.len;
    *header = (struct leat_packet){.header_len = slot->packet.header_len, .peer = slot->packet.peer};
    memcpy(header->header, slot->packet.header, slot->packet.header_len);
    memcpy(data, slot->packet.data, slot->packet.len < size ? slot->packet.len : size);
    peer->ops->drop(peer->socket, &slot->packet);
    post(peer, index);
    return len;
}
