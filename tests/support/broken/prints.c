/* It writes to standard output. */
#include "healthy.h"

#include <stdio.h>

static int32_t create(void **self, const struct leat_host *host, const struct leat_bridge_view *bridge,
                      const void *options)
{
    puts("hello from the plugin");
    return healthy_create(self, host, bridge, options);
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS_BUT_CREATE, .create = create};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("prints"), .pattern = &ops};
