/* pubsub: one to many. Outward the bridge publishes its channels; inward it subscribes and fills them. */
#include "pubsub/prefix.h"

#include <errno.h>
#include <leat/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *const *prefix, *const *topics;
    uint32_t strip;
    int64_t queue;
    uint64_t queue_bytes;
    uint32_t slow_consumer;
};

enum { SLOW_DROP = 0, SLOW_WAIT };

static const struct leat_option rows[] = {
    LEAT_OPTION(
        struct options, prefix, "prefix", LEAT_OPTION_LIST, NULL,
        "Text before each message on the network, for topics: none, one for all channels, or one for each channel "
        "in their order. %c is the channel's name, %% a percent sign."),
    LEAT_OPTION(
        struct options, topics, "topics", LEAT_OPTION_LIST, NULL,
        "Inward: take only messages that begin so (after the prefix, where one is configured). Nothing: take all."),
    LEAT_OPTION(struct options, strip, "strip", LEAT_OPTION_BOOL, "yes",
                "Inward: remove the prefix from what goes into the channel. Topics are never removed."),
    LEAT_OPTION_RANGE(
        struct options, queue, "queue", LEAT_OPTION_INT, "8192", 1, 8192,
        "Messages that may wait: outward for each subscriber, inward for the channel. What does not fit is "
        "lost, the oldest first."),
    LEAT_OPTION_RANGE(
        struct options, queue_bytes, "queue_bytes", LEAT_OPTION_SIZE, "64MiB", 1 << 16, INT64_C(1) << 40,
        "Bound on the bytes in such a queue: the larger the largest message seen, the fewer may wait, down "
        "to 16."),
    LEAT_OPTION_CHOICES(struct options, slow_consumer, "slow_consumer", "drop", "drop|wait",
                        "Outward, about a subscriber that is slower than what is published: drop loses messages for it "
                        "alone, once its queue is full; "
                        "wait makes everything wait for the slowest one, as long as it is connected."),
};

struct pubsub {
    char **prefixes; /* one for each channel */
    size_t *prefix_lens;
    char **topics; /* inward */
    uint32_t channel_count, direction, strip, slow_consumer;
    uint32_t queue;
    uint64_t queue_bytes;
};

/* ---- checking ---------------------------------------------------------------------------------------------------- */

struct complaint {
    const struct leat_host *host;
    int32_t result;
};

static void complain(struct complaint *complaint, const char *option, const char *text)
{
    complaint->host->blame(complaint->host->context, option, text);
    complaint->result = -EINVAL;
}

static void check_count(struct complaint *complaint, const struct leat_bridge_view *bridge, size_t count)
{
    char text[160];
    if (count > 1 && count != bridge->channel_count) {
        snprintf(text, sizeof text, "%zu prefixes for %u channel%s: there must be none, one, or one for each channel",
                 count, bridge->channel_count, bridge->channel_count == 1 ? "" : "s");
        complain(complaint, "prefix", text);
    }
    if (bridge->direction == LEAT_IN && bridge->channel_count > 1 && count == 0)
        complain(complaint, "prefix",
                 "with several channels inward each needs a prefix that says which messages are for it");
}

static void check_signs(struct complaint *complaint, const char *const *configured)
{
    for (const char *const *text = configured; text && *text; text++) {
        char *expanded = prefix_expand(*text, "");
        if (!expanded)
            complain(complaint, "prefix", "after % only c (the channel's name) or another % may stand");
        free(expanded);
    }
}

