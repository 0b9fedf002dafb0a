/* It only reads, and its borrow sleeps for a second, whatever its timeout. */
#define ON_WRITER_OPEN return -ENOTSUP
#define ON_BORROW sleep(1)
#include "queue.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {QUEUE_PLUGIN("oversleeps-alone")};
