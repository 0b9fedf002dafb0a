/* It exports more than its table. */
#include "healthy.h"

extern LEAT_EXPORT int helper;
int helper = 1;

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("two-symbols"), .pattern = &healthy_ops};
