/* Shared memory full of nonsense: no crash, no hang, nothing read outside the mapping (run this under asan). */
#include "channel_fixture.h"
#include "layout.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

TestSuite(hostile, .init = fixture_open, .fini = fixture_close, .timeout = 100);

static unsigned char *map_segment(size_t *bytes)
{
    int fd = open(segment_file(), O_RDWR);
    struct stat file;
    cr_assert(fd >= 0 && fstat(fd, &file) == 0);
    *bytes = (size_t)file.st_size;
    unsigned char *base = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    cr_assert(base != MAP_FAILED);
    close(fd);
    return base;
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return *state;
}

static int try_open(void)
{
    struct leat_writer *writer;
    struct leat_channel_options any = options;
    any.flags = LEAT_OPEN_ANY;
    int rc = leat_writer_open(&writer, "c", &any);
    if (rc == 0)
        leat_writer_close(writer);
    return rc;
}

Test(hostile, every_field_of_the_header_that_matters_is_checked)
{
    leat_writer_close(writer_on("c"));
    size_t bytes;
    unsigned char *base = map_segment(&bytes);
    struct segment_header good, *header = (struct segment_header *)(void *)base;
    good = *header;
#define REFUSED(field, value)                                                                  \
    do {                                                                                       \
        header->field = (value);                                                               \
        cr_expect(try_open() == LEAT_EVERSION, #field " = " #value ": %s", leat_error_text()); \
        *header = good;                                                                        \
    } while (0)
    REFUSED(magic, 1);
    REFUSED(major, 2);
    REFUSED(header_bytes, 10);
    REFUSED(must_features, 1);
    REFUSED(cookie, 1);
    REFUSED(total_bytes, good.total_bytes + 4096);
    REFUSED(total_bytes, 0);
    REFUSED(control_offset, 0);
    REFUSED(voids_offset, UINT64_MAX);
    REFUSED(writers_offset, good.total_bytes);
    REFUSED(readers_offset, UINT64_MAX - 100);
    REFUSED(data_offset, 0);
    REFUSED(capacity_bytes, 0);
    REFUSED(capacity_bytes, good.capacity_bytes * 2);
    REFUSED(capacity_bytes, UINT64_C(1) << 63);
    REFUSED(policy, 9);
    REFUSED(producers, 9);
    REFUSED(writer_slots, 0);
    REFUSED(writer_slots, UINT32_MAX);
    REFUSED(reader_slots, UINT32_MAX);
    REFUSED(quantum_log2, 63);
    REFUSED(wait_readers, UINT32_MAX);
    header->minor = 77; /* may be newer, may have more */
    header->may_features = UINT64_MAX;
    cr_expect(try_open() == 0);
    *header = good;
    cr_assert(truncate(segment_file(), (off_t)(bytes - 4096)) == 0);
    cr_expect(try_open() == LEAT_EVERSION);
    munmap(base, bytes);
}

/* Reads whatever comes for a while; every call must end. */
static unsigned read_some(struct leat_reader *reader, int calls)
{
    static unsigned char buffer[65536];
    unsigned whole = 0;
    for (int i = 0; i < calls; i++) {
        struct leat_message message;
        int rc = i % 2 == 0 ? leat_read(reader, buffer, sizeof buffer, &message, 0) : leat_borrow(reader, &message, 0);
        cr_assert(rc == 0 || rc == LEAT_EAGAIN || rc == LEAT_ECORRUPT || rc == LEAT_ECLOSED, "%d", rc);
        if (rc != 0)
            continue;
        cr_assert(message.len <= 32768);
        unsigned sum = 0;
        for (uint64_t at = 0; at < message.len; at++)
            sum += ((const unsigned char *)message.data)[at];
        whole += sum >= message.len || sum < message.len;
        if (i % 2 == 1)
            (void)leat_release(reader);
    }
    return whole;
}

static uint64_t nasty_number(uint64_t *state)
{
    static const uint64_t nasty[] = {0,
                                     1,
                                     15,
                                     16,
                                     48,
                                     65535,
                                     65536,
                                     UINT32_MAX,
                                     UINT64_MAX,
                                     UINT64_MAX - 15,
                                     UINT64_C(1) << 62,
                                     UINT64_C(1) << 63,
                                     32768,
                                     32769};
    uint64_t choice = random_next(state) % 20;
    return choice < sizeof nasty / sizeof *nasty ? nasty[choice] : random_next(state);
}

Test(hostile, a_garbled_record_is_reported_and_skipped)
{
    static const size_t offsets[] = {offsetof(struct record, len), offsetof(struct record, span16),
                                     offsetof(struct record, sequence), offsetof(struct record, owner)};
    uint64_t seed = 1;
    for (size_t i = 0; i < 4; i++)
        for (int round = 0; round < 50; round++) {
            remove_channel("c");
            struct leat_reader *reader = reader_on("c");
            struct leat_writer *writer = writer_on("c");
            size_t bytes;
            unsigned char *base = map_segment(&bytes);
            must_put(writer, 0, 100);
            must_put(writer, 1, 100);
            uint64_t value = nasty_number(&seed);
            struct segment_header *header = (struct segment_header *)(void *)base;
            memcpy(base + header->data_offset + offsets[i], &value, offsets[i] == offsetof(struct record, len) ? 8 : 4);
            read_some(reader, 10);
            must_put(writer, 2, 100); /* reading goes on with what comes next */
            (void)read_some(reader, 10);
            munmap(base, bytes);
            leat_writer_close(writer);
            leat_reader_close(reader);
        }
}

static void garble(unsigned char *base, size_t bytes, uint64_t *seed)
{
    size_t control_end = LAYOUT_PAGE * 5;
    size_t range = random_next(seed) % 3 == 0 ? bytes : control_end;
    size_t at = LAYOUT_PAGE + random_next(seed) % (range - LAYOUT_PAGE - 8);
    uint64_t value = nasty_number(seed);
    if (random_next(seed) % 2 == 0)
        at &= ~(size_t)7;
    if (at - LAYOUT_PAGE >= offsetof(struct control, state) - 8 &&
        at - LAYOUT_PAGE <= offsetof(struct control, state) + 4)
        return; /* removed is removed */
    memcpy(base + at, &value, sizeof value);
}

/* Forges records with valid stamps, which only one who may read the cookie can. */
static void forge(unsigned char *base, uint64_t *seed)
{
    struct segment_header *header = (struct segment_header *)(void *)base;
    uint64_t position = (random_next(seed) % (4 * header->capacity_bytes)) & ~UINT64_C(15);
    struct record *record = (struct record *)(void *)(base + header->data_offset + position % header->capacity_bytes);
    if (position % header->capacity_bytes + sizeof *record > header->capacity_bytes)
        return;
    static const uint64_t states[] = {RECORD_CLAIMED, RECORD_COMMITTED, RECORD_VOID, RECORD_COMMITTED};
    record->len = nasty_number(seed);
    record->span16 = (uint32_t)nasty_number(seed);
    record->sequence = nasty_number(seed);
    record->owner = (uint16_t)nasty_number(seed);
    record->stamp = (position | states[random_next(seed) % 4]) ^ header->cookie;
}

Test(hostile, random_nonsense_anywhere_crashes_and_hangs_nobody)
{
    uint64_t seed = UINT64_C(0x1ea7), whole = 0;
    for_each_kind(policy, producers)
    {
        for (int round = 0; round < 60; round++) {
            use_kind(policy, producers);
            struct leat_reader *reader = reader_on("c"), *durable = durable_on("c", "d", 0);
            struct leat_writer *writer = writer_on("c");
            size_t bytes;
            unsigned char *base = map_segment(&bytes);
            for (int step = 0; step < 200; step++) {
                static unsigned char payload[8000];
                (void)leat_publish(writer, payload, random_next(&seed) % sizeof payload, 0, 0);
                if (step % 4 == 0)
                    garble(base, bytes, &seed);
                if (step % 3 == 0)
                    forge(base, &seed);
                whole += read_some(reader, 4);
                whole += read_some(durable, 2);
            }
            struct leat_channel_info info = {.size = sizeof info};
            struct leat_reader_info readers[8];
            for (int i = 0; i < 8; i++)
                readers[i].size = sizeof readers[i];
            (void)leat_channel_inspect(options.directory, "c", &info, readers, 8);
            leat_reader_close(reader);
            leat_reader_close(durable);
            leat_writer_close(writer);
            (void)try_open();
            munmap(base, bytes);
        }
    }
    cr_expect(whole > 1000);
}

Test(hostile, a_wait_ends_in_time_whatever_lies_in_memory)
{
    struct leat_reader *reader = reader_on("c");
    struct leat_writer *writer = writer_on("c");
    size_t bytes;
    unsigned char *base = map_segment(&bytes);
    struct segment_header *header = (struct segment_header *)(void *)base;
    /* void records all around the ring, of the smallest size, valid for the first lap */
    for (uint64_t position = 0; position < header->capacity_bytes - 48; position += 48) {
        struct record *record = (struct record *)(void *)(base + header->data_offset + position);
        record->span16 = 3;
        record->sequence = position;
        record->stamp = (position | RECORD_VOID) ^ header->cookie;
    }
    struct leat_message message;
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    int rc = leat_borrow(reader, &message, 50 * MS_NS);
    clock_gettime(CLOCK_MONOTONIC, &end);
    cr_expect(rc < 0);
    cr_expect(end.tv_sec - start.tv_sec < 5);
    munmap(base, bytes);
    leat_writer_close(writer);
    leat_reader_close(reader);
}
