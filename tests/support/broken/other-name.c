/* Its file was renamed. */
#include "healthy.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("pubsub"), .pattern = &healthy_ops};
