/* Each writer leaves shared memory mapped. */
#include <sys/mman.h>

#define ON_WRITER_OPEN (void)mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
#include "queue.h"

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {QUEUE_PLUGIN("keeps-mapped")};
