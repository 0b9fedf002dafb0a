/* Implementing a transport plugin: how a URL is dialled or listened at, and the sockets behind it.
 *
 * A socket belongs to an engine and plays one role. All transports whose `family` is the same string share sockets, so that
 * one socket can listen on tcp, tls and ws at once: the first transport of a bridge opens it, the others only add
 * endpoints to it through its `native` handle. What `native` is, the family says ("sp/1": the nng socket's id).
 *
 * Moving messages is asynchronous and works with slots that the lane owns: `depth` of them for each direction. The lane
 * fills a slot, submits it, and gets exactly one completion for it, from any thread of the engine, also when it fails or
 * the socket closes. Sends are submitted by one thread at a time and go out in the order of submission; receives are
 * completed so that slot order of submission is message order. Nothing here blocks, except where it says so. */
#ifndef LEAT_PLUGIN_TRANSPORT_H
#define LEAT_PLUGIN_TRANSPORT_H

#include <leat/error.h>
#include <leat/plugin/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a socket is in its pattern. */
enum leat_role {
    LEAT_ROLE_PUBLISHER = 1,
    LEAT_ROLE_SUBSCRIBER,
    LEAT_ROLE_PUSHER,
    LEAT_ROLE_PULLER,
    LEAT_ROLE_REQUESTER,
    LEAT_ROLE_REPLIER,
    LEAT_ROLE_SURVEYOR,
    LEAT_ROLE_RESPONDENT,
    LEAT_ROLE_BUS,
    LEAT_ROLE_PAIR0,
    LEAT_ROLE_PAIR1
};

#define LEAT_HEADER_MAX 64 /* bytes of protocol header, in raw sockets */

/* A message on its way through a socket. The engine owns the memory behind it. */
struct leat_packet {
    void *data; /* body, `len` bytes */
    uint64_t len;
    void *engine;                    /* the engine's own; NULL: no message here */
    uint32_t header_len;             /* protocol header of raw sockets, bytes */
    uint32_t peer;                   /* received: which peer, 0 unknown */
    uint8_t header[LEAT_HEADER_MAX]; /* its first header_len bytes */
};

/* Since minor 2, for a role whose socket drops what a peer is too slow for: sends wait for the slowest peer instead, for as long as it
 * takes. */
#define LEAT_SOCKET_WAIT 1u

/* What a socket is to be; filled by the pattern and the bridge. */
struct leat_socket_request {
    uint32_t size;
    uint32_t role;             /* enum leat_role */
    uint32_t raw;              /* 1: headers are the pattern's business */
    uint32_t depth;            /* slots for each direction */
    uint64_t receive_limit;    /* largest message accepted from the network, bytes; never 0 */
    uint32_t queue_messages;   /* for each peer, where the role has such a queue */
    uint32_t flags;            /* LEAT_SOCKET_...; an engine that does not know one acts as if it were not set */
    uint64_t queue_bytes;      /* bound on the same queue: it holds at most queue_bytes / largest message seen */
    const char *const *topics; /* subscriber: NULL-terminated prefixes; "" is everything */
    void *context;             /* first argument of the calls back */

    /* Calls back, from any thread; they return soon and call nothing that closes. `status`: 0 or a negative errno. After a
     * failed send the packet is still the lane's; after a successful one it is gone. `sent` may be called from inside
     * send(), before it returns: hold no lock around send() that `sent` takes. */
    void (*sent)(void *context, uint32_t slot, int32_t status);
    void (*received)(void *context, uint32_t slot, int32_t status);
    void (*peers)(void *context, uint32_t connected); /* how many peers there are now */
};

/* An address of a socket, as configured. */
struct leat_endpoint {
    uint32_t size;
    uint32_t listen;     /* 1 listen, 0 dial */
    const char *url;     /* whole, with its scheme */
    const void *options; /* the transport's options struct */
    uint32_t served;     /* in check(): 1: this very gateway listens there now; that it is in use is no news then */
    uint32_t reserved;
};

/* An endpoint's or a peer's condition, for people. */
struct leat_peer {
    uint32_t size;
    uint32_t id;       /* as leat_packet.peer */
    char address[108]; /* text */
    uint32_t counted;  /* 1: the counters are real; 0: this transport has none */
    uint64_t sent_messages, received_messages, sent_bytes, received_bytes;
};

