/* ipc: local sockets, by path or by abstract name. */
#include "common/sp_attach.h"
#include "common/sp_socket.h"
#include "common/sp_start.h"
#include "ipc/listen.h"
#include "ipc/path.h"
#include "ipc/watch.h"

#include <errno.h>
#include <leat/version.h>
#include <stdio.h>

static const struct leat_option rows[] = {
    LEAT_OPTION(struct ipc_options, mode, "mode", LEAT_OPTION_MODE, "0600",
                "When listening: permissions of the socket's file. Who may write to it may connect; an abstract name "
                "has none."),
    LEAT_OPTION(struct ipc_options, owner, "owner", LEAT_OPTION_TEXT, NULL,
                "When listening: the user who owns the socket's file, by name or number. Only root may give it away. "
                "Unset: the gateway's user."),
    LEAT_OPTION(struct ipc_options, group, "group", LEAT_OPTION_TEXT, NULL,
                "When listening: the group of the socket's file, by name or number; one that the gateway's user is in, "
                "unless that is root. With ipc.mode = 0660 its members may connect. Unset: the gateway's group."),
    SP_RECONNECT_ROWS(struct ipc_options),
};

static int32_t check(const struct leat_host *host, const struct leat_endpoint *endpoint)
{
    const struct ipc_options *options = endpoint->options;
    struct ipc_path path;
    char why[192];
    int error = ipc_path_parse(&path, endpoint->url, why, sizeof why);
    if (!error && endpoint->listen && !endpoint->served)
        error = ipc_path_try(&path, why, sizeof why);
    if (error)
        host->blame(host->context, endpoint->listen ? "listen" : "dial", why);
    if (!endpoint->listen && sp_check_reconnect(host, &options->reconnect) != 0)
        error = -EINVAL;
    if (endpoint->listen && ipc_listen_check(host, options) != 0)
        error = -EINVAL;
    return error ? -EINVAL : 0;
}

/* nng would find out itself, but by hanging up on whoever is there, which makes a listener of nng 1.5 deaf. */
static int32_t refuse_taken(const struct sp_attach *attach)
{
    struct ipc_path path;
    char why[192];
    int error = ipc_path_parse(&path, attach->endpoint->url, why, sizeof why);
    if (!error)
        error = ipc_path_try(&path, why, sizeof why);
    if (error && attach->explain)
        snprintf(attach->explain, attach->explain_size, "%s: %s", attach->endpoint->url, why);
    return error;
}

static int32_t attach(uint64_t native, const struct leat_host *host, const struct leat_endpoint *endpoint,
                      char *explain, uint64_t explain_size)
{
    const struct ipc_options *options = endpoint->options;
    const struct sp_attach attach = {
        .socket = {.id = (uint32_t)native},
        .endpoint = endpoint,
        .reconnect = &options->reconnect,
        .in_use = "another program listens there",
        .explain = explain,
        .explain_size = explain_size,
    };
    if (!endpoint->listen)
        return sp_dial(&attach);
    int32_t error = refuse_taken(&attach);
    if (error)
        return error;
    nng_listener listener;
    error = ipc_listen(&attach, &listener);
    if (error || !sp_older_than(1, 6))
        return error;
    error = ipc_watch(&attach, listener, host);
    if (error)
        nng_listener_close(listener);
    return error;
}

static const char reference[] =
    "ipc carries messages between processes of one host, over local (UNIX domain) sockets. Any nng program is a peer.\n"
    "\n"
    "URLs:\n"
    "    ipc://PATH         a socket's file; an absolute path has three slashes: ipc:///run/leat/quotes.sock\n"
    "    unix://PATH        the same\n"
    "    abstract://NAME    a name of Linux' abstract namespace, without a file; %XX stands for any byte\n"
    "A path or a name has at most 107 bytes.\n"
    "\n"
    "When listening, the folder must exist and allow a file to be created; a socket's file that was left behind by a "
    "dead\n"
    "program is replaced, one that is in use or any other file is not. Who may write to the file may connect "
    "(ipc.mode, the\n"
    "folder's permissions); an abstract name has no such protection. The file belongs to the gateway's user and "
    "group,\n"
    "unless ipc.owner and ipc.group name others.\n"
    "\n"
    "Dialling goes on in the background for ever, with random waits whose bound doubles from ipc.reconnect_min to\n"
    "ipc.reconnect_max.\n"
    "\n"
    "A listener of nng 1.5 (Debian 12) stops to accept peers once one has hung up in the middle of its greeting; "
    "merely\n"
    "starting a second program on the same path does that. The gateway notices it within a second and listens anew on "
    "the\n"
    "same path; peers that are connected stay, those that were waiting are disconnected, so that they come again. On "
    "an\n"
    "abstract name all peers are disconnected then.\n"
    "\n"
    "What it keeps: order, for each connection, and whole messages. What it cannot: tell whether the peer's program "
    "has\n"
    "taken a message. What lies in the kernel's buffers when a peer dies is lost with it. A peer that announces a "
    "message\n"
    "above the bridge's receive_limit is disconnected.\n"
    "\n"
    "Examples:\n"
    "\n"
    "    listen   = ipc:///run/leat/quotes.sock\n"
    "    ipc.mode = 0660\n"
    "    ipc.group = traders\n"
    "    dial     = abstract://quotes\n";

static const struct leat_transport_ops ops = {
    SP_OPS,
    .schemes = "ipc|unix|abstract",
    .check = check,
    .attach = attach,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_TRANSPORT,
    .options_size = sizeof(struct ipc_options),
    .name = "ipc",
    .version = LEAT_VERSION,
    .summary = "Local sockets: between processes of one host",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .transport = &ops,
};
