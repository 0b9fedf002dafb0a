#include "transport_calls.h"

#include "subject.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define OPS (&test_subject.plugin.transport)
#define QUEUE_MESSAGES 128
#define BUSY_CLOSE_NS (2 * TEST_S)

/* ---- roles ----------------------------------------------------------------------------------------------------------- */

bool role_sends(uint32_t role)
{
    return role != LEAT_ROLE_SUBSCRIBER && role != LEAT_ROLE_PULLER;
}

bool role_receives(uint32_t role)
{
    return role != LEAT_ROLE_PUBLISHER && role != LEAT_ROLE_PUSHER;
}

/* As the patterns of the gateway ask for them. */
static bool role_is_raw(uint32_t role)
{
    return role >= LEAT_ROLE_REQUESTER && role <= LEAT_ROLE_BUS;
}

const char *role_name(uint32_t role)
{
    static const char *const names[] = {"none",    "publisher", "subscriber", "pusher", "puller", "requester",
                                        "replier", "surveyor",  "respondent", "bus",    "pair 0", "pair 1"};
    return names[role < sizeof names / sizeof names[0] ? role : 0];
}

/* ---- completions ----------------------------------------------------------------------------------------------------- */

/* One completion of a slot that was submitted. */
static void complete(struct socket *self, const char *what, struct socket_slot *slots, uint32_t slot, int32_t status)
{
    test_require(slot < SOCKET_DEPTH, "%s() came for slot %u; there are %d", what, slot, SOCKET_DEPTH);
    test_require(!self->closed, "%s() came for slot %u after close() had returned", what, slot);
    test_require(slots[slot].busy, "%s() came for slot %u, which was not submitted or has completed already", what,
                 slot);
    test_require(status <= 0 && status > -4096, "%s() came with status %d; expected 0 or a negative errno", what,
                 status);
    slots[slot].busy = false;
    slots[slot].status = status;
    pthread_cond_broadcast(&self->changed);
}

static void on_sent(void *context, uint32_t slot, int32_t status)
{
    struct socket *self = context;
    pthread_mutex_lock(&self->lock);
    complete(self, "sent", self->sends, slot, status);
    self->sent += status == 0;
    self->failed += status != 0;
    if (status != 0)
        OPS->drop(self->socket, &self->sends[slot].packet); /* it is ours after a failure */
    pthread_mutex_unlock(&self->lock);
}

static void on_received(void *context, uint32_t slot, int32_t status)
{
    struct socket *self = context;
    pthread_mutex_lock(&self->lock);
    complete(self, "received", self->receives, slot, status);
    self->received += status == 0;
    self->receive_failed += status != 0;
    pthread_mutex_unlock(&self->lock);
}

static void on_peers(void *context, uint32_t connected)
{
    struct socket *self = context;
    pthread_mutex_lock(&self->lock);
    self->connected = connected;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

/* ---- opening and closing --------------------------------------------------------------------------------------------- */

static void post(struct socket *self, uint32_t slot)
{
    pthread_mutex_lock(&self->lock);
    self->receives[slot] = (struct socket_slot){.busy = true};
    pthread_mutex_unlock(&self->lock);
    test_enter("receive");
    int32_t result = OPS->receive(self->socket, slot, &self->receives[slot].packet);
    test_leave_in_time("receive");
    test_require(result == 0, "receive (%s) returned %s; expected 0 and a completion later", role_name(self->role),
                 test_errno(result));
}

int32_t socket_open(struct socket *self, uint32_t role)
{
    static const char *const everything[] = {"", NULL};
    memset(self, 0, sizeof *self);
    self->role = role;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    const struct leat_socket_request request = {.size = sizeof request,
                                                .role = role,
                                                .raw = role_is_raw(role),
                                                .depth = SOCKET_DEPTH,
                                                .receive_limit = SOCKET_LIMIT,
                                                .queue_messages = QUEUE_MESSAGES,
                                                .queue_bytes = 64 << 20,
                                                .topics = role == LEAT_ROLE_SUBSCRIBER ? everything : NULL,
                                                .context = self,
                                                .sent = on_sent,
                                                .received = on_received,
                                                .peers = on_peers};
    test_enter("open");
    int32_t result = OPS->open(&self->socket, subject_host(), &request);
    test_leave_in_time("open");
    test_result("open", result);
    for (uint32_t i = 0; result == 0 && role_receives(role) && i < SOCKET_DEPTH; i++)
        post(self, i);
    return result;
}

static void require_completed(const struct socket *self, const struct socket_slot *slots, const char *what)
{
    for (uint32_t i = 0; i < SOCKET_DEPTH; i++)
        test_require(!slots[i].busy, "close() returned, and a %s in slot %u (%s) never completed; expected -ECANCELED",
                     what, i, role_name(self->role));
}

void socket_close(struct socket *self)
{
    test_enter("close");
    OPS->close(self->socket);
    test_leave_in_time("close");
    pthread_mutex_lock(&self->lock);
    self->closed = true;
    pthread_mutex_unlock(&self->lock);
    require_completed(self, self->sends, "send");
    require_completed(self, self->receives, "receive");
    for (uint32_t i = 0; i < SOCKET_DEPTH; i++)
        if (role_receives(self->role) && self->receives[i].status == 0 && self->receives[i].packet.engine)
            OPS->drop(NULL, &self->receives[i].packet);
}

static bool has_completed(struct socket *self)
{
    bool all = true;
    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < SOCKET_DEPTH; i++)
        all &= !self->sends[i].busy && !self->receives[i].busy;
    pthread_mutex_unlock(&self->lock);
    return all;
}