/* The books of a peer, from its connection on, for leat_transport_ops.books. Where the socket drops what a peer is too slow for,
 * offered = sent + lost + queued holds for each peer that is counted. `size` is set by the host, in each element: an engine writes no
 * more of one than that, and finds the next one so many bytes further on. */
struct leat_peer_books {
    uint32_t size;
    uint32_t id;       /* as leat_packet.peer */
    uint32_t counted;  /* 0: this transport has no counters, and nobody knows what was sent or lost */
    uint32_t may_lose; /* 1: the socket drops what this peer is too slow for; 0: it waits, and `offered` is 0 */
    uint32_t left;     /* 1: it is gone, and this is told for the last time; `queued` went with it */
    uint32_t queue;    /* how many messages may wait for it at most, where it may lose */
    char address[112]; /* text */
    char name[64];     /* of its certificate, as far as it fits; "": none */
    int64_t since_ns;  /* CLOCK_MONOTONIC, when it came */
    int64_t until_ns;  /* likewise, when it left */
    uint64_t offered_messages, offered_bytes; /* messages that were to go to it */
    uint64_t sent_messages, sent_bytes;
    uint64_t lost_messages, lost_bytes;     /* at least so many; never fewer than before */
    uint64_t queued_messages, queued_bytes; /* the rest: waiting, or lost where it cannot be told yet */
    uint64_t received_messages, received_bytes;
};

/* The functions of a transport plugin. */
struct leat_transport_ops {
    uint32_t size;
    uint32_t asks; /* since minor 2: 1: leat_host.admit of the host given to open() is asked before any peer is added */
    const char *schemes; /* separated by '|': "tcp|tcp4|tcp6" */
    const char *family;  /* who shares sockets: "sp/1" */

    /* Optional. Looks for what is wrong with a URL and its options (syntax; a port in use or an address that is not here
     * when listening) and blames "listen" or "dial". Leaves nothing behind. 0, or -EINVAL after a blame. */
    int32_t (*check)(const struct leat_host *host, const struct leat_endpoint *endpoint);

    /* Opens a socket. -ENOTSUP when the engine does not have that role. */
    int32_t (*open)(void **socket, const struct leat_host *host, const struct leat_socket_request *request);

    /* What attach() of every transport of the family takes for this socket. */
    uint64_t (*native)(void *socket);

    /* Adds an endpoint to a socket of this family. Listening works or fails now (-EADDRINUSE, -EACCES, -EINVAL, ...);
     * dialling goes on in the background for ever, with jittered backoff. `explain` (at least 256 bytes) gets a sentence. */
    int32_t (*attach)(uint64_t native, const struct leat_host *host, const struct leat_endpoint *endpoint,
                      char *explain, uint64_t explain_size);

    /* Makes room for a body of `len` bytes in *packet. 0 or -ENOMEM. drop() gives it back unsent. */
    int32_t (*alloc)(void *socket, struct leat_packet *packet, uint64_t len);
    void (*drop)(void *socket, struct leat_packet *packet);

    /* Submits a send; `packet` must stay put until its completion. 0: a completion will come, or has come already (see
     * leat_socket_request.sent); otherwise nothing happened. */
    int32_t (*send)(void *socket, uint32_t slot, struct leat_packet *packet);
    /* Submits a receive; the completion has filled *packet, which is then the lane's to drop(). */
    int32_t (*receive)(void *socket, uint32_t slot, struct leat_packet *packet);

    /* Fills at most `max` peers and returns how many there are. Optional. */
    int32_t (*list_peers)(void *socket, struct leat_peer *peers, uint32_t max);

    /* Ends everything that is submitted with -ECANCELED, and then the socket. May hang where the engine does: the host calls
     * it on a thread that may be abandoned. */
    void (*close)(void *socket);

    /* Optional: whether the engine itself still works, by trying; may block up to timeout_ns. 0 or -ETIMEDOUT. */
    int32_t (*probe)(const struct leat_host *host, int64_t timeout_ns);

    /* Optional, since minor 2: the books of every peer that is there, and once more of each that left since the last call. Fills at
     * most `max` and returns how many there are; where that is more, nothing counts as told. One thread at a time. */
    int32_t (*books)(void *socket, struct leat_peer_books *books, uint32_t max);
};

#ifdef __cplusplus
}
#endif
#endif
