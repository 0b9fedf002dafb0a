#include "common/sp_socket.h"

#include "common/sp_books.h"
#include "common/sp_error.h"
#include "common/sp_pace.h"
#include "common/sp_peers.h"
#include "common/sp_proof.h"
#include "common/sp_queue.h"
#include "common/sp_role.h"
#include "common/sp_start.h"

#include <nng/protocol/pubsub0/sub.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PIPE_BYTES (UINT64_C(16) << 20) /* what a pipe may hold of what it has not written, unless the pattern says */

/* One operation that the lane has submitted. The aio is made once and used again and again. */
struct slot {
    struct socket *owner;
    struct leat_packet *packet;
    nng_aio *aio;
    uint64_t ticket; /* of a send that is to be proven */
    uint32_t index;
    uint64_t len; /* of what it received last */
};

struct socket {
    nng_socket id;
    const struct sp_role *role;
    struct leat_socket_request request;
    struct sp_peers peers;
    struct sp_books books; /* of the peers */
    struct sp_queue send_queue, receive_queue;
    struct sp_proof proof;         /* for a role that sends early */
    struct sp_pace pace;           /* for a role whose socket would drop */
    struct slot *sends, *receives; /* request.depth each, or NULL where the role has none */
    nng_aio *at_once;              /* for a role that sends at once */
};

/* ---- completions ------------------------------------------------------------------------------------------------- */

static void report(void *of, uint32_t slot, int32_t status)
{
    struct socket *self = of;
    self->request.sent(self->request.context, slot, status);
}

static void on_sent(void *of)
{
    struct slot *slot = of;
    struct socket *self = slot->owner;
    int code = nng_aio_result(slot->aio);
    if (code == 0)
        slot->packet->engine = NULL;
    if (self->role->sends_early)
        sp_proof_finish(&self->proof, slot->ticket, code == 0);
    if (code || !self->role->sends_early)
        self->request.sent(self->request.context, slot->index, sp_error(code));
}

static void on_pipe(void *of, nng_pipe pipe, nng_pipe_ev event)
{
    struct socket *self = of;
    sp_pace_pipe(&self->pace, pipe, event);
    sp_books_pipe(&self->books, pipe, event);
}

static void fill(struct leat_packet *packet, nng_msg *message)
{
    size_t header_len = nng_msg_header_len(message);
    packet->engine = message;
    packet->data = nng_msg_body(message);
    packet->len = nng_msg_len(message);
    packet->peer = (uint32_t)nng_pipe_id(nng_msg_get_pipe(message));
    packet->header_len = (uint32_t)(header_len < LEAT_HEADER_MAX ? header_len : LEAT_HEADER_MAX);
    memcpy(packet->header, nng_msg_header(message), packet->header_len);
}

