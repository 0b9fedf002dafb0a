/* pair: one peer, both ways. What it says goes into a channel, what is in the channel goes to it. */
#include "common/duplex.h"

#include <errno.h>
#include <leat/version.h>
#include <stdlib.h>

struct options {
    uint32_t version; /* index into the choices: pair's own number */
};

static const struct leat_option rows[] = {
    LEAT_OPTION_CHOICES(struct options, version, "version", "0", "0|1",
                        "Of the protocol. Both ends must have the same: PAIR0 and PAIR1 sockets do not connect."),
};

struct pair {
    struct duplex duplex;
    uint32_t version;
};

static int32_t create(void **out, const struct leat_host *host, const struct leat_bridge_view *bridge, const void *of)
{
    const struct options *options = of;
    struct pair *self = malloc(sizeof *self);
    if (!self)
        return -ENOMEM;
    self->version = options->version;
    int error = duplex_init(&self->duplex, host, bridge);
    if (error) {
        free(self);
        return error;
    }
    *out = self;
    return 0;
}

static int32_t describe_socket(void *of, struct leat_socket_request *request)
{
    const struct pair *self = of;
    request->role = self->version == 0 ? LEAT_ROLE_PAIR0 : LEAT_ROLE_PAIR1;
    return 0;
}

static int32_t outward(void *of, uint32_t channel, const struct leat_message *message, struct leat_outward *out)
{
    (void)channel, (void)out;
    const struct pair *self = of;
    return duplex_mark_of(&self->duplex, message) == MARK_NONE ? LEAT_FORWARD : LEAT_DROP_LOOP;
}

static void destroy(void *self)
{
    free(self);
}

static const char reference[] =
    "pair joins a channel to one peer, both ways.\n"
    "\n"
    "direction = both: what applications publish on `channel` goes to the peer (an nng PAIR socket), and what the\n"
    "peer says goes into the channel, for all its readers. With a `reply_channel`, what the peer says goes there,\n"
    "and `channel` only goes out; two programs that talk to each other want that.\n"
    "\n"
    "There is one peer at a time: nng turns a second one away as long as the first is connected. pair.version is\n"
    "0 or 1, as the other end's socket (nng_pair0_open, nng_pair1_open; in Python Pair0 and Pair1; nngcat\n"
    "--pair0, --pair1).\n"
    "\n"
    "What came in has a tag that says so: a mark of this bridge in the high half, the peer's number in the low\n"
    "half. By the mark the bridge knows what it has itself brought in, also before a restart, and does not send\n"
    "it back (counted as loop). So on one channel an application gives its own messages any other tag, 0 for\n"
    "instance, and does not copy the tag of what it answers to. With a reply_channel tags are free.\n"
    "\n"
    "While no peer is connected, messages wait in the channel. A peer that is slow holds the bridge back, and\n"
    "with a block channel that reaches the producer.\n"
    "\n"
    "What it keeps: every message reaches the peer's connection, once and in order. A worker that is restarted\n"
    "resumes at its durable position and may repeat the last few messages. What it cannot: know whether the\n"
    "peer's program has taken a message. What nng and the kernel hold for a connection is lost when the peer\n"
    "dies.\n"
    "\n"
    "Channels must keep tags, unless there is a reply_channel.\n"
    "\n"
    "Examples:\n"
    "\n"
    "    [bridge.console]\n"
    "    pattern       = pair\n"
    "    direction     = both\n"
    "    channel       = shm://console.out\n"
    "    reply_channel = shm://console.in\n"
    "    listen        = tcp://*:6030\n"
    "\n"
    "    [bridge.link]\n"
    "    pattern   = pair\n"
    "    direction = both\n"
    "    channel   = shm://link\n"
    "    dial      = ipc:///run/other/link.sock\n"
    "    pair.version = 1\n";

static const struct leat_pattern_ops ops = {
    .size = sizeof(struct leat_pattern_ops),
    .duplex = 1,
    .waits_for_peer = LEAT_BOTH,
    .check = duplex_check,
    .create = create,
    .socket = describe_socket,
    .outward = outward,
    .inward = duplex_inward,
    .destroy = destroy,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_PATTERN,
    .options_size = sizeof(struct options),
    .name = "pair",
    .version = LEAT_VERSION,
    .summary = "One peer, both ways, version 0 or 1; waits when it is not there",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .pattern = &ops,
};
