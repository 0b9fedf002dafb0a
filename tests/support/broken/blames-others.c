/* Its check() blames an option that it does not have. */
#include "healthy.h"

#include <errno.h>

static int32_t check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *options)
{
    (void)bridge, (void)options;
    host->blame(host->context, "colour", "is wrong");
    return -EINVAL;
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS, .check = check};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("blames-others"), .pattern = &ops};
