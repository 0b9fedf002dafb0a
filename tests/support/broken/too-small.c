/* Its table says that it is smaller than any table ever was. */
#include "healthy.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {.size = 16,
                                                       .kind = LEAT_PLUGIN_PATTERN,
                                                       .name = "too-small",
                                                       .pattern = &healthy_ops};
