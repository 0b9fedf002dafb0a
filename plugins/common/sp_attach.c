#include "common/sp_attach.h"

#include "common/inet.h"
#include "common/sp_error.h"
#include "common/sp_start.h"

#include <stdio.h>

#define NS_PER_MS INT64_C(1000000)

static int32_t explain(const struct sp_attach *attach, int code)
{
    return sp_explain(attach->explain, attach->explain_size, attach->endpoint->url, code, attach->in_use);
}

static const char *url_of(const struct sp_attach *attach)
{
    return attach->url ? attach->url : attach->endpoint->url;
}

int32_t sp_listen(const struct sp_attach *attach, nng_listener *listener)
{
    nng_listener made = NNG_LISTENER_INITIALIZER;
    sp_start();
    int code = nng_listener_create(&made, attach->socket, url_of(attach));
    if (code)
        return explain(attach, code);
    if (attach->tune_listener)
        code = attach->tune_listener(made, attach->endpoint->options);
    if (!code)
        code = nng_listener_start(made, 0);
    if (code) {
        nng_listener_close(made);
        return explain(attach, code);
    }
    *listener = made;
    return 0;
}

static void announce_port(const struct leat_host *host, const char *url, nng_listener listener)
{
    char text[384];
    int port = 0;
    struct inet_address address;
    if (inet_address_parse(&address, url, true, text, sizeof text) != 0 || address.port != 0 ||
        nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port) != 0)
        return;
    snprintf(text, sizeof text, "%.300s listens on port %d", url, port);
    host->log(host->context, LEAT_LOG_INFO, text);
}

static int set_reconnect(nng_dialer dialer, const struct sp_reconnect *reconnect)
{
    int code = nng_dialer_set_ms(dialer, NNG_OPT_RECONNMINT, (nng_duration)(reconnect->min_ns / NS_PER_MS));
    return code ? code : nng_dialer_set_ms(dialer, NNG_OPT_RECONNMAXT, (nng_duration)(reconnect->max_ns / NS_PER_MS));
}

int32_t sp_dial(const struct sp_attach *attach)
{
    nng_dialer dialer = NNG_DIALER_INITIALIZER;
    sp_start();
    int code = nng_dialer_create(&dialer, attach->socket, url_of(attach));
    if (code)
        return explain(attach, code);
    if (attach->reconnect)
        code = set_reconnect(dialer, attach->reconnect);
    if (!code && attach->tune_dialer)
        code = attach->tune_dialer(dialer, attach->endpoint->options);
    if (!code)
        code = nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
    if (code) {
        nng_dialer_close(dialer);
        return explain(attach, code);
    }
    return 0;
}

int32_t sp_attach(const struct sp_attach *attach, const struct leat_host *host)
{
    if (!attach->endpoint->listen)
        return sp_dial(attach);
    nng_listener listener;
    int32_t error = sp_listen(attach, &listener);
    if (!error)
        announce_port(host, attach->endpoint->url, listener);
    return error;
}

int32_t sp_check_reconnect(const struct leat_host *host, const struct sp_reconnect *reconnect)
{
    if (reconnect->max_ns >= reconnect->min_ns)
        return 0;
    host->blame(host->context, "reconnect_max", "must not be below reconnect_min");
    return -EINVAL;
}
