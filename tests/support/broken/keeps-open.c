/* Each writer leaves a descriptor open. */
#define ON_WRITER_OPEN (void)!dup(0)
#include "queue.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {QUEUE_PLUGIN("keeps-open")};
