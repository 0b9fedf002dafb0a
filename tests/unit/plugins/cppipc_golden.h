/* cpp-ipc's files as its layout page lists them, byte by byte, with every offset written out here and nothing of the plugin's. */
#ifndef TESTS_UNIT_PLUGINS_CPPIPC_GOLDEN_H
#define TESTS_UNIT_PLUGINS_CPPIPC_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GOLDEN_RING 24836u /* bytes on disk */
#define GOLDEN_POOL_1024 32812u

/* Where something stands, in a ring ... */
enum {
    AT_CONNECTED = 0,
    AT_CONSTRUCTED = 8,
    AT_WRITE = 64,
    AT_EPOCH = 128,
    AT_SLOTS = 192,
    SLOT_BYTES = 96,
    IN_SLOT_HANDLE = 0,
    IN_SLOT_ID = 4,
    IN_SLOT_REMAIN = 8,
    IN_SLOT_STORED = 12,
    IN_SLOT_DATA = 16,
    IN_SLOT_READERS = 80,
    IN_SLOT_COMMITTED = 88,
    AT_SENDER = 24768
};
/* ... and in a pool of chunks of 1024 bytes. */
enum { AT_FREE = 32, AT_PREPARED = 33, AT_SPIN = 36, AT_CHUNKS = 40, IN_CHUNK_DATA = 16 };

extern char golden_folder[];

void golden_set_up(void);    /* an empty folder */
void golden_tear_down(void); /* nothing where there is none */

/* All nine files of a name, as if one receiver (bit 0) and nobody else had them open. `ring`: the ring's file. */
void golden_make(const char *prefix, const char *name, const char *ring);
void golden_make_pool(const char *prefix); /* of the smallest class; chunks 0 and 1 are in use */

/* The bytes of a file, mapped; the last file of that part of a name. */
unsigned char *golden_file(const char *file);
size_t golden_count(void); /* files in the folder */
size_t golden_size(const char *file);
int32_t golden_references(const char *file);

uint32_t get32(const unsigned char *at);
uint64_t get64(const unsigned char *at);
void put32(unsigned char *at, uint32_t value);
void put64(unsigned char *at, uint64_t value);

#endif
