/* Calls what nobody provides: found when it is loaded, not when it is called. */
#include "healthy.h"

int32_t nobody_provides_this(void);

static int32_t create(void **self, const struct leat_host *host, const struct leat_bridge_view *bridge,
                      const void *options)
{
    return nobody_provides_this() + healthy_create(self, host, bridge, options);
}

static const struct leat_pattern_ops ops = {.size = sizeof(struct leat_pattern_ops),
                                            .directions = LEAT_OUT,
                                            .create = create,
                                            .socket = healthy_socket,
                                            .destroy = healthy_destroy};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("undefined-symbol"), .pattern = &ops};
