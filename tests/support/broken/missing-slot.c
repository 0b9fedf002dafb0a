/* A pattern that cannot say which socket it needs. */
#include "healthy.h"

static const struct leat_pattern_ops ops = {.size = sizeof(struct leat_pattern_ops),
                                            .directions = LEAT_OUT,
                                            .create = healthy_create,
                                            .destroy = healthy_destroy};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("missing-slot"), .pattern = &ops};
