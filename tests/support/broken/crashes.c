/* It crashes at the first message. */
#include "healthy.h"

#include <signal.h>

static int32_t outward(void *self, uint32_t channel, const struct leat_message *message, struct leat_outward *out)
{
    (void)self, (void)channel, (void)message, (void)out;
    raise(SIGSEGV);
    return LEAT_FORWARD;
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS, .outward = outward};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("crashes"), .pattern = &ops};
