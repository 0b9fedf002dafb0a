/* The WebSocket side of a transport of this family: what ws and wss share. A plugin that offers them has a member `ws` of
 * this kind in its options, SP_WS_ROWS among its rows, and calls the functions below for such an endpoint.
 *
 * A message is one binary WebSocket message without anything before it; the listener's protocol is the sub-protocol of the
 * handshake ("pub.sp.nanomsg.org"), and the client must name exactly that one. */
#ifndef LEAT_SP_WS_H
#define LEAT_SP_WS_H

#include "common/sp_attach.h"

#include <stdbool.h>

struct sp_ws {
    const char *const
        *headers; /* "NAME: VALUE"; what has no such start belongs to the value before it, after a comma */
    const char *const *origins; /* of pages that may connect; empty: any */
    const char *subprotocol;    /* NULL: the pattern's */
    uint32_t text, accept_unsafe_nng;
};

/* Rows of an options struct whose member `ws` is a struct sp_ws. */
#define SP_WS_ROWS(structure)                                                                                         \
    LEAT_OPTION_FULL(structure, ws.headers, "headers", LEAT_OPTION_LIST, LEAT_OPTION_SECRET, NULL, 0, 0, NULL,        \
                     "WebSocket, when dialling: headers of the HTTP request, as 'NAME: VALUE', separated by commas. " \
                     "A comma within a value may stay as it is."),                                                    \
        LEAT_OPTION(structure, ws.origins, "origins", LEAT_OPTION_LIST, NULL,                                         \
                    "WebSocket, when listening: the web pages that may connect, by their origin, such as "            \
                    "https://desk.example or http://localhost:8000. Others are disconnected at once. Programs that "  \
                    "are no browsers send no origin and may always connect. Not set: every page may."),               \
        LEAT_OPTION(structure, ws.subprotocol, "subprotocol", LEAT_OPTION_TEXT, NULL,                                 \
                    "WebSocket: the sub-protocol of the handshake. Not set: the listening end's protocol, such as "   \
                    "pub.sp.nanomsg.org, as every nng program wants it. When listening it may be several, separated " \
                    "by blanks, of which a client names one."),                                                       \
        LEAT_OPTION(structure, ws.text, "text", LEAT_OPTION_BOOL, "no",                                               \
                    "WebSocket: send text messages instead of binary ones. Every message must be UTF-8 then: a "      \
                    "browser hangs up on the first that is not. Text is accepted in any case."),                      \
        LEAT_OPTION(structure, ws.accept_unsafe_nng, "accept_unsafe_nng", LEAT_OPTION_BOOL, "no",                     \
                    "WebSocket, when listening with an nng older than 1.6 on an address that other hosts reach: do "  \
                    "so although one request from anybody there can corrupt the memory of the bridge's process.")

/* Whether a URL's scheme is ws, wss, or either with 4 or 6. */
bool sp_ws_is_url(const char *url);

/* As leat_transport_ops.check for such a URL: host, port, path and all of *ws. `plugin` is the prefix of its options. Does not
 * look at the rest of the options. 0, or -EINVAL after a blame. */
int32_t sp_ws_check(const struct leat_host *host, const struct leat_endpoint *endpoint, const struct sp_ws *ws,
                    const char *plugin);

/* As sp_attach, with everything set that *ws says, before attach->tune_listener or tune_dialer is asked. The log says which
 * port it became where any free one was asked for. */
int32_t sp_ws_attach(const struct sp_attach *attach, const struct leat_host *host, const struct sp_ws *ws);

#endif