struct closing {
    struct socket *self;
    atomic_bool done;
};

static void *close_aside(void *of)
{
    struct closing *closing = of;
    socket_close(closing->self);
    atomic_store(&closing->done, true);
    return NULL;
}

void socket_close_busy(struct socket *self)
{
    struct closing closing = {.self = self};
    pthread_t thread = test_thread(close_aside, &closing);
    for (int64_t until = test_now_ns() + BUSY_CLOSE_NS; !atomic_load(&closing.done); test_nap(TEST_MS)) {
        if (test_now_ns() < until)
            continue;
        test_require(has_completed(self),
                     "close did not return within 2 s, and not all that was submitted has completed");
        test_note(
            "close() did not return within 2 s; all that was submitted has completed, so a host leaves it behind");
        test_pass();
    }
    pthread_join(thread, NULL);
}

int32_t socket_attach(struct socket *self, const char *url, bool listen, const void *values, char *explain,
                      uint64_t explain_size)
{
    const struct leat_endpoint endpoint = {.size = sizeof endpoint, .listen = listen, .url = url, .options = values};
    explain[0] = '\0';
    test_enter("native");
    uint64_t native = OPS->native(self->socket);
    test_leave();
    test_enter("attach");
    int32_t result = OPS->attach(native, subject_host(), &endpoint, explain, explain_size);
    test_leave_in_time("attach");
    return test_result("attach", result);
}

/* ---- waiting --------------------------------------------------------------------------------------------------------- */

static struct timespec deadline(int64_t timeout_ns)
{
    int64_t at = test_now_ns() + timeout_ns;
    return (struct timespec){.tv_sec = at / TEST_S, .tv_nsec = at % TEST_S};
}

/* Waits under the lock. False: the deadline has come. */
static bool sleep_until(struct socket *self, const struct timespec *at)
{
    return pthread_cond_clockwait(&self->changed, &self->lock, CLOCK_MONOTONIC, at) == 0;
}

bool socket_await_peers(struct socket *self, bool some, int64_t timeout_ns)
{
    const struct timespec at = deadline(timeout_ns);
    pthread_mutex_lock(&self->lock);
    while ((self->connected > 0) != some && sleep_until(self, &at))
        ;
    bool there = (self->connected > 0) == some;
    pthread_mutex_unlock(&self->lock);
    return there;
}

bool socket_await_sends(struct socket *self, int64_t timeout_ns)
{
    const struct timespec at = deadline(timeout_ns);
    pthread_mutex_lock(&self->lock);
    while (self->sent + self->failed < self->next_send && sleep_until(self, &at))
        ;
    bool all = self->sent + self->failed == self->next_send;
    pthread_mutex_unlock(&self->lock);
    return all;
}

/* ---- messages -------------------------------------------------------------------------------------------------------- */

static unsigned char byte_of(uint64_t number, uint64_t at)
{
    return (unsigned char)(number * 31 + at * 7 + (at >> 8));
}

