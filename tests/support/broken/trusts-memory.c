/* It takes for granted that there is memory. */
#include <stdlib.h>

static void *memory(size_t size);
#define MEMORY(size) memory(size)
#include "queue.h"

static void *memory(size_t size)
{
    unsigned char *bytes = malloc(size);
    bytes[0] = 0;
    return bytes;
}

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {QUEUE_PLUGIN("trusts-memory")};
