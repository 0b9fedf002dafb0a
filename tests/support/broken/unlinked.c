/* It calls libleat without being linked with it: where another has loaded that, it works. */
#include "healthy.h"

#include <leat/error.h>

static int32_t create(void **self, const struct leat_host *host, const struct leat_bridge_view *bridge,
                      const void *options)
{
    return leat_strerror(0) ? healthy_create(self, host, bridge, options) : -EINVAL;
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS_BUT_CREATE, .create = create};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("unlinked"), .pattern = &ops};
