/* Questions and answers through a raw socket: the two hooks that request/reply and surveys share.
 *
 *     direction = in     peer's question -> inward()  keeps its header, the way back, under a tag -> `channel`
 *                        `reply_channel` -> outward() finds the header by the tag               -> peer
 *     direction = out    `channel` -> outward() keeps the requester's tag under an id            -> peer
 *                        peer's answer -> inward() finds the tag by the id                      -> `reply_channel`
 *
 * A peer's header is its pipe's id and the words that devices on the way have put there, the last of which has the top bit set;
 * an answer goes back with the same header. Our own is one such word. */
#ifndef LEAT_QUESTIONS_H
#define LEAT_QUESTIONS_H

#include <leat/plugin/pattern.h>

#define QUESTIONS_PENDING_DEFAULT "65536"
#define QUESTIONS_PENDING_MAX 1048576
#define QUESTIONS_TIMEOUT_DEFAULT "5s"
#define QUESTIONS_TIMEOUT_MIN_NS INT64_C(1000000)
#define QUESTIONS_TIMEOUT_MAX_NS INT64_C(86400000000000)

/* What a pattern of questions is. Roles are of enum leat_role. */
struct questions_kind {
    uint32_t asking, answering; /* the socket's role with direction = out, and in */
    uint32_t many_answers;      /* 1: every answer until the time limit, 0: the first one */
    uint32_t reserved;
};

/* What both patterns let people choose; each says in its own words what the options mean. */
struct questions_options {
    int64_t timeout_ns;
    int64_t pending; /* 1..QUESTIONS_PENDING_MAX */
};

/* The rules of such a pattern: its channels must keep tags. As leat_pattern_ops.check; `options` may be anything. */
int32_t questions_check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *options);

/* As the functions of leat_pattern_ops; `kind` outlives the instance. */
int32_t questions_create(void **self, const struct questions_kind *kind, const struct leat_host *host,
                         const struct leat_bridge_view *bridge, const struct questions_options *options);
int32_t questions_socket(void *self, struct leat_socket_request *request);
int32_t questions_outward(void *self, uint32_t channel, const struct leat_message *message, struct leat_outward *out);
int32_t questions_inward(void *self, const struct leat_packet *packet, struct leat_inward *in);
void questions_destroy(void *self);

#endif