static void fill(struct leat_packet *packet, uint64_t number)
{
    unsigned char *bytes = packet->data;
    for (uint64_t i = 0; i < packet->len; i++)
        bytes[i] = byte_of(number, i);
    if (packet->len >= sizeof number)
        memcpy(packet->data, &number, sizeof number);
}

void socket_judge(const void *data, uint64_t got, uint64_t number, uint64_t len)
{
    const unsigned char *bytes = data;
    uint64_t came = number;
    if (got >= sizeof came)
        memcpy(&came, data, sizeof came);
    test_require(came == number, "message %" PRIu64 " came where %" PRIu64 " was due", came, number);
    test_require(got == len, "message %" PRIu64 " has %" PRIu64 " bytes; %" PRIu64 " were sent", number, got, len);
    for (uint64_t i = sizeof number; i < len; i++)
        test_require(bytes[i] == byte_of(number, i),
                     "byte %" PRIu64 " of message %" PRIu64 " (%" PRIu64 " bytes) is not what was sent", i, number,
                     len);
}

/* What a raw requester or surveyor sends before the body, so that an answer finds back: an id whose first bit is set. */
static void add_header(const struct socket *self, struct leat_packet *packet)
{
    if (self->role != LEAT_ROLE_REQUESTER && self->role != LEAT_ROLE_SURVEYOR)
        return;
    packet->header_len = 4;
    memcpy(packet->header, "\x80\0\0\1", 4);
}

static bool await_free(struct socket *self, struct socket_slot *slot, int64_t timeout_ns)
{
    const struct timespec at = deadline(timeout_ns);
    pthread_mutex_lock(&self->lock);
    while (slot->busy && sleep_until(self, &at))
        ;
    bool is_free = !slot->busy;
    pthread_mutex_unlock(&self->lock);
    return is_free;
}

/* The engine took nothing: the packet is still ours, and the send has failed at once. */
static void refuse(struct socket *self, struct socket_slot *slot, int32_t result)
{
    OPS->drop(self->socket, &slot->packet);
    pthread_mutex_lock(&self->lock);
    slot->busy = false;
    slot->status = result;
    self->failed++;
    pthread_mutex_unlock(&self->lock);
}

bool socket_send(struct socket *self, uint64_t number, uint64_t len, int64_t timeout_ns)
{
    uint32_t index = (uint32_t)(self->next_send % SOCKET_DEPTH);
    struct socket_slot *slot = &self->sends[index];
    if (!await_free(self, slot, timeout_ns))
        return false;
    *slot = (struct socket_slot){.busy = true};
    test_enter("alloc");
    int32_t result = OPS->alloc(self->socket, &slot->packet, len);
    test_leave_in_time("alloc");
    test_require(result == 0 || result == -ENOMEM, "alloc of %" PRIu64 " bytes returned %s; expected 0 or -ENOMEM", len,
                 test_errno(result));
    self->next_send++;
    if (result == 0) {
        fill(&slot->packet, number);
        add_header(self, &slot->packet);
        test_enter("send");
        result = OPS->send(self->socket, index, &slot->packet);
        test_leave_in_time("send");
    }
    if (result == 0)
        return true;
    refuse(self, slot, test_result("send", result));
    return true;
}

int64_t socket_receive(struct socket *self, struct leat_packet *header, void *data, uint64_t size, int64_t timeout_ns)
{
    uint32_t index = (uint32_t)(self->next_receive % SOCKET_DEPTH);
    struct socket_slot *slot = &self->receives[index];
    if (!await_free(self, slot, timeout_ns))
        return -ETIMEDOUT;
    self->next_receive++;
    if (slot->status)
        return slot->status;
    test_require(slot->packet.len == 0 || slot->packet.data,
                 "received() came with a packet of %" PRIu64 " bytes at NULL", slot->packet.len);
    test_require(slot->packet.header_len <= LEAT_HEADER_MAX, "received() came with a header of %u bytes",
                 slot->packet.header_len);
    int64_t len = (int64_t)slot->packet.len;
    *header = slot->packet;
    memcpy(data, slot->packet.data, slot->packet.len < size ? slot->packet.len : size);
    test_enter("drop");
    OPS->drop(self->socket, &slot->packet);
    test_leave_in_time("drop");
    post(self, index);
    return len;
}
