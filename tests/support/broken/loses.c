/* It loses one message in a thousand and tells nobody. */
#define LOSES(number) ((number) % 1000 == 999)
#include "queue.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {QUEUE_PLUGIN("loses")};
