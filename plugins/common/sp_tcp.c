#include "common/sp_tcp.h"

#include "common/inet.h"

#include <errno.h>

int32_t sp_tcp_check(const struct leat_host *host, const struct leat_endpoint *endpoint)
{
    struct inet_address address;
    char why[256];
    int error = inet_address_parse(&address, endpoint->url, endpoint->listen, why, sizeof why);
    if (!error && endpoint->listen && address.port && !endpoint->served)
        error = inet_address_try(&address, why, sizeof why);
    if (error)
        host->blame(host->context, endpoint->listen ? "listen" : "dial", why);
    return error ? -EINVAL : 0;
}

/* nng gives WebSocket endpoints TCP_NODELAY itself, and has no way to choose. */
static int unless_unsupported(int code)
{
    return code == NNG_ENOTSUP ? 0 : code;
}

int sp_tcp_tune_listener(nng_listener listener, const struct sp_tcp *tcp)
{
    int code = unless_unsupported(nng_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, tcp->nodelay));
    return code ? code : unless_unsupported(nng_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, tcp->keepalive));
}

int sp_tcp_tune_dialer(nng_dialer dialer, const struct sp_tcp *tcp)
{
    int code = unless_unsupported(nng_dialer_set_bool(dialer, NNG_OPT_TCP_NODELAY, tcp->nodelay));
    return code ? code : unless_unsupported(nng_dialer_set_bool(dialer, NNG_OPT_TCP_KEEPALIVE, tcp->keepalive));
}
