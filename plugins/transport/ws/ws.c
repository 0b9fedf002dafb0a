/* ws: WebSocket in clear, for browsers and for whatever only HTTP gets through to. */
#include "common/sp_socket.h"
#include "common/sp_ws.h"

#include <errno.h>
#include <leat/version.h>

struct options {
    struct sp_ws ws;
    struct sp_reconnect reconnect;
};

static const struct leat_option rows[] = {
    SP_WS_ROWS(struct options),
    SP_RECONNECT_ROWS(struct options),
};

static int32_t check(const struct leat_host *host, const struct leat_endpoint *endpoint)
{
    const struct options *options = endpoint->options;
    int32_t error = sp_ws_check(host, endpoint, &options->ws, "ws");
    if (!endpoint->listen && sp_check_reconnect(host, &options->reconnect) != 0)
        error = -EINVAL;
    return error;
}

static int32_t attach(uint64_t native, const struct leat_host *host, const struct leat_endpoint *endpoint,
                      char *explain, uint64_t explain_size)
{
    const struct options *options = endpoint->options;
    const struct sp_attach attach = {
        .socket = {.id = (uint32_t)native},
        .endpoint = endpoint,
        .reconnect = &options->reconnect,
        .in_use = "the port is already in use, or this process serves the path already",
        .explain = explain,
        .explain_size = explain_size,
    };
    return sp_ws_attach(&attach, host, &options->ws);
}

static const char reference[] =
    "ws carries messages over WebSocket, in clear: one binary WebSocket message for each message, with nothing\n"
    "before it. Any nng program is a peer, and any browser: sdk/js/leat.js is its side of pubsub, pair and bus.\n"
    "\n"
    "URLs:\n"
    "    ws://HOST:PORT/PATH     IPv4 or IPv6, whichever HOST resolves to first\n"
    "    ws4://HOST:PORT/PATH    IPv4 only\n"
    "    ws6://HOST:PORT/PATH    IPv6 only; an IPv6 address stands in brackets: ws6://[::1]:5556/quotes\n"
    "When listening, an empty HOST or * means every address of this host, and port 0 means any free port (the log\n"
    "says which). When dialling, the port may be left out for 80, and the path may have a query.\n"
    "\n"
    "Several listeners of one worker may share a port with different paths; their scheme and HOST must be written "
    "alike.\n"
    "Bridges come into one worker with the same 'worker = NAME'. A port is never shared between ws and wss.\n"
    "\n"
    "What a client must say, or it is refused:\n"
    "    path          Another one is answered with 404.\n"
    "    Host          What it calls this host must be the HOST of the URL, when that is a name or an address: who\n"
    "                  listens at ws://127.0.0.1:5556 answers 404 to a browser that was sent to ws://localhost:5556.\n"
    "                  Listen at * (or 0.0.0.0) to be called by any name.\n"
    "    sub-protocol  Exactly the listening end's, or the request is answered with 400:\n"
    "                      new WebSocket('ws://127.0.0.1:5556/quotes', 'pub.sp.nanomsg.org')\n"
    "                  for a bridge that publishes; pair., pair1., bus., push., pull., sub., rep., req., respondent.\n"
    "                  and surveyor.sp.nanomsg.org are the others.\n"
    "\n"
    "What the payload is: with pubsub, pipeline, bus and pair (version 0) just the message. With pair version 1 four\n"
    "bytes stand before it, 00 00 00 01; with reqrep and survey the four bytes of the request's id, the first with "
    "its\n"
    "top bit set, which the answer repeats.\n"
    "\n"
    "Who may connect: everybody who reaches the port, and with a browser that means every page of every site that a\n"
    "user of this host looks at, also when the port is on loopback. ws.origins says which pages may; it does not\n"
    "keep programs out. Outside of a trusted network use wss.\n"
    "\n"
    "nng before 1.6 (Debian 12 has 1.5) writes beyond its memory for a request such as GET /%41, whoever sends it. "
    "With\n"
    "such an nng a listener must be on a loopback address, behind a proxy if need be, unless ws.accept_unsafe_nng = "
    "yes.\n"
    "A bridge that is hit restarts; what else such a request may do, nobody can say.\n"
    "\n"
    "Limits: a listener disconnects a client that sends more than the bridge's receive_limit, in one frame or in many\n"
    "(close code 1009). Where this end dialled, that limit holds for each frame; a message of many frames that is too\n"
    "large is read whole, however large, and then dropped as oversize: dial only servers that you trust that far.\n"
    "Messages go out in frames of 64 KiB when listening and of 1 MiB when dialling, which every peer takes.\n"
    "A connection that never finishes its request is kept as long as its client keeps it.\n"
    "nng counts nothing for each ws peer, so the ledger knows what was handed over and not what each peer took.\n"
    "\n"
    "Examples:\n"
    "\n"
    "    listen = ws://127.0.0.1:5556/quotes\n"
    "    ws.origins = http://localhost:8000, https://desk.example\n"
    "\n"
    "    dial = ws://feed.example/quotes?venue=7\n"
    "    ws.headers = Authorization: Bearer ${file:/etc/leat/token}, X-Site: 7\n";

static const struct leat_transport_ops ops = {
    SP_OPS,
    .schemes = "ws|ws4|ws6",
    .check = check,
    .attach = attach,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_TRANSPORT,
    .options_size = sizeof(struct options),
    .name = "ws",
    .version = LEAT_VERSION,
    .summary = "WebSocket over IPv4 and IPv6, in clear; browsers are peers",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .transport = &ops,
};
