/* A pusher's message counts as sent when it is written, and not before: plugins/common/sp_proof.h. */
#include "peer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LARGER_THAN_ANY_BUFFER ((size_t)64 << 20)

/* A puller over a plain socket: it takes bytes only when it is told to. */
struct puller {
    int listener, fd;
    char url[64];
};

static void puller_open(struct puller *puller)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    puller->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(puller->listener, (struct sockaddr *)&address, len) == 0 && listen(puller->listener, 1) == 0);
    cr_assert(getsockname(puller->listener, (struct sockaddr *)&address, &len) == 0);
    snprintf(puller->url, sizeof puller->url, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
}

static void puller_accept(struct puller *puller)
{
    static const unsigned char hello[8] = {0, 'S', 'P', 0, 0, 0x51, 0, 0};
    unsigned char theirs[8];
    puller->fd = accept(puller->listener, NULL, NULL);
    cr_assert(puller->fd >= 0 && write(puller->fd, hello, 8) == 8 && recv(puller->fd, theirs, 8, MSG_WAITALL) == 8);
}

static void puller_take(const struct puller *puller, size_t bytes)
{
    char *buffer = malloc(bytes);
    cr_assert(buffer && recv(puller->fd, buffer, bytes, MSG_WAITALL) == (ssize_t)bytes);
    free(buffer);
}

static uint64_t sent(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    uint64_t count = peer->sent;
    pthread_mutex_unlock(&peer->lock);
    return count;
}

static void connect_pusher(struct plug *plug, struct peer *pusher, struct puller *puller)
{
    plug_init(plug, "tcp", "");
    puller_open(puller);
    peer_open(pusher, plug, LEAT_ROLE_PUSHER, 0);
    peer_dial(pusher, plug, puller->url);
    puller_accept(puller);
    cr_assert(peer_await_connected(pusher, 1));
}

Test(proof, a_message_that_is_half_written_is_not_sent_yet)
{
    struct plug plug;
    struct peer pusher;
    struct puller puller;
    char *large = calloc(1, LARGER_THAN_ANY_BUFFER);
    connect_pusher(&plug, &pusher, &puller);
    cr_assert(large && peer_send(&pusher, large, LARGER_THAN_ANY_BUFFER));
    puller_take(&puller, 8 + 1000); /* its beginning is on its way, its end cannot be */
    usleep(300000);                 /* several looks of the proof at rest */
    cr_assert(sent(&pusher) == 0);
    puller_take(&puller, LARGER_THAN_ANY_BUFFER - 1000);
    cr_assert(peer_await_sent(&pusher, 1));
    peer_close(&pusher);
    plug_fini(&plug);
    free(large);
}

/* nng hands it over while it starts the pipe, before the pipe counts as a peer. */
Test(proof, a_message_that_waited_for_the_first_peer_is_not_sent_before_it_is_written)
{
    struct plug plug;
    struct peer pusher;
    struct puller puller;
    char *large = calloc(1, LARGER_THAN_ANY_BUFFER);
    plug_init(&plug, "tcp", "");
    puller_open(&puller);
    peer_open(&pusher, &plug, LEAT_ROLE_PUSHER, 0);
    cr_assert(large && peer_send(&pusher, large, LARGER_THAN_ANY_BUFFER));
    peer_dial(&pusher, &plug, puller.url);
    puller_accept(&puller);
    cr_assert(peer_await_connected(&pusher, 1));
    usleep(300000); /* several looks of the proof at rest */
    cr_assert(sent(&pusher) == 0);
    puller_take(&puller, 8 + LARGER_THAN_ANY_BUFFER);
    cr_assert(peer_await_sent(&pusher, 1));
    peer_close(&pusher);
    plug_fini(&plug);
    free(large);
}

Test(proof, the_last_message_before_a_silence_is_sent)
{
    struct plug plug;
    struct peer pusher;
    struct puller puller;
    connect_pusher(&plug, &pusher, &puller);
    cr_assert(peer_send(&pusher, "only", 4));
    cr_assert(peer_await_sent(&pusher, 1));
    puller_take(&puller, 8 + 4);
    peer_close(&pusher);
    plug_fini(&plug);
}

static void *close_socket(void *of)
{
    const struct peer *peer = of;
    peer->ops->close(peer->socket);
    return NULL;
}

static uint64_t await_completion(struct peer *peer)
{
    uint64_t count = 0;
    for (int i = 0; i < 10000 && count == 0; i++, usleep(1000)) {
        pthread_mutex_lock(&peer->lock);
        count = peer->sent + peer->failed;
        pthread_mutex_unlock(&peer->lock);
    }
    return count;
}

/* The close itself may never end: a reaper of nng that waits for half a message (nng #1219). The gateway abandons it as well. */
Test(proof, what_is_half_written_at_the_close_is_cancelled)
{
    static struct plug plug; /* they outlive an abandoned thread */
    static struct peer pusher;
    static struct puller puller;
    pthread_t closer;
    char *large = calloc(1, LARGER_THAN_ANY_BUFFER);
    connect_pusher(&plug, &pusher, &puller);
    cr_assert(large && peer_send(&pusher, large, LARGER_THAN_ANY_BUFFER));
    puller_take(&puller, 8 + 1000);
    cr_assert(pthread_create(&closer, NULL, close_socket, &pusher) == 0);
    cr_assert(await_completion(&pusher) == 1);
    cr_assert(pusher.sent == 0 && pusher.sends[0].status == -ECANCELED);
    close(puller.fd); /* with it nng gives up its half, mostly */
    pthread_detach(closer);
    free(large);
}

Test(proof, what_a_peer_took_with_it_does_not_stay_in_flight)
{
    struct plug plug;
    struct peer pusher;
    struct puller puller;
    char *large = calloc(1, LARGER_THAN_ANY_BUFFER);
    connect_pusher(&plug, &pusher, &puller);
    cr_assert(large && peer_send(&pusher, large, LARGER_THAN_ANY_BUFFER));
    puller_take(&puller, 8 + 1000);
    close(puller.fd);
    cr_assert(peer_await_sent(&pusher, 1));
    peer_close(&pusher);
    plug_fini(&plug);
    free(large);
}
