/* Calls itself a transport but brings a pattern. */
#include "healthy.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {.size = sizeof(struct leat_plugin),
                                                       .kind = LEAT_PLUGIN_TRANSPORT,
                                                       .name = "wrong-kind",
                                                       .pattern = &healthy_ops};