/* Inward, a message must belong to one channel only. */
static void check_overlap(struct complaint *complaint, const struct leat_bridge_view *bridge, char *const *prefixes)
{
    char text[256];
    for (uint32_t i = 0; i < bridge->channel_count; i++) {
        for (uint32_t k = 0; k < bridge->channel_count; k++) {
            size_t len = strlen(prefixes[i]), other = strlen(prefixes[k]);
            if (i == k || (len == other && i > k) || !prefix_starts(prefixes[i], len, prefixes[k], other))
                continue;
            if (len == other)
                snprintf(text, sizeof text, "channels '%.60s' and '%.60s' have the same prefix '%.60s'",
                         bridge->channel_names[i], bridge->channel_names[k], prefixes[i]);
            else
                snprintf(text, sizeof text, "'%.60s' is the beginning of '%.60s': such a message would be for both",
                         prefixes[i], prefixes[k]);
            complain(complaint, "prefix", text);
            return;
        }
    }
}

static int32_t check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *of)
{
    const struct options *options = of;
    struct complaint complaint = {.host = host};
    check_signs(&complaint, options->prefix);
    check_count(&complaint, bridge, prefixes_count(options->prefix));
    if (bridge->direction == LEAT_OUT && prefixes_count(options->topics) > 0)
        complain(&complaint, "topics", "a publisher has no topics to choose: this option is for direction = in");
    if (bridge->direction == LEAT_IN && options->slow_consumer == SLOW_WAIT)
        complain(&complaint, "slow_consumer", "a subscriber has no subscribers: this option is for direction = out");
    if (complaint.result == 0 && bridge->direction == LEAT_IN && bridge->channel_count > 1) {
        char **prefixes = prefixes_make(bridge, options->prefix);
        if (prefixes)
            check_overlap(&complaint, bridge, prefixes);
        prefixes_free(prefixes);
    }
    return complaint.result;
}

/* ---- the instance ------------------------------------------------------------------------------------------------ */

static void destroy(void *of)
{
    struct pubsub *self = of;
    if (!self)
        return;
    prefixes_free(self->topics);
    prefixes_free(self->prefixes);
    free(self->prefix_lens);
    free(self);
}

static int32_t create(void **out, const struct leat_host *host, const struct leat_bridge_view *bridge, const void *of)
{
    (void)host;
    const struct options *options = of;
    struct pubsub *self = calloc(1, sizeof *self);
    if (!self)
        return -ENOMEM;
    self->channel_count = bridge->channel_count;
    self->direction = bridge->direction;
    self->strip = options->strip;
    self->slow_consumer = options->slow_consumer;
    self->queue = (uint32_t)options->queue;
    self->queue_bytes = options->queue_bytes;
    self->prefixes = prefixes_make(bridge, options->prefix);
    self->prefix_lens = calloc(bridge->channel_count, sizeof *self->prefix_lens);
    self->topics = self->prefixes ? prefixes_with_topics(self->prefixes, options->topics) : NULL;
    if (!self->topics || !self->prefix_lens) {
        destroy(self);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < bridge->channel_count; i++)
        self->prefix_lens[i] = strlen(self->prefixes[i]);
    *out = self;
    return 0;
}

static int32_t describe_socket(void *of, struct leat_socket_request *request)
{
    const struct pubsub *self = of;
    bool out = self->direction == LEAT_OUT;
    request->role = out ? LEAT_ROLE_PUBLISHER : LEAT_ROLE_SUBSCRIBER;
    request->queue_messages = self->queue;
    request->queue_bytes = self->queue_bytes;
    request->flags = out && self->slow_consumer == SLOW_WAIT ? LEAT_SOCKET_WAIT : 0;
    request->topics = out ? NULL : (const char *const *)self->topics;
    return 0;
}

/* ---- the hooks --------------------------------------------------------------------------------------------------- */

static int32_t outward(void *of, uint32_t channel, const struct leat_message *message, struct leat_outward *out)
{
    (void)message;
    const struct pubsub *self = of;
    out->prefix = self->prefixes[channel];
    out->prefix_len = self->prefix_lens[channel];
    return LEAT_FORWARD;
}

