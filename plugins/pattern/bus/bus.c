/* bus: everybody hears everybody. What comes in goes into a channel, what is in the channel goes out, and nothing goes back to
 * where it came from. */
#include "common/duplex.h"

#include <endian.h>
#include <errno.h>
#include <leat/version.h>
#include <stdlib.h>
#include <string.h>

struct options {
    uint32_t forward;
    int64_t queue;
    uint64_t queue_bytes;
};

static const struct leat_option rows[] = {
    LEAT_OPTION(
        struct options, forward, "forward", LEAT_OPTION_BOOL, "no",
        "Send what one peer said to all the other peers too. Not on a bus whose peers are all connected to each "
        "other: each of them would hear it twice. Not with a reply_channel, which is not read."),
    LEAT_OPTION_RANGE(struct options, queue, "queue", LEAT_OPTION_INT, "8192", 0, 8192,
                      "Messages from peers that may wait for the channel."),
    LEAT_OPTION_RANGE(struct options, queue_bytes, "queue_bytes", LEAT_OPTION_SIZE, "64MiB", 1 << 16, INT64_C(1) << 40,
                      "Bound on the bytes in that queue, and on what waits for each peer."),
};

struct bus {
    struct duplex duplex;
    uint32_t forward;
    uint32_t queue;
    uint64_t queue_bytes;
};

static int32_t check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *of)
{
    const struct options *options = of;
    int32_t result = duplex_check(host, bridge, options);
    if (options->forward && !duplex_reads_own(bridge)) {
        host->blame(host->context, "forward",
                    "what peers say goes into the reply_channel, which is not read: without one it can be forwarded");
        result = -EINVAL;
    }
    return result;
}

static int32_t create(void **out, const struct leat_host *host, const struct leat_bridge_view *bridge, const void *of)
{
    const struct options *options = of;
    struct bus *self = malloc(sizeof *self);
    if (!self)
        return -ENOMEM;
    *self = (struct bus){
        .forward = options->forward, .queue = (uint32_t)options->queue, .queue_bytes = options->queue_bytes};
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
    const struct bus *self = of;
    request->role = LEAT_ROLE_BUS;
    request->raw = 1;
    request->queue_messages = self->queue;
    request->queue_bytes = self->queue_bytes;
    return 0;
}

/* A raw bus socket sends a message to all but the peer that its header names. */
static int32_t send_on(const struct bus *self, uint32_t peer, struct leat_outward *out)
{
    if (!self->forward || peer == 0)
        return LEAT_DROP_LOOP;
    uint32_t word = htobe32(peer);
    out->header_len = sizeof word;
    memcpy(out->header, &word, sizeof word);
    return LEAT_FORWARD;
}

static int32_t outward(void *of, uint32_t channel, const struct leat_message *message, struct leat_outward *out)
{
    (void)channel;
    const struct bus *self = of;
    switch (duplex_mark_of(&self->duplex, message)) {
    case MARK_OWN:
        return send_on(self, mark_peer(message), out);
    case MARK_OLD:
        return LEAT_DROP_LOOP;
    default:
        return LEAT_FORWARD;
    }
}

static void destroy(void *self)
{
    free(self);
}

static const char reference[] =
    "bus joins a channel to a bus, on which everybody hears what the others say.\n"
    "\n"
    "direction = both: what applications publish on `channel` goes to every peer that is connected (nng BUS\n"
    "sockets), and what a peer says goes into the channel, for all its readers. Never does a message go back to\n"
    "the peer it came from. With a `reply_channel`, what peers say goes there, and `channel` only goes out.\n"
    "\n"
    "What came in has a tag that says so: a mark of this bridge in the high half, the peer's number in the low\n"
    "half. By the mark the bridge knows what it has itself brought in, also before a restart, and does not send\n"
    "it out again (counted as loop). So an application gives its own messages any other tag, 0 for instance, and\n"
    "does not copy the tag of what it answers to. Other bridges on the same channel have other marks: what one\n"
    "brings in, the others carry on.\n"
    "\n"
    "bus.forward = yes: what one peer says also goes to all the others, so that peers that only dial this bridge form\n"
    "a bus. Leave it off where the peers are connected to each other. (Such a message counts as forwarded also while\n"
    "there is no other peer.)\n"
    "\n"
    "Several gateways take two bridges each, on one channel: one with bus.forward = yes, which the peers of that host\n"
    "dial, and one without it, which is connected to such a bridge of every other gateway. Then each message arrives\n"
    "everywhere once. Nothing on the wire says where a message has been, so there must be one way only between any "
    "two\n"
    "places; a loop of ways carries a message round for ever. Do not set bus.forward on bridges that join gateways in\n"
    "a ring, nor let such a bridge dial itself; do not connect two bridges of one channel with each other, nor both\n"
    "bridges of two gateways. Of two gateways that are connected one dials and the other listens: if both dial, each\n"
    "message arrives twice. A loop shows in the ledger: its counts rise while nobody speaks.\n"
    "\n"
    "What it keeps: order, from each sender to each receiver. What it cannot: wait. A message goes to those who\n"
    "are there (no_peer when nobody is), and a peer that does not take its messages loses some (slow_peer). nng's\n"
    "own sockets hold 16 messages for each peer.\n"
    "\n"
    "Channels must keep tags, unless there is a reply_channel.\n"
    "\n"
    "Examples:\n"
    "\n"
    "    [bridge.chat]\n"
    "    pattern   = bus\n"
    "    direction = both\n"
    "    channel   = shm://chat\n"
    "    listen    = tcp://*:6020\n"
    "    bus.forward = yes\n"
    "\n"
    "    [bridge.mesh]\n"
    "    pattern   = bus\n"
    "    direction = both\n"
    "    channel   = shm://chat\n"
    "    listen    = tcp://*:6021\n"
    "    dial      = tcp://first.example:6021\n";

static const struct leat_pattern_ops ops = {
    .size = sizeof(struct leat_pattern_ops),
    .duplex = 1,
    .check = check,
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
    .name = "bus",
    .version = LEAT_VERSION,
    .summary = "Everybody hears everybody, nothing goes back to where it came from",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .pattern = &ops,
};
