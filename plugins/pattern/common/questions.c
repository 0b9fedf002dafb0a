#include "common/questions.h"

#include "common/pending.h"
#include "common/wall.h"

#include <endian.h>
#include <errno.h>
#include <leat/plugin/channel.h>
#include <stdlib.h>
#include <string.h>

#define WORD 4                         /* bytes of one word in a header */
#define LAST_WORD UINT32_C(0x80000000) /* the bit that ends a header */
#define ID_MASK UINT64_C(0x7fffffff)   /* the rest of that word is the id */
#define TAG_MASK UINT64_MAX

struct questions {
    const struct questions_kind *kind;
    const struct leat_host *host;
    uint32_t direction;
    int64_t timeout_ns;
    struct pending *pending; /* of struct way with direction = in, of the requester's tag with out */
};

/* The way back to a peer. */
struct way {
    uint32_t len;
    uint8_t header[LEAT_HEADER_MAX];
};

static int64_t now_ns(const struct questions *self)
{
    return self->host->now_ns(self->host->context);
}

static uint32_t word_at(const uint8_t *header, uint32_t offset)
{
    uint32_t word;
    memcpy(&word, header + offset, WORD);
    return be32toh(word);
}

/* ---- from peers to local repliers, and back ----------------------------------------------------------------------- */

static bool is_way_back(const struct leat_packet *packet)
{
    uint32_t len = packet->header_len;
    return len >= 2 * WORD && len <= LEAT_HEADER_MAX && len % WORD == 0 &&
           (word_at(packet->header, len - WORD) & LAST_WORD);
}

static int32_t take_question(struct questions *self, const struct leat_packet *packet, struct leat_inward *in)
{
    if (!is_way_back(packet))
        return LEAT_DROP_MALFORMED;
    struct way way = {.len = packet->header_len};
    memcpy(way.header, packet->header, way.len);
    int64_t now = now_ns(self);
    return pending_open(self->pending, &way, now, now + self->timeout_ns, &in->tag) ? LEAT_FORWARD
                                                                                    : LEAT_DROP_SLOW_PEER;
}

static int32_t give_answer(struct questions *self, const struct leat_message *message, struct leat_outward *out)
{
    struct way way;
    int32_t reason =
        (int32_t)pending_answer(self->pending, message->tag, now_ns(self), !self->kind->many_answers, &way);
    if (reason != LEAT_FORWARD)
        return reason;
    out->header_len = way.len;
    memcpy(out->header, way.header, way.len);
    return LEAT_FORWARD;
}

/* ---- from local requesters to peers, and back --------------------------------------------------------------------- */

/* How long ago a message was published. A wall clock may have been set back since. */
static int64_t age_ns(const struct leat_message *message)
{
    uint64_t now = wall_ns();
    return now > message->time_ns ? (int64_t)(now - message->time_ns) : 0;
}

/* What waited in the channel for longer than the time limit (for a peer, or for this worker) is nobody's question any more. */
static int32_t put_question(struct questions *self, const struct leat_message *message, struct leat_outward *out)
{
    int64_t age = age_ns(message), now = now_ns(self);
    uint64_t id;
    if (age >= self->timeout_ns)
        return LEAT_DROP_EXPIRED;
    if (!pending_open(self->pending, &message->tag, now, now + self->timeout_ns - age, &id))
        return LEAT_DROP_SLOW_PEER;
    uint32_t word = htobe32((uint32_t)id | LAST_WORD);
    out->header_len = WORD;
    memcpy(out->header, &word, WORD);
    return LEAT_FORWARD;
}

static int32_t get_answer(struct questions *self, const struct leat_packet *packet, struct leat_inward *in)
{
    if (packet->header_len != WORD || !(word_at(packet->header, 0) & LAST_WORD))
        return LEAT_DROP_MALFORMED;
    uint64_t id = word_at(packet->header, 0) & ID_MASK;
    return (int32_t)pending_answer(self->pending, id, now_ns(self), !self->kind->many_answers, &in->tag);
}

/* ---- the instance ------------------------------------------------------------------------------------------------ */

int32_t questions_check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *options)
{
    (void)options;
    if (bridge->keeps & (LEAT_CHANNEL_KEEPS_METADATA | LEAT_CHANNEL_KEEPS_TAG))
        return 0;
    host->blame(host->context, "channel",
                "an answer finds its way by the tag, and one of the channels here keeps none; a channel of another "
                "format may keep one with an option of its own, as cppipc.tag = prefix");
    return -EINVAL;
}

int32_t questions_create(void **out, const struct questions_kind *kind, const struct leat_host *host,
                         const struct leat_bridge_view *bridge, const struct questions_options *options)
{
    struct questions *self = calloc(1, sizeof *self);
    if (!self)
        return -ENOMEM;
    bool in = bridge->direction == LEAT_IN;
    *self = (struct questions){
        .kind = kind, .host = host, .direction = bridge->direction, .timeout_ns = options->timeout_ns};
    int error = pending_new(&self->pending, (uint32_t)options->pending, in ? sizeof(struct way) : sizeof(uint64_t),
                            in ? TAG_MASK : ID_MASK);
    if (error) {
        free(self);
        return error;
    }
    *out = self;
    return 0;
}

int32_t questions_socket(void *of, struct leat_socket_request *request)
{
    const struct questions *self = of;
    request->role = self->direction == LEAT_IN ? self->kind->answering : self->kind->asking;
    request->raw = 1;
    return 0;
}

int32_t questions_outward(void *of, uint32_t channel, const struct leat_message *message, struct leat_outward *out)
{
    (void)channel;
    struct questions *self = of;
    return self->direction == LEAT_IN ? give_answer(self, message, out) : put_question(self, message, out);
}

int32_t questions_inward(void *of, const struct leat_packet *packet, struct leat_inward *in)
{
    struct questions *self = of;
    return self->direction == LEAT_IN ? take_question(self, packet, in) : get_answer(self, packet, in);
}

void questions_destroy(void *of)
{
    struct questions *self = of;
    if (self)
        pending_free(self->pending);
    free(self);
}
