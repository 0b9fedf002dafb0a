#include "common/sp_ws.h"

#include "common/sp_error.h"
#include "common/sp_origin.h"
#include "common/sp_ws_headers.h"

#include <errno.h>
#include <nng/transport/ws/websocket.h>
#include <stdlib.h>

/* What the tuning of an endpoint needs; stands in for the transport's options while it is attached. */
struct tuning {
    const struct sp_ws *ws;
    const struct sp_attach *attach;
};

/* nng takes one frame of at most 1 MiB unless told otherwise, and a browser may send a message as one frame: the limit of a
 * message, which nng has from the socket, is the limit of a frame too. */
static int tune_listener(nng_listener listener, const void *of)
{
    const struct tuning *tuning = of;
    const struct sp_ws *ws = tuning->ws;
    size_t limit = 0;
    int code = nng_listener_get_size(listener, NNG_OPT_RECVMAXSZ, &limit);
    if (!code)
        code = nng_listener_set_size(listener, NNG_OPT_WS_RECVMAXFRAME, limit);
    if (!code)
        code = nng_listener_set_bool(listener, NNG_OPT_WS_RECV_TEXT, true);
    if (!code)
        code = nng_listener_set_bool(listener, NNG_OPT_WS_SEND_TEXT, ws->text);
    if (!code && ws->subprotocol)
        code = nng_listener_set_string(listener, NNG_OPT_WS_PROTOCOL, ws->subprotocol);
    if (!code && tuning->attach->tune_listener)
        code = tuning->attach->tune_listener(listener, tuning->attach->endpoint->options);
    return code;
}

static int set_headers(nng_dialer dialer, const char *const *items)
{
    if (!items || !items[0])
        return 0;
    char *text = sp_ws_headers_text(items);
    int code = text ? nng_dialer_set_string(dialer, NNG_OPT_WS_REQUEST_HEADERS, text) : NNG_ENOMEM;
    free(text);
    return code;
}

static int tune_dialer(nng_dialer dialer, const void *of)
{
    const struct tuning *tuning = of;
    const struct sp_ws *ws = tuning->ws;
    size_t limit = 0;
    int code = nng_dialer_get_size(dialer, NNG_OPT_RECVMAXSZ, &limit);
    if (!code)
        code = nng_dialer_set_size(dialer, NNG_OPT_WS_RECVMAXFRAME, limit);
    if (!code)
        code = nng_dialer_set_bool(dialer, NNG_OPT_WS_RECV_TEXT, true);
    if (!code)
        code = nng_dialer_set_bool(dialer, NNG_OPT_WS_SEND_TEXT, ws->text);
    if (!code && ws->subprotocol)
        code = nng_dialer_set_string(dialer, NNG_OPT_WS_PROTOCOL, ws->subprotocol);
    if (!code)
        code = set_headers(dialer, ws->headers);
    if (!code && tuning->attach->tune_dialer)
        code = tuning->attach->tune_dialer(dialer, tuning->attach->endpoint->options);
    return code;
}

int32_t sp_ws_attach(const struct sp_attach *attach, const struct leat_host *host, const struct sp_ws *ws)
{
    const struct tuning tuning = {.ws = ws, .attach = attach};
    struct leat_endpoint endpoint = *attach->endpoint;
    endpoint.options = &tuning;
    struct sp_attach tuned = *attach;
    tuned.endpoint = &endpoint;
    tuned.tune_listener = tune_listener;
    tuned.tune_dialer = tune_dialer;
    char *url = NULL;
    if (endpoint.listen && ws->origins && ws->origins[0]) {
        url = sp_origin_url(endpoint.url, ws->origins);
        if (!url)
            return sp_explain(attach->explain, attach->explain_size, endpoint.url, NNG_ENOMEM, attach->in_use);
        tuned.url = url;
    }
    int32_t error = sp_attach(&tuned, host);
    free(url);
    return error;
}