static void on_received(void *of)
{
    struct slot *slot = of;
    struct socket *self = slot->owner;
    int code = nng_aio_result(slot->aio);
    atomic_fetch_sub_explicit(&self->peers.waiting, 1, memory_order_relaxed);
    if (code == 0) {
        fill(slot->packet, nng_aio_get_msg(slot->aio));
        slot->len = slot->packet->len;
    }
    self->request.received(self->request.context, slot->index, sp_error(code));
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

static struct slot *slots_new(struct socket *self, void (*completion)(void *))
{
    uint32_t depth = self->request.depth;
    struct slot *slots = calloc(depth, sizeof *slots);
    for (uint32_t i = 0; slots && i < depth; i++) {
        slots[i].owner = self;
        slots[i].index = i;
        if (nng_aio_alloc(&slots[i].aio, completion, &slots[i]) != 0)
            return slots; /* sp_open looks at the last one */
        nng_aio_set_timeout(slots[i].aio, NNG_DURATION_INFINITE);
    }
    return slots;
}

static bool slots_complete(const struct socket *self, const struct slot *slots)
{
    return slots && slots[self->request.depth - 1].aio;
}

static void slots_free(struct socket *self, struct slot *slots)
{
    for (uint32_t i = 0; slots && i < self->request.depth; i++) {
        if (!slots[i].aio)
            break;
        nng_aio_stop(slots[i].aio);
        nng_aio_free(slots[i].aio);
    }
    free(slots);
}

static int make_slots(struct socket *self)
{
    const struct sp_role *role = self->role;
    if (role->sends_at_once && nng_aio_alloc(&self->at_once, NULL, NULL) != 0)
        return NNG_ENOMEM;
    if (role->sends && !role->sends_at_once && !slots_complete(self, self->sends = slots_new(self, on_sent)))
        return NNG_ENOMEM;
    if (role->receives && !slots_complete(self, self->receives = slots_new(self, on_received)))
        return NNG_ENOMEM;
    return 0;
}

static int subscribe(struct socket *self)
{
    int code = 0;
    for (const char *const *topic = self->request.topics; topic && *topic && !code; topic++)
        code = nng_socket_set(self->id, NNG_OPT_SUB_SUBSCRIBE, *topic, strlen(*topic));
    return code;
}

static int set_queue(struct socket *self, struct sp_queue *queue, bool has, const char *option, uint32_t least)
{
    uint32_t messages = self->request.queue_messages;
    if (!has)
        return 0;
    sp_queue_init(queue, messages < least ? least : messages, self->request.queue_bytes);
    return nng_socket_set_int(self->id, option, (int)queue->length);
}

/* Everything that must hold before the socket has an endpoint: above all the receive limit, without which eight bytes from
 * anybody end the process. */
static int configure(struct socket *self)
{
    const struct sp_role *role = self->role;
    bool publishes = self->request.role == LEAT_ROLE_PUBLISHER, subscribes = self->request.role == LEAT_ROLE_SUBSCRIBER;
    bool receive_queue = role->receive_queue && !(role->raw && sp_older_than(1, 6)); /* it made the senders wait then */
    int code = nng_socket_set_size(self->id, NNG_OPT_RECVMAXSZ, self->request.receive_limit);
    if (!code)
        code = set_queue(self, &self->send_queue, role->send_queue, NNG_OPT_SENDBUF, publishes);
    if (!code)
        code = set_queue(self, &self->receive_queue, receive_queue, NNG_OPT_RECVBUF, subscribes || role->raw);
    if (!code && publishes && role->pace.window)
        code = nng_socket_set_int(self->id, NNG_OPT_SENDBUF, (int)role->pace.queue);
    if (!code && subscribes)
        code = subscribe(self);
    return code;
}

/* The pipe that a raw header begins with: where an answer goes, or where a bus message came from. 0: none; no pipe has that. */
static uint32_t pipe_in_header(const struct socket *self, const struct leat_packet *packet)
{
    const uint8_t *h = packet->header;
    bool names_one = packet->header_len >= sizeof(uint32_t) && self->request.role != LEAT_ROLE_SURVEYOR;
    return names_one ? (uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3] : 0;
}

static void give(void *of, uint32_t slot)
{
    struct socket *self = of;
    struct slot *mine = &self->sends[slot];
    if (self->books.drops)
        sp_books_offer(&self->books, mine->packet->len, pipe_in_header(self, mine->packet));
    nng_aio_set_msg(mine->aio, mine->packet->engine);
    nng_send_aio(self->id, mine->aio);
}

/* What stands between a send and its completion where nng alone would say too much. */
static int prepare_sends(struct socket *self)
{
    const struct leat_socket_request *request = &self->request;
    uint32_t queue = self->role->send_queue ? request->queue_messages : 0;
    if (self->role->sends_early)
        return sp_proof_init(&self->proof, self->id, request->depth, queue, &self->peers, report, self);
    if (self->role->pace.window == 0)
        return 0;
    uint64_t bytes = request->queue_bytes ? request->queue_bytes : PIPE_BYTES;
    return sp_pace_init(&self->pace, &self->role->pace, request->depth, bytes, give, report, self);
}

static void socket_free(struct socket *self)
{
    slots_free(self, self->sends);
    slots_free(self, self->receives);
    nng_aio_free(self->at_once);
    sp_proof_fini(&self->proof);
    sp_pace_fini(&self->pace);
    sp_books_fini(&self->books);
    sp_peers_fini(&self->peers);
    free(self);
}

/* How many messages nng keeps for a pipe before it drops some; 0: it makes the sender wait. */
static uint32_t room_of_pipe(const struct socket *self)
{
    const struct sp_role *role = self->role;
    return role->sends_at_once ? self->send_queue.length : role->pace.to_all ? role->pace.queue : 0;
}

int32_t sp_open(void **socket, const struct leat_host *host, const struct leat_socket_request *request)
{
    const struct sp_role *role = sp_role(request->role, request->flags);
    if (!role || role->raw != (request->raw != 0))
        return -ENOTSUP;
    if (request->depth == 0 || request->receive_limit == 0)
        return -EINVAL;
    struct socket *self = calloc(1, sizeof *self);
    if (!self)
        return -ENOMEM;
    self->role = role;
    self->request = *request;
    sp_start();
    int code = role->open(&self->id);
    if (code) {
        free(self);
        return sp_error(code);
    }
    code = sp_peers_init(&self->peers, self->id, request->peers, request->context);
    self->peers.receives = role->receives;
    sp_peers_ask(&self->peers, host);
    sp_peers_watch(&self->peers, on_pipe, self);
    if (!code)
        code = configure(self);
    if (!code)
        code = sp_books_init(&self->books, &self->peers, room_of_pipe(self), !role->pace.for_ever);
    if (!code)
        code = make_slots(self);
    if (!code)
        code = prepare_sends(self);
    if (code) {
        nng_close(self->id);
        socket_free(self);
        return sp_error(code);
    }
    *socket = self;
    return 0;
}

static void cancel_all(struct slot *slots, uint32_t depth)
{
    for (uint32_t i = 0; slots && i < depth; i++)
        nng_aio_cancel(slots[i].aio);
}

/* What is queued is cancelled first: nng_close may wait for ever for a pipe (nng to 1.12), and completes nothing before it. */
void sp_close(void *socket)
{
    struct socket *self = socket;
    sp_proof_close(&self->proof);
    sp_pace_close(&self->pace);
    cancel_all(self->sends, self->request.depth);
    if (!self->role->no_cancel)
        cancel_all(self->receives, self->request.depth);
    nng_close(self->id);
    socket_free(self);
}

uint64_t sp_native(void *socket)
{
    const struct socket *self = socket;
    return self->id.id;
}

int32_t sp_list_peers(void *socket, struct leat_peer *peers, uint32_t max)
{
    struct socket *self = socket;
    return sp_peers_list(&self->peers, peers, max);
}

int32_t sp_list_books(void *socket, struct leat_peer_books *books, uint32_t max)
{
    struct socket *self = socket;
    return sp_books_list(&self->books, books, max);
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

/* nng zeroes a body that it hands out, and has no cheaper way: growing an empty message allocates twice. Measured on 1.5.2,
 * either is 50 ns at 64 B and within 10 % of the copy that follows from 16 KiB. */
int32_t sp_alloc(void *socket, struct leat_packet *packet, uint64_t len)
{
    (void)socket;
    nng_msg *message;
    int code = nng_msg_alloc(&message, len);
    if (code)
        return sp_error(code);
    *packet = (struct leat_packet){.engine = message, .data = nng_msg_body(message), .len = len};
    return 0;
}

void sp_drop(void *socket, struct leat_packet *packet)
{
    (void)socket;
    if (packet->engine) /* none: a send that was cancelled after nng had taken the message */
        nng_msg_free(packet->engine);
    packet->engine = NULL;
}

static int set_header(nng_msg *message, const struct leat_packet *packet)
{
    nng_msg_header_clear(message); /* of an earlier try */
    return packet->header_len ? nng_msg_header_append(message, packet->header, packet->header_len) : 0;
}

/* nng's publisher never waits, so its completion needs no thread: an aio without a callback is over when nng_send_aio
 * returns. Its message is gone then; the aio still points to it. */
static int32_t send_at_once(struct socket *self, uint32_t slot, struct leat_packet *packet)
{
    sp_books_offer(&self->books, packet->len, 0);
    nng_aio_set_msg(self->at_once, packet->engine);
    nng_send_aio(self->id, self->at_once);
    nng_aio_wait(self->at_once);
    int code = nng_aio_result(self->at_once);
    if (code == 0)
        packet->engine = NULL;
    self->request.sent(self->request.context, slot, sp_error(code));
    return 0;
}

int32_t sp_send(void *socket, uint32_t slot, struct leat_packet *packet)
{
    struct socket *self = socket;
    if (slot >= self->request.depth || !self->role->sends)
        return -EINVAL;
    int code = set_header(packet->engine, packet);
    if (code)
        return sp_error(code);
    uint32_t length = self->send_queue.messages ? sp_queue_note(&self->send_queue, packet->len) : 0;
    if (length) {
        nng_socket_set_int(self->id, NNG_OPT_SENDBUF, (int)length);
        sp_books_shrink(&self->books, length);
    }
    if (self->at_once)
        return send_at_once(self, slot, packet);
    self->sends[slot].packet = packet;
    if (self->role->pace.window) {
        sp_pace_send(&self->pace, slot, pipe_in_header(self, packet), packet->len);
        return 0;
    }
    if (self->role->sends_early)
        self->sends[slot].ticket = sp_proof_submit(&self->proof, slot);
    give(self, slot);
    return 0;
}

int32_t sp_receive(void *socket, uint32_t slot, struct leat_packet *packet)
{
    struct socket *self = socket;
    if (slot >= self->request.depth || !self->receives)
        return -EINVAL;
    struct slot *mine = &self->receives[slot];
    uint32_t length = self->receive_queue.messages ? sp_queue_note(&self->receive_queue, mine->len) : 0;
    if (length)
        nng_socket_set_int(self->id, NNG_OPT_RECVBUF, (int)length);
    packet->engine = NULL;
    mine->packet = packet;
    atomic_fetch_add_explicit(&self->peers.waiting, 1, memory_order_relaxed);
    nng_recv_aio(self->id, mine->aio);
    return 0;
}
