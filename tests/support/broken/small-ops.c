/* Its table of functions ends before what every pattern has. */
#include "healthy.h"

static const struct leat_pattern_ops ops = {.size = 24,
                                            .directions = LEAT_OUT,
                                            .create = healthy_create,
                                            .socket = healthy_socket,
                                            .destroy = healthy_destroy};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("small-ops"), .pattern = &ops};
