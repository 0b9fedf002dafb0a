/* A pattern with nothing wrong in it: what the conformance suite must not find fault with. */
#include "healthy.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("healthy"), .pattern = &healthy_ops};
