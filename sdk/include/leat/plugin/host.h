/* What a plugin gets from its host: a table of services. Its functions may be called from any thread. */
#ifndef LEAT_PLUGIN_HOST_H
#define LEAT_PLUGIN_HOST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* For leat_host.log. */
enum leat_log_level { LEAT_LOG_ERROR = 0, LEAT_LOG_WARNING = 1, LEAT_LOG_INFO = 2, LEAT_LOG_DEBUG = 3 };

/* What a visitor is known by, for leat_visitor.knows. */
#define LEAT_VISITOR_ADDRESS 1u /* its network address; "": it has one, which nobody knows */
#define LEAT_VISITOR_USER 2u    /* the user that its process runs as */
#define LEAT_VISITOR_NAMES 4u   /* the names in its certificate, perhaps none */
#define LEAT_VISITOR_PEERS 8u   /* how many peers there are already */

/* Who wants to become a peer, as far as the asker knows, for leat_host.admit. */
struct leat_visitor {
    uint32_t size;
    uint32_t knows;           /* LEAT_VISITOR_...: what is judged now */
    const char *address;      /* text, as in leat_peer.address; never NULL */
    const char *const *names; /* NULL-terminated */
    uint32_t user;
    uint32_t peers;
};

/* One for each instance of a plugin: each channel, pattern and endpoint of a bridge gets its own, which stays valid as long as the
 * instance. */
struct leat_host {
    uint32_t size;
    uint32_t minor; /* of the interface that the host speaks */
    void *context;  /* hand it back as the first argument of every service */

    /* One line in the gateway's log, with the bridge's and the plugin's name before it. Never once per message. */
    void (*log)(void *context, int32_t level, const char *text);

    /* Blames an option of this plugin: the host adds file, line, section and value ("must not exceed burst"). `option` is
     * the name in the plugin's table, or a key of the bridge ("channel", "listen", "dial"). Only inside check(). */
    void (*blame)(void *context, const char *option, const char *text);

    /* Nanoseconds of CLOCK_MONOTONIC. */
    int64_t (*now_ns)(void *context);

    /* Since minor 2. When this endpoint's own certificate expires, nanoseconds of CLOCK_REALTIME (0: it has none), and why a changed
     * one is not used ("": it is, or none has changed). At attach, and whenever it changes. */
    void (*certificate)(void *context, int64_t expires_ns, const char *trouble);

    /* Since minor 2; NULL: everybody may. Whether a visitor may become a peer of the bridge: 0, or -EACCES, which the host has counted and told; then hang up.
     * An engine asks before it adds a peer (leat_transport_ops.asks); a transport that sees certificates asks during the
     * handshake, with the names alone. */
    int32_t (*admit)(void *context, const struct leat_visitor *visitor);
};

#ifdef __cplusplus
}
#endif
#endif
