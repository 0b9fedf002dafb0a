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

/* Directions, also as masks. */
#define LEAT_OUT 1u
#define LEAT_IN 2u
#define LEAT_BOTH 3u

/* Why a message was dropped. The books: read = forwarded + dropped, by reason, + returned + in flight. */
enum leat_reason {
    LEAT_FORWARD = 0,    /* not dropped */
    LEAT_DROP_LAPPED,    /* overwritten in the channel before it was read; counted by the lane */
    LEAT_DROP_SLOW_PEER, /* a peer could not keep up */
    LEAT_DROP_NO_PEER,   /* nobody was there */
    LEAT_DROP_FILTERED,  /* the pattern's rules say that it does not go */
    LEAT_DROP_OVERSIZE,  /* too large for the other side */
    LEAT_DROP_EXPIRED,   /* its time limit had passed */
    LEAT_DROP_DENIED,    /* who sent it may not */
    LEAT_DROP_LOOP,      /* it has been here before */
    LEAT_DROP_MALFORMED, /* not a message as it has to be */
    LEAT_DROP_ERROR,     /* something failed: memory, the engine, the plugin */
    LEAT_DROP_SHUTDOWN,  /* a stop came first; counted by the lane */
    LEAT_DROP_UNKNOWN,   /* an answer to nothing that was ever asked */
    LEAT_DROP_DUPLICATE, /* it came a second time: an answer where one is due, a message that a channel showed twice */
    LEAT_REASON_COUNT    /* how many there are */
};

/* Since minor 1, from outward() beside the reasons: the message is kept back, see leat_outward.hold_key. A pattern that returns it
 * has needs_minor = 1. */
#define LEAT_HOLD (-1)
#define LEAT_HOLD_KEYS 65536u

/* The bridge that a pattern serves. */
struct leat_bridge_view {
    uint32_t size;
    uint32_t direction;     /* LEAT_OUT, LEAT_IN, LEAT_BOTH */
    uint32_t channel_count; /* in `channel = A, B, ...` */
    uint32_t reserved;
    const char *const *channel_names; /* the part after "://" */
    const char *reply_channel_name;   /* NULL: the bridge has none */
    const char *gateway_name, *name;  /* of the bridge */
    uint32_t keeps;                   /* LEAT_CHANNEL_KEEPS_...: what all of its channels keep */
    uint32_t reserved2;
};

/* What goes out: `prefix` before the message's bytes, and a protocol header for raw sockets. */
struct leat_outward {
    const void *prefix;  /* stays valid until the instance is destroyed */
    uint64_t prefix_len; /* bytes */
    uint32_t header_len; /* bytes of `header` */
    uint32_t hold_key;   /* LEAT_HOLD: below LEAT_HOLD_KEYS */
    uint8_t header[LEAT_HEADER_MAX];
    /* LEAT_HOLD: the message goes out at this time (host->now_ns; it may have passed), unless a newer one of the channel is held
     * under the same key before that: then this one is dropped as filtered. Until then it is in flight, and a reader's stored
     * position stays behind it. It goes earlier when the bridge stops, or when too many bytes are held. */
    int64_t hold_until_ns;
};

/* What comes in: which channel gets it, how many leading bytes are not part of it, under which tag. */
struct leat_inward {
    uint32_t channel; /* index; 0 unless the bridge writes several */
    uint32_t reserved;
    uint64_t skip; /* leading bytes of the packet that do not reach the channel */
    uint64_t tag;  /* of the message in the channel */
};

/* The functions of a pattern plugin. */
struct leat_pattern_ops {
    uint32_t size;       /* sizeof(struct leat_pattern_ops) */
    uint32_t directions; /* a mask: LEAT_OUT, LEAT_IN */
    uint32_t duplex;     /* 1: also `direction = both`: one socket, an outward and an inward lane */
    uint32_t
        waits_for_peer; /* a mask: in these directions sending waits for a peer (pipeline), else the engine drops (pubsub) */
    uint32_t answers; /* 1: questions and answers, one socket and two lanes also with `direction = out` or `in` */
    uint32_t reserved;

    /* Optional. Pure: rules across options and channels; blames. 0 or -EINVAL. */
    int32_t (*check)(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *options);

    /* Makes the instance of a bridge. `host` and `options` stay valid as long as it, `bridge` only during the call. 0 or -errno. */
    int32_t (*create)(void **self, const struct leat_host *host, const struct leat_bridge_view *bridge,
                      const void *options);

    /* Fills role, raw, topics and queues of a zeroed request; what it points to lives as long as the instance. */
    int32_t (*socket)(void *self, struct leat_socket_request *request);

    /* Optional; without it everything passes as it is. Looks at a message on its way from channel number `channel` to the network and
     * says what goes before it. An enum leat_reason, or LEAT_HOLD. *out is zeroed before. Waits, logs and allocates nothing. */
    int32_t (*outward)(void *self, uint32_t channel, const struct leat_message *message, struct leat_outward *out);

    /* Optional, likewise: a message on its way from the network. An enum leat_reason; *in is zeroed before. */
    int32_t (*inward)(void *self, const struct leat_packet *packet, struct leat_inward *in);

    /* Frees the instance; no hook is running and none will. A worker that stops does not wait for this: it ends. */
    void (*destroy)(void *self);
};

#ifdef __cplusplus
}
#endif
#endif
