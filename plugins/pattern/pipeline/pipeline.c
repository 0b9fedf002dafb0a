/* pipeline: each message to one of those who pull. Outward the bridge pushes its channels; inward it pulls into one. */
#include <errno.h>
#include <leat/plugin/pattern.h>
#include <leat/version.h>
#include <stdlib.h>

struct options {
    int64_t queue;
    uint64_t queue_bytes;
};

static const struct leat_option rows[] = {
    LEAT_OPTION_RANGE(
        struct options, queue, "queue", LEAT_OPTION_INT, "0", 0, 8192,
        "Outward: messages that the socket may hold while every peer is busy. They are lost when the worker "
        "dies, so leave it at 0 unless bursts matter more."),
    LEAT_OPTION_RANGE(struct options, queue_bytes, "queue_bytes", LEAT_OPTION_SIZE, "64MiB", 1 << 16, INT64_C(1) << 40,
                      "Bound on the bytes in that queue."),
};

struct pipeline {
    uint32_t direction, queue;
    uint64_t queue_bytes;
};

static int32_t check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *of)
{
    const struct options *options = of;
    int32_t result = 0;
    if (bridge->direction == LEAT_IN && bridge->channel_count > 1) {
        host->blame(host->context, "channel",
                    "pipeline cannot tell messages for several channels apart: inward it takes one");
        result = -EINVAL;
    }
    if (bridge->direction == LEAT_IN && options->queue > 0) {
        host->blame(host->context, "queue", "what is pulled is never queued: this option is for direction = out");
        result = -EINVAL;
    }
    return result;
}

static int32_t create(void **out, const struct leat_host *host, const struct leat_bridge_view *bridge, const void *of)
{
    (void)host;
    const struct options *options = of;
    struct pipeline *self = malloc(sizeof *self);
    if (!self)
        return -ENOMEM;
    *self = (struct pipeline){
        .direction = bridge->direction, .queue = (uint32_t)options->queue, .queue_bytes = options->queue_bytes};
    *out = self;
    return 0;
}

static int32_t describe_socket(void *of, struct leat_socket_request *request)
{
    const struct pipeline *self = of;
    request->role = self->direction == LEAT_OUT ? LEAT_ROLE_PUSHER : LEAT_ROLE_PULLER;
    request->queue_messages = self->queue;
    request->queue_bytes = self->queue_bytes;
    return 0;
}

static void destroy(void *self)
{
    free(self);
}

static const char reference[] =
    "pipeline hands each message to one of the peers that are ready: work is shared out, not copied.\n"
    "\n"
    "direction = out: the bridge reads its channels and pushes (to nng PULL sockets). It sends as fast as peers take, "
    "and\n"
    "waits when none does; with a block channel that reaches the producer, so that nothing is lost on the way. "
    "Several\n"
    "channels may share a socket; their messages mix. A channel is of policy block when it is made so: by its producer "
    "(leat\n"
    "pub --policy block), or by the bridge with shm.create = yes and shm.policy = block.\n"
    "\n"
    "direction = in: the bridge pulls (from nng PUSH sockets) into its channel. A block channel that is full holds the "
    "far\n"
    "senders back.\n"
    "\n"
    "What it keeps: every message reaches a peer's connection, once; order, as long as there is one peer. A worker "
    "that is\n"
    "restarted resumes at its durable position and may repeat the last few messages. What it cannot: know whether the "
    "peer's\n"
    "program has taken a message. nng and the kernel hold up to some MiB for each connection, and that is lost when "
    "the\n"
    "peer dies.\n"
    "\n"
    "With large messages (1 MiB; never seen up to 64 KiB) a peer that disconnects at the wrong moment can crash the\n"
    "bridge's worker, by a mistake of every nng 1.x. The log then names libnng; the worker is started again, what it\n"
    "held is in the books, and other bridges notice nothing.\n"
    "\n"
    "Examples:\n"
    "\n"
    "    [bridge.jobs]\n"
    "    pattern   = pipeline\n"
    "    direction = out\n"
    "    channel   = shm://jobs\n"
    "    listen    = tcp://*:5560\n"
    "    shm.create = yes\n"
    "    shm.policy = block\n"
    "\n"
    "    [bridge.results]\n"
    "    pattern   = pipeline\n"
    "    direction = in\n"
    "    channel   = shm://results\n"
    "    listen    = tcp://*:5561\n";

static const struct leat_pattern_ops ops = {
    .size = sizeof(struct leat_pattern_ops),
    .directions = LEAT_OUT | LEAT_IN,
    .waits_for_peer = LEAT_OUT,
    .check = check,
    .create = create,
    .socket = describe_socket,
    .destroy = destroy,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_PATTERN,
    .options_size = sizeof(struct options),
    .name = "pipeline",
    .version = LEAT_VERSION,
    .summary = "Each message to one peer that is ready; waits when none is",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .pattern = &ops,
};
