/* @NAME@: a transport plugin. As it stands, messages between processes of one host over Unix sockets of sequenced packets:
 *
 *     listen = @NAME@:///run/quotes.sock          dial = @NAME@:///run/quotes.sock
 *
 * One thread of each socket does all its input and output. Who publishes sends to everybody who is connected and drops for those who
 * do not take it; who pushes waits for one who does. What to change: serve(), and what is in a frame. <leat/plugin/transport.h> is
 * the contract: each submitted slot is completed exactly once, from any thread. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* accept4 */
#endif
#include <errno.h>
#include <leat/plugin/transport.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define LINKS_MAX 64
#define SLOTS_MAX 65536
#define TYPE SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK

/* ---- options: one row each; the gateway parses, checks and documents them ------------------------------------------- */

struct options {
    int64_t retry_ns;
};

static const struct leat_option rows[] = {
    LEAT_OPTION_RANGE(struct options, retry_ns, "retry", LEAT_OPTION_DURATION, "100ms", 1000000, INT64_C(60000000000),
                      "When dialling: how long to wait before the next try."),
};

/* ---- sockets -------------------------------------------------------------------------------------------------------- */

enum what { UNUSED, LISTENER, DIALLER, PEER }; /* a dialler has no descriptor until it is connected */

struct link {
    _Atomic enum what what; /* set last: from then on the thread has it */
    int fd;
    struct sockaddr_un address;
    int retry_ms;
};

/* Slots that were submitted, in order. */
struct queue {
    struct {
        uint32_t slot;
        struct leat_packet *packet;
    } * items;
    uint32_t first, count;
};

struct socket {
    struct leat_socket_request request;
    pthread_t thread;
    int bell; /* an eventfd: something was submitted or attached, or it is over */
    _Atomic bool over;
    pthread_mutex_t lock; /* of what follows; never held while somebody is called back */
    struct queue sends, receives;
    struct link links[LINKS_MAX];
    uint32_t peers;
};

static void ring(struct socket *self)
{
    (void)!write(self->bell, &(uint64_t){1}, sizeof(uint64_t));
}

static void push(struct socket *self, struct queue *queue, uint32_t slot, struct leat_packet *packet)
{
    pthread_mutex_lock(&self->lock);
    uint32_t at = (queue->first + queue->count++) % self->request.depth;
    queue->items[at].slot = slot;
    queue->items[at].packet = packet;
    pthread_mutex_unlock(&self->lock);
    ring(self);
}

static uint32_t pop(struct socket *self, struct queue *queue)
{
    pthread_mutex_lock(&self->lock);
    uint32_t slot = queue->items[queue->first].slot;
    queue->first = (queue->first + 1) % self->request.depth;
    queue->count--;
    pthread_mutex_unlock(&self->lock);
    return slot;
}

static struct leat_packet *first(struct socket *self, struct queue *queue)
{
    pthread_mutex_lock(&self->lock);
    struct leat_packet *packet = queue->count ? queue->items[queue->first].packet : NULL;
    pthread_mutex_unlock(&self->lock);
    return packet;
}

/* ---- the thread: connections ---------------------------------------------------------------------------------------- */

static bool link_add(struct socket *self, enum what what, int fd, const struct sockaddr_un *address, int retry_ms)
{
    bool added = false;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < LINKS_MAX && !added; i++) {
        struct link *link = &self->links[i];
        if (atomic_load(&link->what) != UNUSED)
            continue;
        link->fd = fd;
        link->address = *address;
        link->retry_ms = retry_ms;
        atomic_store(&link->what, what);
        added = true;
    }
    pthread_mutex_unlock(&self->lock);
    return added;
}

static bool is_peer(const struct link *link)
{
    return link->what == PEER || (link->what == DIALLER && link->fd >= 0);
}

static void tell_peers(struct socket *self)
{
    uint32_t count = 0;
    for (size_t i = 0; i < LINKS_MAX; i++)
        count += is_peer(&self->links[i]);
    self->peers = count;
    if (self->request.peers)
        self->request.peers(self->request.context, count);
}

static void hang_up(struct socket *self, struct link *link)
{
    close(link->fd);
    link->fd = -1;
    if (link->what == PEER)
        link->what = UNUSED;
    tell_peers(self);
}

static void accept_peer(struct socket *self, const struct link *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 && link_add(self, PEER, fd, &listener->address, 0))
        tell_peers(self);
    else if (fd >= 0)
        close(fd);
}

static void dial(struct socket *self, struct link *link)
{
    int fd = socket(AF_UNIX, TYPE, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&link->address, sizeof link->address) == 0) {
        link->fd = fd;
        tell_peers(self);
    } else if (fd >= 0) {
        close(fd);
    }
}

/* ---- the thread: messages; each is a packet that begins with one byte, so that an empty one is no hang-up ------------ */

