/* @NAME@: a pattern plugin. As it stands: publish and subscribe for messages of a certain size and no other.
 *
 *     pattern = @NAME@
 *
 * What to change: the role in describe_socket, and what the two hooks let pass. <leat/plugin/pattern.h> is the contract. */
#include <errno.h>
#include <leat/plugin/pattern.h>
#include <stdlib.h>

/* ---- options: one row each; the gateway parses, checks and documents them ------------------------------------------ */

struct options {
    uint64_t smallest, largest;
};

static const struct leat_option rows[] = {
    LEAT_OPTION_RANGE(struct options, smallest, "smallest", LEAT_OPTION_SIZE, "0", 0, INT64_C(1) << 40,
                      "A smaller message is dropped, as filtered."),
    LEAT_OPTION_RANGE(struct options, largest, "largest", LEAT_OPTION_SIZE, "1MiB", 0, INT64_C(1) << 40,
                      "A larger message is dropped, as filtered."),
};

/* For what the table cannot say: rules across options and channels. Pure; blames as often as there is something wrong. */
static int32_t check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *of)
{
    const struct options *options = of;
    int32_t result = 0;
    if (options->smallest > options->largest) {
        host->blame(host->context, "smallest", "must not be above largest");
        result = -EINVAL;
    }
    if (bridge->direction == LEAT_IN && bridge->channel_count > 1) {
        host->blame(host->context, "channel", "inward it takes one: nothing says which channel a message is for");
        result = -EINVAL;
    }
    return result;
}

/* ---- the instance: one for each bridge ------------------------------------------------------------------------------ */

struct instance {
    struct options options;
    uint32_t direction;
};

static int32_t create(void **out, const struct leat_host *host, const struct leat_bridge_view *bridge, const void *of)
{
    (void)host;
    struct instance *self = malloc(sizeof *self);
    if (!self)
        return -ENOMEM;
    self->options = *(const struct options *)of;
    self->direction = bridge->direction;
    *out = self;
    return 0;
}

static int32_t describe_socket(void *of, struct leat_socket_request *request)
{
    static const char *const everything[] = {"", NULL};
    const struct instance *self = of;
    request->role = self->direction == LEAT_OUT ? LEAT_ROLE_PUBLISHER : LEAT_ROLE_SUBSCRIBER;
    request->topics = everything;
    request->queue_messages = 1024; /* for each peer */
    request->queue_bytes = UINT64_C(64) << 20;
    return 0;
}

static int32_t verdict(const struct instance *self, uint64_t len)
{
    return len < self->options.smallest || len > self->options.largest ? LEAT_DROP_FILTERED : LEAT_FORWARD;
}

/* ---- the hooks: every message passes one of them; no waiting, no logging, no allocation ------------------------------ */

/* From a channel to the network. `out` may name bytes to put before it. Several lanes may be here at once. */
static int32_t outward(void *self, uint32_t channel, const struct leat_message *message, struct leat_outward *out)
{
    (void)channel, (void)out;
    return verdict(self, message->len);
}

/* From the network into a channel. `in` says into which, how many leading bytes are not part of it, and its tag. */
static int32_t inward(void *self, const struct leat_packet *packet, struct leat_inward *in)
{
    (void)in;
    return verdict(self, packet->len);
}

static void destroy(void *self)
{
    free(self);
}

/* ---- the tables ----------------------------------------------------------------------------------------------------- */

static const char reference[] =
    "@NAME@ publishes (direction = out) or subscribes (direction = in), messages of a certain size only.\n"
    "\n"
    "What it keeps: order. What it cannot: wait for a slow subscriber.\n"
    "\n"
    "Example:\n"
    "\n"
    "    pattern = @NAME@\n"
    "    @NAME@.largest = 64KiB\n";

static const struct leat_pattern_ops ops = {
    .size = sizeof(struct leat_pattern_ops),
    .directions = LEAT_OUT | LEAT_IN,
    .waits_for_peer = 0, /* LEAT_OUT would hold messages back while nobody is there */
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
    .name = "@NAME@",
    .version = "0.1",
    .summary = "Publish and subscribe, messages of a certain size",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .pattern = &ops,
};
