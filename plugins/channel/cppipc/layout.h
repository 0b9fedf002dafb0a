/* The shared memory of cpp-ipc, byte for byte: what v1.3.0, v1.4.0 and v1.4.1 put there with their default constants, on x86-64
 * and aarch64. Observed on live objects of the unmodified library; nothing in the segments says which version or kind they are.
 *
 * Each object ends with a reference count, 4 bytes at round_up(payload, 4): one for each mapping; whoever brings it to 0
 * unlinks the file. Everything here is written by anybody who may open the files: a value is copied, bounded, then used. */
#ifndef LEAT_CPPIPC_LAYOUT_H
#define LEAT_CPPIPC_LAYOUT_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define CPPIPC_SLOTS 256u                      /* of the ring; indices run freely, a slot is index % 256 */
#define CPPIPC_SLOT_DATA 64u                   /* bytes of a message that one slot takes */
#define CPPIPC_RECEIVERS 32u                   /* bits of a connection mask */
#define CPPIPC_CHUNKS 32u                      /* of a size class, shared by every channel of a prefix */
#define CPPIPC_MESSAGE_MAX (UINT64_C(1) << 30) /* `remain` is an i32 */

/* ---- waiters: three for each name, of two files each ------------------------------------------------------------- */

struct cppipc_condition {
    _Atomic uint32_t sequence; /* one more for each broadcast */
};

/* A robust futex with priority inheritance: the links belong to the owner's robust list and are never followed by us. */
struct cppipc_mutex {
    void *next, *previous;
    _Atomic uint32_t word; /* owner's TID, FUTEX_WAITERS, FUTEX_OWNER_DIED */
    uint32_t pad;
};

/* ---- counters ------------------------------------------------------------------------------------------------------ */

struct cppipc_counter {
    _Atomic uint32_t value; /* AC: the channel's next message id. CA: the last handle id given out in the prefix */
};

/* ---- the ring ------------------------------------------------------------------------------------------------------ */

struct cppipc_message {
    uint32_t handle; /* id of the handle that sent it */
    uint32_t id;     /* of the message in its channel, one more for each; all fragments of a message have the same */
    int32_t remain;  /* bytes of the message after this slot: its length - 64; <= 0 in the last or only slot */
    uint8_t stored;  /* the bytes are in a chunk: the first 4 bytes of data are its id, an i32 */
    uint8_t pad[3];
    uint8_t data[CPPIPC_SLOT_DATA];
};

struct cppipc_slot {
    struct cppipc_message message;
    /* bits 0..31: receivers that have not read it. route: 32..63 epoch. channel: 32..55 modifications, 56..63 epoch */
    _Atomic uint64_t readers;
    /* channel only: ~(u64)index once written; index + 256 when the last reader is through; 0 before the first use */
    _Atomic uint64_t committed;
};

struct cppipc_ring {
    _Atomic uint32_t connected; /* a bit for each receiver */
    _Atomic uint32_t lock;      /* held once, while `constructed` is set */
    _Atomic uint8_t constructed;
    uint8_t pad0[55];
    _Atomic uint32_t
        write; /* route: index of the next slot. channel: the same, but moved on before the slot is written */
    uint8_t pad1[60];
    _Atomic uint64_t epoch; /* one more (route << 32, channel << 56) for each forced push */
    uint8_t pad2[56];
    struct cppipc_slot slots[CPPIPC_SLOTS];
    _Atomic uint8_t sender; /* route only: somebody is the sender. It has no owner */
    uint8_t pad3[63];
};

static_assert(sizeof(struct cppipc_mutex) == 24 && offsetof(struct cppipc_mutex, word) == 16, "cpp-ipc's mutex");
static_assert(sizeof(struct cppipc_message) == 80 && offsetof(struct cppipc_message, data) == 16, "cpp-ipc's message");
static_assert(sizeof(struct cppipc_slot) == 96 && offsetof(struct cppipc_slot, readers) == 80 &&
                  offsetof(struct cppipc_slot, committed) == 88,
              "cpp-ipc's slot");
static_assert(offsetof(struct cppipc_ring, constructed) == 8 && offsetof(struct cppipc_ring, write) == 64 &&
                  offsetof(struct cppipc_ring, epoch) == 128 && offsetof(struct cppipc_ring, slots) == 192 &&
                  offsetof(struct cppipc_ring, sender) == 24768 && sizeof(struct cppipc_ring) == 24832,
              "cpp-ipc's ring");

/* ---- a pool of chunks ---------------------------------------------------------------------------------------------- */

/* Chunk i begins at sizeof(struct cppipc_pool) + i * class size: a u32 mask of the receivers that still need it, 12 bytes of padding, the payload. */
struct cppipc_pool {
    uint8_t next[CPPIPC_CHUNKS]; /* free list */
    uint8_t head;                /* 32: no chunk is free */
    uint8_t prepared;
    uint8_t pad[2];
    _Atomic uint32_t lock; /* spun on, without an owner: who dies inside leaves it taken for ever */
};

#define CPPIPC_CHUNK_HEADER 16u
static_assert(sizeof(struct cppipc_pool) == 40 && offsetof(struct cppipc_pool, lock) == 36, "cpp-ipc's pool");

/* Bytes of one chunk of the class that takes a message of `len`. */
static inline uint64_t cppipc_class_bytes(uint64_t len)
{
    return (len + CPPIPC_CHUNK_HEADER + 1023) / 1024 * 1024;
}

static inline uint64_t cppipc_pool_bytes(uint64_t class_bytes)
{
    return sizeof(struct cppipc_pool) + CPPIPC_CHUNKS * class_bytes;
}

#endif
