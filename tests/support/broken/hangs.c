/* Its start hangs. */
#define ON_READER_OPEN pause()
#include "queue.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {QUEUE_PLUGIN("hangs")};
