/* A pattern that answers, both ways of it, and one socket for both directions at once; it tells what it sees of its bridge by blaming
 * it. */
#include "healthy.h"

#include <errno.h>
#include <leat/plugin/channel.h>
#include <stdio.h>

static int32_t check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *values)
{
    char text[160];
    (void)values;
    snprintf(text, sizeof text, "%s of %s, %u, %s, keeps %s", bridge->name, bridge->gateway_name, bridge->channel_count,
             bridge->channel_names[0], bridge->keeps & LEAT_CHANNEL_KEEPS_METADATA ? "tags" : "none");
    host->blame(host->context, "reply_channel", text);
    return -EINVAL;
}

static const struct leat_pattern_ops ops = {.size = sizeof(struct leat_pattern_ops),
                                            .directions = LEAT_BOTH,
                                            .duplex = 1,
                                            .answers = 1,
                                            .check = check,
                                            .create = healthy_create,
                                            .socket = healthy_socket,
                                            .destroy = healthy_destroy};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("asks"), .pattern = &ops};
