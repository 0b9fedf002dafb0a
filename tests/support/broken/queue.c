/* A channel with nothing wrong in it: what the conformance suite must not find fault with. */
#include "queue.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {QUEUE_PLUGIN("queue")};
