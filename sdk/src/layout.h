/* The segment as it lies in shared memory: frozen knowledge. Any change of an offset is a new LAYOUT_MAJOR.
 *
 *     0      header    written once before the file gets its name, never again
 *     4096   control   cursors and wake words, each on a line pair of its own (adjacent-line prefetch)
 *     8192   void log  sequence numbers of the last aborted records
 *     12288  writer slots, then reader slots, then up to the next multiple of 64 KiB nothing
 *     data   the ring: `capacity_bytes`, a power of two
 *
 * Numbers are little-endian and 64-bit atomics are lock-free (x86-64, aarch64). A position counts bytes since the
 * channel's creation and never repeats; its place in the ring is position % capacity. Every process maps the ring twice
 * in a row, so a record that runs over the end is contiguous all the same and there is no padding.
 * The file also carries locks, as open-file-description locks on single bytes: a participant holds the first byte of its
 * slot as long as it lives; the first byte of the control page is held while slots are handed out. */
#ifndef LEAT_LAYOUT_H
#define LEAT_LAYOUT_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYOUT_MAGIC UINT64_C(0x314e4843544165cc) /* the first byte is no text; "eATCHN1" follows */
#define LAYOUT_MAJOR 1u                           /* another one is refused                        */
#define LAYOUT_MINOR 0u                           /* a higher one only appends                     */
#define LAYOUT_MUST UINT64_C(0)                   /* feature bits that must be understood to take part: none so far */

#define LAYOUT_PAGE UINT64_C(4096)
#define LAYOUT_DATA_ALIGN (UINT64_C(64) << 10) /* the largest page size of our platforms */
#define LAYOUT_QUANTA 16u                      /* the frontier and the boundaries count in capacity / 16 */
#define LAYOUT_VOIDS 512u
#define LAYOUT_CAPACITY_MAX (UINT64_C(64) << 30) /* span16 has 32 bits */
#define LAYOUT_WRITER_SLOTS_MAX 1024u
#define LAYOUT_READER_SLOTS_MAX 65536u
#define LAYOUT_NAME_BYTES 64u

#define LINE _Alignas(128)

struct segment_header {
    uint64_t magic;
    uint16_t major, minor;
    uint32_t header_bytes;
    uint64_t must_features, may_features;
    unsigned char incarnation[16]; /* new at every creation                                                  */
    uint64_t cookie;               /* random, top bit set; part of every stamp; never leaves the host        */
    uint64_t total_bytes;
    uint64_t control_offset, voids_offset, writers_offset, readers_offset, data_offset;
    uint64_t capacity_bytes;
    uint32_t policy, producers;
    uint32_t writer_slots, reader_slots;
    uint32_t wait_readers;
    uint32_t quantum_log2;
    uint64_t created_ns;
    uint32_t creator_pid, reserved;
};

/* A position with its sequence number, never torn, even when its writer dies half-way: see cursor.h. */
struct cursor {
    _Atomic uint64_t word; /* counts stores; its lowest bit says which half is valid */
    _Atomic uint64_t position[2];
    _Atomic uint64_t sequence[2];
};

struct control {
    LINE struct cursor tail;          /* where the next record goes. Nobody polls it: joiners and recovery read it   */
    _Atomic uint64_t rollbacks;       /* counts how often the tail went back over a claim that was given up          */
    LINE _Atomic uint64_t frontier;   /* bytes at positions below frontier - capacity may be overwritten           */
    _Atomic uint64_t granted;         /* block policy: what the frontier is about to become; joiners start above it  */
    LINE _Atomic uint32_t wake;       /* readers' futex: bit 0 somebody sleeps, the rest counts wake-ups            */
    _Atomic uint32_t state;           /* enum segment_state                                                          */
    LINE _Atomic uint32_t space;      /* the same for writers that wait for room                                     */
    _Atomic uint64_t wanted;          /* a reader that has come to this position wakes them                           */
    LINE _Atomic uint32_t claim_lock; /* many producers: 0, or who holds it: see claim_lock.h                     */
    LINE _Atomic uint64_t boundary[LAYOUT_QUANTA]; /* where the first record of each quantum starts              */
    LINE _Atomic uint64_t reader_epoch; /* counts readers that began to hold writers back                        */
    _Atomic uint32_t reader_high;       /* slots at and above it were never used */
    _Atomic uint32_t writer_high;
    LINE _Atomic uint64_t voids; /* entries ever made in the void log                                           */
    LINE unsigned char reserved[1024];
    /* Kept free for doorbells: a process that waits for many channels registers {offset, length} of its own small
     * segment here, and a writer rings it where it would wake the channel's futex. 32 entries of 32 bytes. */
    LINE unsigned char doorbells[1024];
};

enum segment_state { SEGMENT_OPEN = 0, SEGMENT_REMOVED = 1 };

#define NOT_IN_FLIGHT UINT64_MAX

struct writer_slot {
    LINE _Atomic uint64_t inflight;   /* many producers: where its open claim starts, NOT_IN_FLIGHT                  */
    _Atomic uint64_t messages, bytes; /* over all writers that used the slot                                       */
    _Atomic uint64_t published_ns;
    _Atomic uint32_t pid;
    _Atomic uint32_t generation; /* counts the writers that used the slot; part of what they put in claim_lock     */
    unsigned char reserved[88];
};

/* flags in the low byte of reader_slot.state; a generation above them makes a slot's next life another value */
#define READER_USED 1u
#define READER_DURABLE 2u
#define READER_GATING 4u /* writers must not overtake it */
#define READER_FLAGS 0xffu

