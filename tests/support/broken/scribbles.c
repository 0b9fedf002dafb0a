/* It writes into the messages that it is shown. */
#include "healthy.h"

static int32_t inward(void *self, const struct leat_packet *packet, struct leat_inward *in)
{
    (void)self, (void)in;
    if (packet->len > 0)
        *(unsigned char *)packet->data = 0;
    return LEAT_FORWARD;
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS, .inward = inward};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("scribbles"), .pattern = &ops};
