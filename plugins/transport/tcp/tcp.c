/* tcp: plain TCP, over IPv4 and IPv6. */
#include "common/sp_socket.h"
#include "common/sp_tcp.h"

#include <errno.h>
#include <leat/version.h>

struct options {
    struct sp_tcp tcp;
    struct sp_reconnect reconnect;
};

static const struct leat_option rows[] = {
    SP_TCP_ROWS(struct options),
    SP_RECONNECT_ROWS(struct options),
};

static int32_t check(const struct leat_host *host, const struct leat_endpoint *endpoint)
{
    const struct options *options = endpoint->options;
    int32_t error = sp_tcp_check(host, endpoint);
    if (!endpoint->listen && sp_check_reconnect(host, &options->reconnect) != 0)
        error = -EINVAL;
    return error;
}

static int tune_listener(nng_listener listener, const void *of)
{
    const struct options *options = of;
    return sp_tcp_tune_listener(listener, &options->tcp);
}

static int tune_dialer(nng_dialer dialer, const void *of)
{
    const struct options *options = of;
    return sp_tcp_tune_dialer(dialer, &options->tcp);
}

static int32_t attach(uint64_t native, const struct leat_host *host, const struct leat_endpoint *endpoint,
                      char *explain, uint64_t explain_size)
{
    const struct options *options = endpoint->options;
    const struct sp_attach attach = {
        .socket = {.id = (uint32_t)native},
        .endpoint = endpoint,
        .reconnect = &options->reconnect,
        .tune_listener = tune_listener,
        .tune_dialer = tune_dialer,
        .in_use = SP_TCP_IN_USE,
        .explain = explain,
        .explain_size = explain_size,
    };
    return sp_attach(&attach, host);
}

static const char reference[] =
    "tcp carries messages over TCP, in clear. Any nng program is a peer.\n"
    "\n"
    "URLs:\n"
    "    tcp://HOST:PORT     IPv4 or IPv6, whichever HOST resolves to first\n"
    "    tcp4://HOST:PORT    IPv4 only\n"
    "    tcp6://HOST:PORT    IPv6 only; an IPv6 address stands in brackets: tcp6://[::1]:5555\n"
    "When listening, an empty HOST or * means every address of this host, and port 0 means any free port (the log "
    "says\n"
    "which). A name is resolved when listening starts, and anew for each try when dialling.\n"
    "\n"
    "Listening works or fails at the start, with the reason. Dialling goes on in the background for ever: when the "
    "peer is\n"
    "not there or goes away, it is tried again after a random wait whose bound doubles from tcp.reconnect_min to\n"
    "tcp.reconnect_max.\n"
    "\n"
    "What it keeps: order, for each connection, and whole messages. What it cannot: tell whether the peer's program "
    "has\n"
    "taken a message. What lies in the kernel's buffers when a peer dies is lost with it. There is no encryption and "
    "no\n"
    "check of who connects: outside of a trusted network use tls+tcp.\n"
    "A peer that announces a message above the bridge's receive_limit is disconnected.\n"
    "\n"
    "Examples:\n"
    "\n"
    "    listen = tcp://127.0.0.1:5555\n"
    "    listen = tcp4://*:5555, tcp6://*:5556\n"
    "    dial   = tcp://collector.example:6000\n"
    "    tcp.keepalive = yes\n";

static const struct leat_transport_ops ops = {
    SP_OPS,
    .schemes = "tcp|tcp4|tcp6",
    .check = check,
    .attach = attach,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_TRANSPORT,
    .options_size = sizeof(struct options),
    .name = "tcp",
    .version = LEAT_VERSION,
    .summary = "TCP over IPv4 and IPv6, in clear",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .transport = &ops,
};
