/* A pattern that can neither be created nor say which socket it needs. */
#include "healthy.h"

static const struct leat_pattern_ops ops = {.size = sizeof(struct leat_pattern_ops),
                                            .directions = LEAT_OUT,
                                            .destroy = healthy_destroy};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("missing-slots"), .pattern = &ops};