struct reader_slot {
    LINE struct cursor cursor; /* everything before it is done with                                               */
    unsigned char reserved[88];
    LINE _Atomic uint32_t state;
    _Atomic uint32_t pid;
    _Atomic uint64_t hold_ns;    /* durable, block policy: for how long it holds writers after its death         */
    _Atomic uint64_t dead_since; /* CLOCK_MONOTONIC at which its death was noticed; its low byte is that of the
                                    generation that died                                                         */
    _Atomic uint64_t lost;
    _Atomic char name[LAYOUT_NAME_BYTES];
};

/* A record lies at a multiple of 16; its payload follows at once. */
struct record {
    _Atomic uint64_t stamp; /* (position | state) ^ cookie: stored last, never valid by chance or from another lap */
    _Atomic uint64_t len;
    _Atomic uint64_t sequence;
    _Atomic uint64_t time_ns;
    _Atomic uint64_t tag;
    _Atomic uint32_t span16; /* the whole record in units of 16 bytes                                             */
    _Atomic uint16_t owner;  /* writer slot                                                                       */
    _Atomic uint8_t type;    /* 0 so far                                                                            */
    _Atomic uint8_t life;    /* low byte of the owner's generation: its slot may have had others                    */
};

enum record_state { RECORD_CLAIMED = 1, RECORD_COMMITTED = 2, RECORD_VOID = 4 }; /* 3 was padding in a draft */

static_assert(sizeof(struct segment_header) == 152, "header");
static_assert(offsetof(struct segment_header, must_features) == 16, "header");
static_assert(offsetof(struct segment_header, incarnation) == 32, "header");
static_assert(offsetof(struct segment_header, cookie) == 48, "header");
static_assert(offsetof(struct segment_header, total_bytes) == 56, "header");
static_assert(offsetof(struct segment_header, control_offset) == 64, "header");
static_assert(offsetof(struct segment_header, data_offset) == 96, "header");
static_assert(offsetof(struct segment_header, capacity_bytes) == 104, "header");
static_assert(offsetof(struct segment_header, policy) == 112, "header");
static_assert(offsetof(struct segment_header, writer_slots) == 120, "header");
static_assert(offsetof(struct segment_header, wait_readers) == 128, "header");
static_assert(offsetof(struct segment_header, quantum_log2) == 132, "header");
static_assert(offsetof(struct segment_header, created_ns) == 136, "header");
static_assert(offsetof(struct segment_header, creator_pid) == 144, "header");
static_assert(sizeof(struct cursor) == 40, "cursor");
static_assert(offsetof(struct control, tail) == 0, "control");
static_assert(offsetof(struct control, rollbacks) == 40, "control");
static_assert(offsetof(struct control, frontier) == 128, "control");
static_assert(offsetof(struct control, granted) == 136, "control");
static_assert(offsetof(struct control, wake) == 256, "control");
static_assert(offsetof(struct control, state) == 260, "control");
static_assert(offsetof(struct control, space) == 384, "control");
static_assert(offsetof(struct control, wanted) == 392, "control");
static_assert(offsetof(struct control, claim_lock) == 512, "control");
static_assert(offsetof(struct control, boundary) == 640, "control");
static_assert(offsetof(struct control, reader_epoch) == 768, "control");
static_assert(offsetof(struct control, reader_high) == 776, "control");
static_assert(offsetof(struct control, writer_high) == 780, "control");
static_assert(offsetof(struct control, voids) == 896, "control");
static_assert(offsetof(struct control, doorbells) == 2048, "control");
static_assert(sizeof(struct control) <= LAYOUT_PAGE, "control");
static_assert(sizeof(struct writer_slot) == 128, "writer slot");
static_assert(offsetof(struct writer_slot, published_ns) == 24, "writer slot");
static_assert(offsetof(struct writer_slot, pid) == 32, "writer slot");
static_assert(sizeof(struct reader_slot) == 256, "reader slot");
static_assert(offsetof(struct reader_slot, state) == 128, "reader slot");
static_assert(offsetof(struct reader_slot, hold_ns) == 136, "reader slot");
static_assert(offsetof(struct reader_slot, dead_since) == 144, "reader slot");
static_assert(offsetof(struct reader_slot, lost) == 152, "reader slot");
static_assert(offsetof(struct reader_slot, name) == 160, "reader slot");
static_assert(sizeof(struct record) == 48, "record");
static_assert(offsetof(struct record, tag) == 32, "record");
static_assert(offsetof(struct record, span16) == 40, "record");
static_assert(offsetof(struct record, owner) == 44, "record");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "lock-free atomics");

/* Geometry is a function of three numbers: fills in every offset and size that follows from them. */
static inline void layout_fill(struct segment_header *header, uint64_t capacity, uint32_t writers, uint32_t readers)
{
    uint64_t slots = LAYOUT_PAGE * 3;
    header->capacity_bytes = capacity;
    header->writer_slots = writers;
    header->reader_slots = readers;
    header->control_offset = LAYOUT_PAGE;
    header->voids_offset = LAYOUT_PAGE * 2;
    header->writers_offset = slots;
    header->readers_offset = (slots + writers * sizeof(struct writer_slot) + 255) & ~UINT64_C(255);
    uint64_t end = header->readers_offset + readers * sizeof(struct reader_slot);
    header->data_offset = (end + LAYOUT_DATA_ALIGN - 1) & ~(LAYOUT_DATA_ALIGN - 1);
    header->total_bytes = header->data_offset + capacity;
    header->quantum_log2 = (uint32_t)__builtin_ctzll(capacity / LAYOUT_QUANTA);
}

#endif