static bool offer(struct socket *self, struct link *link, const struct leat_packet *packet)
{
    struct iovec parts[] = {{.iov_base = (char[]){'m'}, .iov_len = 1},
                            {.iov_base = packet->data, .iov_len = packet->len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
        return true;
    if (errno == EPIPE || errno == ECONNRESET)
        hang_up(self, link);
    return false;
}

/* The oldest send, to everybody or to the first who takes it. False: it has to wait. */
static bool send_first(struct socket *self, struct leat_packet *packet)
{
    bool everybody = self->request.role == LEAT_ROLE_PUBLISHER, taken = false, too_big = false;
    for (size_t i = 0; i < LINKS_MAX && (everybody || !taken); i++) {
        errno = 0;
        if (is_peer(&self->links[i]) && !offer(self, &self->links[i], packet))
            too_big |= errno == EMSGSIZE;
        else
            taken |= is_peer(&self->links[i]);
    }
    if (!taken && !too_big && !everybody)
        return false;
    if (taken) { /* after a failure the packet is still the lane's */
        free(packet->engine);
        packet->engine = NULL;
    }
    int32_t status = taken ? 0 : too_big ? -EMSGSIZE : -EAGAIN; /* the books have a reason for each */
    self->request.sent(self->request.context, pop(self, &self->sends), status);
    return true;
}

static void receive_from(struct socket *self, struct link *link)
{
    struct leat_packet *packet = first(self, &self->receives);
    char kind;
    ssize_t len = recv(link->fd, &kind, 1, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0 || kind != 'm' || (uint64_t)len - 1 > self->request.receive_limit) {
        hang_up(self, link);
        return;
    }
    if (!packet)
        return; /* nobody waits for it: it stays where it is, and its sender is held up */
    uint64_t body = (uint64_t)len - 1;
    void *data = malloc(body ? body : 1);
    struct iovec parts[] = {{.iov_base = &kind, .iov_len = 1}, {.iov_base = data, .iov_len = body}};
    if (!data || readv(link->fd, parts, 2) != len) {
        free(data);
        return;
    }
    *packet = (struct leat_packet){.data = data, .len = body, .engine = data};
    self->request.received(self->request.context, pop(self, &self->receives), 0);
}

static void serve_link(struct socket *self, struct link *link, short events)
{
    if (link->what == LISTENER && (events & POLLIN))
        accept_peer(self, link);
    else if (is_peer(link) && (events & (POLLIN | POLLHUP | POLLERR)))
        receive_from(self, link);
}

/* What to wait for. Room to write only while something waits for it; nothing to read while nobody wants it, but hang-ups. */
static int plan(struct socket *self, struct pollfd *fds)
{
    bool sending = first(self, &self->sends) != NULL, receiving = first(self, &self->receives) != NULL;
    int timeout_ms = -1;
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &self->links[i];
        if (link->what == DIALLER && link->fd < 0)
            dial(self, link);
        if (link->what == DIALLER && link->fd < 0)
            timeout_ms = timeout_ms < 0 || link->retry_ms < timeout_ms ? link->retry_ms : timeout_ms;
        bool reads = link->what == LISTENER || receiving || self->request.role == LEAT_ROLE_PUBLISHER ||
                     self->request.role == LEAT_ROLE_PUSHER;
        fds[i] = (struct pollfd){.fd = link->what == UNUSED ? -1 : link->fd, /* -1 is passed over */
                                 .events = (short)((reads ? POLLIN : 0) | (sending && is_peer(link) ? POLLOUT : 0))};
    }
    fds[LINKS_MAX] = (struct pollfd){.fd = self->bell, .events = POLLIN};
    return timeout_ms;
}

static void *serve(void *argument)
{
    struct socket *self = argument;
    struct pollfd fds[LINKS_MAX + 1];
    uint64_t rings;
    while (!atomic_load(&self->over)) {
        int timeout_ms = plan(self, fds);
        poll(fds, LINKS_MAX + 1, timeout_ms);
        if (fds[LINKS_MAX].revents)
            (void)!read(self->bell, &rings, sizeof rings);
        for (size_t i = 0; i < LINKS_MAX; i++)
            if (fds[i].fd >= 0 && fds[i].revents && self->links[i].fd == fds[i].fd)
                serve_link(self, &self->links[i], fds[i].revents);
        for (struct leat_packet *packet; (packet = first(self, &self->sends)) && send_first(self, packet);)
            ;
    }
    return NULL;
}

/* ---- the interface --------------------------------------------------------------------------------------------------- */

static int32_t open_socket(void **out, const struct leat_host *host, const struct leat_socket_request *request)
{
    (void)host;
    if (request->role < LEAT_ROLE_PUBLISHER || request->role > LEAT_ROLE_PULLER)
        return -ENOTSUP;
    if (request->depth == 0 || request->depth > SLOTS_MAX)
        return -EINVAL;
    struct socket *self = calloc(1, sizeof *self);
    if (!self)
        return -ENOMEM;
    self->request = *request;
    self->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->sends.items = calloc(request->depth, sizeof *self->sends.items);
    self->receives.items = calloc(request->depth, sizeof *self->receives.items);
    pthread_mutex_init(&self->lock, NULL);
    if (self->bell < 0 || !self->sends.items || !self->receives.items ||
        pthread_create(&self->thread, NULL, serve, self) != 0) {
        if (self->bell >= 0)
            close(self->bell);
        free(self->sends.items);
        free(self->receives.items);
        free(self);
        return -ENOMEM;
    }
    *out = self;
    return 0;
}

static uint64_t native(void *socket)
{
    return (uint64_t)(uintptr_t)socket; /* all endpoints of a bridge come to the socket by this */
}

static int32_t explain_error(char *explain, uint64_t size, const char *url, int error)
{
    snprintf(explain, size, "%s: %s", url, strerror(error));
    return -error;
}

static int listen_at(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, TYPE, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 && listen(fd, LINKS_MAX) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return -error;
}

static int32_t attach(uint64_t number, const struct leat_host *host, const struct leat_endpoint *endpoint,
                      char *explain, uint64_t explain_size)
{
    (void)host;
    struct socket *self = (struct socket *)(uintptr_t)number;
    const struct options *options = endpoint->options;
    const char *path = strstr(endpoint->url, "://") + 3;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!*path || strlen(path) >= sizeof address.sun_path)
        return explain_error(explain, explain_size, endpoint->url, *path ? ENAMETOOLONG : EINVAL);
    memcpy(address.sun_path, path, strlen(path));
    int fd = endpoint->listen ? listen_at(&address) : -1;
    if (endpoint->listen && fd < 0)
        return explain_error(explain, explain_size, endpoint->url, -fd);
    int retry_ms = (int)(options->retry_ns / 1000000);
    if (!link_add(self, endpoint->listen ? LISTENER : DIALLER, fd, &address, retry_ms)) {
        if (fd >= 0)
            close(fd);
        return explain_error(explain, explain_size, endpoint->url, EMFILE);
    }
    ring(self);
    return 0;
}

