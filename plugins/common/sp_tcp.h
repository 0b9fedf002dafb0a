/* What transports over TCP share: tcp and tls. A plugin has a member `tcp` of this kind in its options, SP_TCP_ROWS among its rows, and
 * calls the functions below. */
#ifndef LEAT_SP_TCP_H
#define LEAT_SP_TCP_H

#include "common/sp_attach.h"

struct sp_tcp {
    uint32_t nodelay, keepalive;
};

/* Rows of an options struct whose member `tcp` is a struct sp_tcp. */
#define SP_TCP_ROWS(structure)                                                                                         \
    LEAT_OPTION(structure, tcp.nodelay, "nodelay", LEAT_OPTION_BOOL, "yes",                                            \
                "Send small messages at once (TCP_NODELAY) instead of collecting them in the kernel."),                \
        LEAT_OPTION(                                                                                                   \
            structure, tcp.keepalive, "keepalive", LEAT_OPTION_BOOL, "no",                                             \
            "Let the kernel ask an idle peer now and then whether it is still there (SO_KEEPALIVE), so that one that " \
            "vanished without a word is noticed in the end. How often is set in the kernel.")

#define SP_TCP_IN_USE "the port is already in use"

/* Blames a URL that is none of TCP's, and an address that cannot be listened at now. 0 or -EINVAL. */
int32_t sp_tcp_check(const struct leat_host *host, const struct leat_endpoint *endpoint);

/* For the tuning functions of struct sp_attach: 0 or nng's code. What WebSocket endpoints lack is left as nng has it. */
int sp_tcp_tune_listener(nng_listener listener, const struct sp_tcp *tcp);
int sp_tcp_tune_dialer(nng_dialer dialer, const struct sp_tcp *tcp);

#endif
