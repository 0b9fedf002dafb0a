/* Implementing a pattern plugin: who may say what to whom. A pattern says which role the socket plays and which lanes the
 * bridge has, and looks at each message in two hooks. It is small: a table and two functions.
 *
 * Which channel the lanes read and write:
 *
 *                         outward lanes read     the inward lane writes
 *   direction = out       every `channel`        -                            answers: `reply_channel`
 *   direction = in        -                      the `channel` of the hook    answers: the outward lane reads `reply_channel`
 *   direction = both      `channel`              `reply_channel`, or `channel` where there is none
 *
 * A pattern that `answers` needs a `reply_channel` and takes one `channel`; others may have a `reply_channel` with `direction =
 * both` only. With `direction = both` on one channel the outward
 * lane also reads what the inward lane wrote: such a pattern marks it (leat_inward.tag) and drops it (LEAT_DROP_LOOP).
 *
 * Threads: create and destroy from the bridge's thread; outward() from its channel's lane, inward() from the inward lane, both at
 * once. Several outward lanes (one for each channel) may call outward() at once. */
#ifndef LEAT_PLUGIN_PATTERN_H
#define LEAT_PLUGIN_PATTERN_H

#include <leat/message.h>
#include <leat/plugin/plugin.h>
#include <leat/plugin/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEAT_OUT 1u
#define LEAT_IN 2u
#define LEAT_BOTH 3u

/* Why a message was dropped. The books: read = forwarded + dropped, by reason, + in flight. */
enum leat_reason {
    LEAT_FORWARD = 0, /* not dropped */
    LEAT_DROP_LAPPED,
    LEAT_DROP_SLOW_PEER,
    LEAT_DROP_NO_PEER,
    LEAT_DROP_FILTERED,
    LEAT_DROP_OVERSIZE,
    LEAT_DROP_EXPIRED,
    LEAT_DROP_DENIED,
    LEAT_DROP_LOOP,
    LEAT_DROP_MALFORMED,
    LEAT_DROP_ERROR,
    LEAT_DROP_SHUTDOWN,
    LEAT_DROP_UNKNOWN,   /* an answer to nothing that was ever asked */
    LEAT_DROP_DUPLICATE, /* a second answer where one is due */
    LEAT_REASON_COUNT
};

/* The bridge that a pattern serves. */
struct leat_bridge_view {
    uint32_t size;
    uint32_t direction; /* LEAT_OUT, LEAT_IN, LEAT_BOTH */
    uint32_t channel_count;
    uint32_t reserved;
    const char *const *channel_names; /* the part after "://" */
    const char *reply_channel_name;   /* NULL: the bridge has none */
    const char *gateway_name, *name;  /* of the bridge */
    uint32_t keeps;                   /* LEAT_CHANNEL_KEEPS_...: what all of its channels keep */
    uint32_t reserved2;
};

/* What goes out: `prefix` before the message's bytes, and a protocol header for raw sockets. */
struct leat_outward {
    const void *prefix; /* stays valid until the instance is destroyed */
    uint64_t prefix_len;
    uint32_t header_len;
    uint32_t reserved;
    uint8_t header[LEAT_HEADER_MAX];
};

/* What comes in: which channel gets it, how many leading bytes are not part of it, under which tag. */
struct leat_inward {
    uint32_t channel;
    uint32_t reserved;
    uint64_t skip;
    uint64_t tag;
};

struct leat_pattern_ops {
    uint32_t size;
    uint32_t directions; /* a mask: LEAT_OUT, LEAT_IN */
    uint32_t duplex;     /* 1: also `direction = both`: one socket, an outward and an inward lane */
    uint32_t
        waits_for_peer; /* a mask: in these directions sending waits for a peer (pipeline), else the engine drops (pubsub) */
    uint32_t
        answers; /* 1: questions and answers, one socket and two lanes also with `direction = out` or `in`, see below */
    uint32_t reserved;

    /* Optional. Pure: rules across options and channels; blames. 0 or -EINVAL. */
    int32_t (*check)(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *options);

    int32_t (*create)(void **self, const struct leat_host *host, const struct leat_bridge_view *bridge,
                      const void *options);
    /* Fills role, raw, topics and queues of a zeroed request; what it points to lives as long as the instance. */
    int32_t (*socket)(void *self, struct leat_socket_request *request);
    /* Each returns an enum leat_reason; *out and *in are zeroed before. NULL: everything passes as it is. */
    int32_t (*outward)(void *self, uint32_t channel, const struct leat_message *message, struct leat_outward *out);
    int32_t (*inward)(void *self, const struct leat_packet *packet, struct leat_inward *in);
    void (*destroy)(void *self);
};

#ifdef __cplusplus
}
#endif
#endif
