/* The model's own view of cpp-ipc's shared memory: names, sizes and offsets as the layout page lists them. The plugin's headers are not
 * used here, so that a mistake in them meets something else than itself. */
#ifndef TESTS_MODEL_CPPIPC_OFFSETS_H
#define TESTS_MODEL_CPPIPC_OFFSETS_H

#include <stddef.h>
#include <stdint.h>

#define REFERENCE_BYTES 4u /* at the end of every object */

#define CONDITION_BYTES 4u
#define LOCK_BYTES 24u
#define LOCK_NEXT 0u
#define LOCK_PREVIOUS 8u
#define LOCK_WORD 16u
#define COUNTER_BYTES 4u

#define RING_BYTES 24832u
#define RING_CONNECTED 0u
#define RING_LOCK 4u
#define RING_CONSTRUCTED 8u
#define RING_WRITE 64u
#define RING_EPOCH 128u
#define RING_SLOT(index) (192u + 96u * ((index) % 256u))
#define RING_SENDER 24768u

#define SLOT_HANDLE 0u
#define SLOT_ID 4u
#define SLOT_REMAIN 8u
#define SLOT_STORED 12u
#define SLOT_DATA 16u
#define SLOT_DATA_BYTES 64u
#define SLOT_READERS 80u
#define SLOT_COMMITTED 88u

#define POOL_HEAD 32u
#define POOL_PREPARED 33u
#define POOL_LOCK 36u
#define POOL_CHUNKS 40u
#define CHUNK_COUNT 32u
#define CHUNK_READERS 0u
#define CHUNK_DATA 16u

static inline size_t chunk_bytes(size_t message)
{
    size_t with_mask = message + CHUNK_DATA;
    return with_mask % 1024 ? (with_mask / 1024 + 1) * 1024 : with_mask;
}

#endif
