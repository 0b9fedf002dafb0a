/* Closing it never ends. */
#define ON_READER_CLOSE pause()
#include "queue.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {QUEUE_PLUGIN("never-ends")};
