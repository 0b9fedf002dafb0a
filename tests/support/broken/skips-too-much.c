/* It skips four bytes of messages that have fewer. */
#include "healthy.h"

static int32_t inward(void *self, const struct leat_packet *packet, struct leat_inward *in)
{
    (void)self, (void)packet;
    in->skip = 4;
    return LEAT_FORWARD;
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS, .inward = inward};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("skips-too-much"), .pattern = &ops};
