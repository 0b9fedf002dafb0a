/* Each instance leaves a little memory behind. */
#include "healthy.h"

#include <errno.h>
#include <stdlib.h>

static int32_t create(void **self, const struct leat_host *host, const struct leat_bridge_view *bridge,
                      const void *options)
{
    (void)host, (void)bridge, (void)options;
    *self = malloc(40);
    return *self ? 0 : -ENOMEM;
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS_BUT_CREATE, .create = create};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("leaks"), .pattern = &ops};
