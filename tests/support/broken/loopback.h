/* A transport plugin with nothing wrong in it, for fixtures to break in exactly one place: pushers and pullers of one process, joined by the
 * URL that one of them listens at. A fixture defines the macros below as it likes before it includes this. */
#ifndef TESTS_SUPPORT_BROKEN_LOOPBACK_H
#define TESTS_SUPPORT_BROKEN_LOOPBACK_H

#include <leat/plugin/transport.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef AFTER_SENT
#define AFTER_SENT(socket, slot)
#endif
#ifndef CANCELS
#define CANCELS 1
#endif

#define LOOP_SOCKETS 64
#define LOOP_DEPTH 64

/* What is submitted waits here, in order, until both ends are there. */
struct loop_line {
    struct leat_packet *packets[LOOP_DEPTH];
    uint32_t slots[LOOP_DEPTH];
    uint64_t head, tail;
};

struct loop_socket {
    struct leat_socket_request request;
    char url[128];
    int listens, connected;
    struct loop_line line; /* of sends for a pusher, of receives for a puller */
};

static pthread_mutex_t loop_lock = PTHREAD_MUTEX_INITIALIZER;
static struct loop_socket *loop_all[LOOP_SOCKETS]; /* the native handle is the place here */

static struct loop_socket *loop_find(const struct loop_socket *self)
{
    for (int i = 0; i < LOOP_SOCKETS; i++)
        if (loop_all[i] && loop_all[i] != self && *self->url && strcmp(loop_all[i]->url, self->url) == 0 &&
            loop_all[i]->listens != self->listens && loop_all[i]->request.role != self->request.role)
            return loop_all[i];
    return NULL;
}

static void loop_tell(struct loop_socket *self, int connected)
{
    if (self && self->connected != connected) {
        self->connected = connected;
        self->request.peers(self->request.context, (uint32_t)connected);
    }
}

/* Gives the packets of a pusher to the receives of its puller. Under the lock. */
static void loop_move(struct loop_socket *self)
{
    struct loop_socket *other = loop_find(self);
    struct loop_socket *from = self->request.role == LEAT_ROLE_PUSHER ? self : other;
    struct loop_socket *to = from == self ? other : self;
    loop_tell(self, other != NULL);
    loop_tell(other, 1);
    while (from && to && from->line.head > from->line.tail && to->line.head > to->line.tail) {
        uint64_t sent = from->line.tail++ % LOOP_DEPTH, received = to->line.tail++ % LOOP_DEPTH;
        struct leat_packet *packet = from->line.packets[sent];
        *to->line.packets[received] = *packet;
        to->line.packets[received]->header_len = 0;
        packet->engine = NULL;
        int32_t status = to->line.packets[received]->len > to->request.receive_limit ? -EMSGSIZE : 0;
        if (status)
            free(to->line.packets[received]->engine);
        to->request.received(to->request.context, to->line.slots[received], status);
        from->request.sent(from->request.context, from->line.slots[sent], 0);
        AFTER_SENT(from, from->line.slots[sent]);
    }
}

static int32_t loop_open(void **socket, const struct leat_host *host, const struct leat_socket_request *request)
{
    (void)host;
    if (request->role != LEAT_ROLE_PUSHER && request->role != LEAT_ROLE_PULLER)
        return -ENOTSUP;
    struct loop_socket *self = request->depth <= LOOP_DEPTH ? calloc(1, sizeof *self) : NULL;
    if (!self)
        return -ENOMEM;
    self->request = *request;
    pthread_mutex_lock(&loop_lock);
    for (int i = 0; i < LOOP_SOCKETS && !*socket; i++) {
        if (!loop_all[i])
            *socket = loop_all[i] = self;
    }
    pthread_mutex_unlock(&loop_lock);
    return 0;
}

static uint64_t loop_native(void *socket)
{
    uint64_t i = 0;
    while (loop_all[i] != socket)
        i++;
    return i;
}

static int32_t loop_attach(uint64_t native, const struct leat_host *host, const struct leat_endpoint *endpoint,
                           char *explain, uint64_t explain_size)
{
    struct loop_socket *self = loop_all[native];
    int taken = 0;
    (void)host;
    pthread_mutex_lock(&loop_lock);
    for (int i = 0; i < LOOP_SOCKETS; i++)
        if (endpoint->listen && loop_all[i] && loop_all[i]->listens && strcmp(loop_all[i]->url, endpoint->url) == 0)
            taken = 1;
    if (taken) {
        snprintf(explain, explain_size, "%s: another socket listens there", endpoint->url);
    } else {
        snprintf(self->url, sizeof self->url, "%s", endpoint->url);
        self->listens = (int)endpoint->listen;
        loop_move(self);
    }
    pthread_mutex_unlock(&loop_lock);
    return taken ? -EADDRINUSE : 0;
}

static int32_t loop_alloc(void *socket, struct leat_packet *packet, uint64_t len)
{
    (void)socket;
    *packet = (struct leat_packet){.engine = malloc(len ? len : 1), .len = len};
    packet->data = packet->engine;
    return packet->engine ? 0 : -ENOMEM;
}

static void loop_drop(void *socket, struct leat_packet *packet)
{
    (void)socket;
    free(packet->engine);
    packet->engine = NULL;
}

static int32_t loop_submit(void *socket, uint32_t slot, struct leat_packet *packet)
{
    struct loop_socket *self = socket;
    pthread_mutex_lock(&loop_lock);
    uint64_t at = self->line.head++ % LOOP_DEPTH;
    self->line.packets[at] = packet;
    self->line.slots[at] = slot;
    loop_move(self);
    pthread_mutex_unlock(&loop_lock);
    return 0;
}

static void loop_cancel(struct loop_socket *self)
{
    for (; CANCELS && self->line.tail < self->line.head; self->line.tail++) {
        uint32_t slot = self->line.slots[self->line.tail % LOOP_DEPTH];
        if (self->request.role == LEAT_ROLE_PUSHER)
            self->request.sent(self->request.context, slot, -ECANCELED);
        else
            self->request.received(self->request.context, slot, -ECANCELED);
    }
}

static void loop_close(void *socket)
{
    struct loop_socket *self = socket;
    pthread_mutex_lock(&loop_lock);
    struct loop_socket *other = loop_find(self);
    loop_all[loop_native(self)] = NULL;
    loop_tell(other, 0);
    loop_cancel(self);
    pthread_mutex_unlock(&loop_lock);
    free(self);
}

#define LOOPBACK(name_)                                                                               \
    static const struct leat_transport_ops ops = {.size = sizeof(struct leat_transport_ops),          \
                                                  .schemes = "inproc-" name_,                         \
                                                  .family = "loop/1",                                 \
                                                  .open = loop_open,                                  \
                                                  .native = loop_native,                              \
                                                  .attach = loop_attach,                              \
                                                  .alloc = loop_alloc,                                \
                                                  .drop = loop_drop,                                  \
                                                  .send = loop_submit,                                \
                                                  .receive = loop_submit,                             \
                                                  .close = loop_close};                               \
    LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {.size = sizeof(struct leat_plugin),        \
                                                           .kind = LEAT_PLUGIN_TRANSPORT,             \
                                                           .name = name_,                             \
                                                           .version = "0",                            \
                                                           .summary = "a transport within a process", \
                                                           .reference = "For tests.",                 \
                                                           .licence = "MIT",                          \
                                                           .transport = &ops};

#endif
