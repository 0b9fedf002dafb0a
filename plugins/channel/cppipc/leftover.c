#include "cppipc/leftover.h"

#include <string.h>

bool leftover_chunk(const struct cppipc_message *message, uint64_t *len, uint32_t *chunk)
{
    memcpy(chunk, message->data, sizeof *chunk);
    *len = (uint64_t)((int64_t)message->remain + CPPIPC_SLOT_DATA);
    return message->stored && message->remain > 0 && *len <= CPPIPC_MESSAGE_MAX && *chunk < CPPIPC_CHUNKS;
}

void leftover_drop(void *of, const struct cppipc_message *message, uint32_t bits)
{
    struct leftover *left = of;
    struct pool *pool;
    uint64_t len;
    uint32_t chunk;
    if (!leftover_chunk(message, &len, &chunk) || pools_find(left->pools, len, false, &pool) < 0 ||
        !pool_leave(pool, chunk, bits))
        return;
    if (!pool_release(pool, chunk))
        attendant_release(left->attendant, pool, chunk);
}