static int32_t inward(void *of, const struct leat_packet *packet, struct leat_inward *in)
{
    const struct pubsub *self = of;
    bool found = false;
    for (uint32_t i = 0; i < self->channel_count; i++) {
        size_t len = self->prefix_lens[i];
        if (!prefix_starts(self->prefixes[i], len, packet->data, packet->len) ||
            (found && len <= self->prefix_lens[in->channel]))
            continue;
        found = true;
        in->channel = i;
    }
    if (!found)
        return LEAT_DROP_FILTERED;
    in->skip = self->strip ? self->prefix_lens[in->channel] : 0;
    return LEAT_FORWARD;
}

/* ---- the tables -------------------------------------------------------------------------------------------------- */

static const char reference[] =
    "pubsub carries each message to everybody who listens at that moment.\n"
    "\n"
    "direction = out: the bridge reads its channels and publishes every message to all subscribers (nng SUB sockets). "
    "It\n"
    "never waits for one: each subscriber has a queue of pubsub.queue messages, and one that is too slow loses the "
    "oldest.\n"
    "`leat ledger` shows how many each one has lost and since when; over ws, wss and inproc nobody counts, and it says "
    "unknown.\n"
    "What is published while nobody is connected is dropped as no_peer.\n"
    "\n"
    "With pubsub.slow_consumer = wait the bridge waits for the slowest subscriber instead, and the channel with it: a "
    "block\n"
    "channel's producer feels it, an overwrite channel laps the bridge. One that takes nothing holds up everybody for "
    "as "
    "long\n"
    "as it is connected; the bridge's state says which one. Messages that are not yet written to a subscriber then are "
    "at most\n"
    "64 and pubsub.queue_bytes, whatever pubsub.queue says. Over ws, wss and inproc, where nothing is counted, a "
    "subscriber is\n"
    "taken to need a millisecond for each four messages.\n"
    "\n"
    "direction = in: the bridge subscribes to publishers (nng PUB sockets) and writes what comes into its channels.\n"
    "\n"
    "Topics are the first bytes of a message. pubsub.prefix puts some before each message on its way out, so that\n"
    "subscribers can choose among channels that share one socket. Inward it says which messages are for which channel; "
    "it\n"
    "is removed again unless pubsub.strip = no. With several channels inward each needs a prefix of its own, and none "
    "may\n"
    "be the beginning of another one. pubsub.topics takes a part only, and stays in the message.\n"
    "\n"
    "What it keeps: order, for each channel and subscriber. What it cannot: know whether a subscriber has got a "
    "message, or\n"
    "hold messages for one that is not connected. Where nothing may be lost, use pipeline.\n"
    "\n"
    "A queue holds fewer messages once large ones pass, so that it stays within pubsub.queue_bytes; it shrinks when "
    "that\n"
    "many bytes have followed the first large one.\n"
    "\n"
    "Examples:\n"
    "\n"
    "    [bridge.quotes]\n"
    "    pattern   = pubsub\n"
    "    direction = out\n"
    "    channel   = shm://bids, shm://asks\n"
    "    listen    = tcp://*:5555\n"
    "    pubsub.prefix = %c/\n"
    "\n"
    "    [bridge.mirror]\n"
    "    pattern   = pubsub\n"
    "    direction = in\n"
    "    channel   = shm://bids\n"
    "    dial      = tcp://far.example:5555\n"
    "    pubsub.prefix = bids/\n"
    "    pubsub.topics = EUR, USD\n";

static const struct leat_pattern_ops ops = {
    .size = sizeof(struct leat_pattern_ops),
    .directions = LEAT_OUT | LEAT_IN,
    .check = check,
    .create = create,
    .socket = describe_socket,
    .outward = outward,
    .inward = inward,
    .destroy = destroy,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_PATTERN,
    .options_size = sizeof(struct options),
    .name = "pubsub",
    .version = LEAT_VERSION,
    .summary = "One to many: every subscriber gets every message, the slow ones lose some or are waited for",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .pattern = &ops,
};
