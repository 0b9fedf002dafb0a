/* Neither a channel nor a pattern nor a transport. */
#include "healthy.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {.size = sizeof(struct leat_plugin),
                                                       .kind = 7,
                                                       .name = "unknown-kind",
                                                       .pattern = &healthy_ops};
