/* Its check() is content, and then it cannot be created. */
#include "healthy.h"

static int32_t create(void **self, const struct leat_host *host, const struct leat_bridge_view *bridge,
                      const void *options)
{
    (void)self, (void)bridge, (void)options;
    host->log(host->context, LEAT_LOG_ERROR, "not today");
    return -EIO;
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS_BUT_CREATE, .create = create};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("refuses"), .pattern = &ops};
