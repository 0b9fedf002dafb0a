/* It keeps messages back, but does not say that it needs a gateway that can. */
#include "healthy.h"

static int32_t outward(void *self, uint32_t channel, const struct leat_message *message, struct leat_outward *out)
{
    (void)self, (void)channel, (void)out;
    return message->len % 5 == 0 ? LEAT_HOLD : LEAT_FORWARD;
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS, .outward = outward};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("holds-too-soon"), .pattern = &ops};
