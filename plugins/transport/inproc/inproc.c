/* inproc: bridges of one worker joined to each other without leaving the process. */
#include "common/sp_attach.h"
#include "common/sp_socket.h"

#include <errno.h>
#include <leat/version.h>
#include <string.h>

#define NAME_MAX_BYTES 100

static int32_t check(const struct leat_host *host, const struct leat_endpoint *endpoint)
{
    const char *name = strstr(endpoint->url, "://");
    size_t len = name ? strlen(name + 3) : 0;
    if (len > 0 && len <= NAME_MAX_BYTES)
        return 0;
    host->blame(host->context, endpoint->listen ? "listen" : "dial",
                len ? "the name is longer than 100 bytes" : "a name must follow, as in inproc://orders");
    return -EINVAL;
}

static int32_t attach(uint64_t native, const struct leat_host *host, const struct leat_endpoint *endpoint,
                      char *explain, uint64_t explain_size)
{
    static const struct sp_reconnect reconnect = {.min_ns = 10000000, .max_ns = 1000000000};
    const struct sp_attach attach = {
        .socket = {.id = (uint32_t)native},
        .endpoint = endpoint,
        .reconnect = &reconnect,
        .in_use = "another bridge of this worker listens under this name",
        .explain = explain,
        .explain_size = explain_size,
    };
    return sp_attach(&attach, host);
}

static const char reference[] =
    "inproc carries messages between bridges of one worker, through memory and without a copy. It is for joining "
    "bridges\n"
    "to each other, for programs that embed the gateway, and for tests.\n"
    "\n"
    "URL: inproc://NAME, where NAME is any text of up to 100 bytes. Names belong to one process: bridges that are to "
    "meet\n"
    "must share a worker (worker = NAME in both sections). Nothing outside the process can connect, so dialling a "
    "name\n"
    "that no other bridge of the worker listens at is an error.\n"
    "\n"
    "What it does not do: receive_limit is not applied, because what arrives was never on a network; the peers' "
    "counters\n"
    "are not kept.\n"
    "\n"
    "Example, one bridge feeding another:\n"
    "\n"
    "    [bridge.collect]\n"
    "    worker    = joined\n"
    "    pattern   = pipeline\n"
    "    direction = out\n"
    "    channel   = shm://raw\n"
    "    dial      = inproc://raw\n"
    "\n"
    "    [bridge.store]\n"
    "    worker    = joined\n"
    "    pattern   = pipeline\n"
    "    direction = in\n"
    "    channel   = shm://stored\n"
    "    listen    = inproc://raw\n";

static const struct leat_transport_ops ops = {
    SP_OPS,
    .schemes = "inproc",
    .check = check,
    .attach = attach,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_TRANSPORT,
    .name = "inproc",
    .version = LEAT_VERSION,
    .summary = "Joins bridges of one worker to each other, inside the process",
    .reference = reference,
    .licence = "MIT",
    .transport = &ops,
};
