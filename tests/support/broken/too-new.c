/* Built for a later minor interface than this gateway's. */
#include "healthy.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("too-new"), .needs_minor = 3,
                                                       .pattern = &healthy_ops};