static int32_t alloc(void *socket, struct leat_packet *packet, uint64_t len)
{
    (void)socket;
    packet->data = packet->engine = malloc(len ? len : 1);
    packet->len = len;
    return packet->data ? 0 : -ENOMEM;
}

static void drop(void *socket, struct leat_packet *packet)
{
    (void)socket;
    free(packet->engine);
    packet->engine = NULL;
}

static int32_t send_packet(void *of, uint32_t slot, struct leat_packet *packet)
{
    struct socket *self = of;
    push(self, &self->sends, slot, packet);
    return 0;
}

static int32_t receive(void *of, uint32_t slot, struct leat_packet *packet)
{
    struct socket *self = of;
    push(self, &self->receives, slot, packet);
    return 0;
}

static void close_socket(void *of)
{
    struct socket *self = of;
    atomic_store(&self->over, true);
    ring(self);
    pthread_join(self->thread, NULL);
    while (first(self, &self->sends))
        self->request.sent(self->request.context, pop(self, &self->sends), -ECANCELED);
    while (first(self, &self->receives))
        self->request.received(self->request.context, pop(self, &self->receives), -ECANCELED);
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &self->links[i];
        if (link->what == LISTENER)
            unlink(link->address.sun_path);
        if (link->what != UNUSED && link->fd >= 0)
            close(link->fd);
    }
    close(self->bell);
    pthread_mutex_destroy(&self->lock);
    free(self->sends.items);
    free(self->receives.items);
    free(self);
}

/* ---- the tables ------------------------------------------------------------------------------------------------------ */

static const char reference[] =
    "@NAME@ carries messages between gateways of one host over Unix sockets of sequenced packets.\n"
    "\n"
    "URL: @NAME@://PATH. Who listens makes the file and removes it; one that was left behind has to be removed.\n"
    "\n"
    "What it keeps: order, and whole messages. What it cannot: messages above the kernel's socket buffer, some\n"
    "200 KiB (net.core.wmem_default); they are dropped as oversize.\n"
    "\n"
    "Example:\n"
    "\n"
    "    listen = @NAME@:///run/quotes.sock\n";

static const struct leat_transport_ops ops = {
    .size = sizeof(struct leat_transport_ops),
    .schemes = "@NAME@",
    .family = "@NAME@/1",
    .open = open_socket,
    .native = native,
    .attach = attach,
    .alloc = alloc,
    .drop = drop,
    .send = send_packet,
    .receive = receive,
    .close = close_socket,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_TRANSPORT,
    .options_size = sizeof(struct options),
    .name = "@NAME@",
    .version = "0.1",
    .summary = "Unix sockets of sequenced packets",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .transport = &ops,
};
