/* A stream of messages that both ends can compute: message i of a stream has a size and bytes that follow from the seed alone,
 * so a receiver in any language can tell a lost, doubled, reordered or damaged message from a right one.
 *
 * A draw for message i is splitmix64(seed + i). The pattern is 4 MiB of splitmix64(seed), splitmix64(seed + 1), ...
 * The message is the pattern from offset draw % 2 MiB on, with i in its first 8 bytes (little endian) where it has as
 * many. tests/integration/stream.py computes the same. */
#ifndef TESTS_SUPPORT_STREAM_H
#define TESTS_SUPPORT_STREAM_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_PATTERN_BYTES ((size_t)4 << 20)
#define STREAM_LARGEST ((size_t)1 << 20)

struct stream {
    uint64_t seed;
    size_t smallest, largest; /* both 0: mixed sizes, 0 bytes to 1 MiB, most of them small */
    unsigned char *pattern;
};

static inline uint64_t stream_draw(uint64_t number)
{
    uint64_t z = number * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0, or -1 without memory. */
static inline int stream_init(struct stream *stream)
{
    stream->pattern = malloc(STREAM_PATTERN_BYTES);
    if (!stream->pattern)
        return -1;
    for (size_t word = 0; word < STREAM_PATTERN_BYTES / 8; word++) {
        uint64_t value = stream_draw(stream->seed + word);
        memcpy(stream->pattern + word * 8, &value, 8);
    }
    return 0;
}

/* Of 1000 mixed messages 900 have up to 255 bytes, 90 up to 4 KiB, 9 up to 64 KiB and one up to 1 MiB (one in 100,000 exactly):
 * a million of them are about a gigabyte. */
static inline size_t stream_size(const struct stream *stream, uint64_t index)
{
    uint64_t draw = stream_draw(stream->seed + index);
    uint64_t kind = (draw >> 24) % 100000, size = draw >> 44;
    if (stream->largest)
        return stream->smallest + size % (stream->largest - stream->smallest + 1);
    if (kind < 90000)
        return size % 256;
    if (kind < 99000)
        return size % (4096 + 1);
    if (kind < 99900)
        return size % (65536 + 1);
    return kind == 99999 ? STREAM_LARGEST : size % (STREAM_LARGEST + 1);
}

static inline void stream_fill(const struct stream *stream, uint64_t index, void *data, size_t size)
{
    memcpy(data, stream->pattern + stream_draw(stream->seed + index) % (2u << 20), size);
    if (size >= 8)
        memcpy(data, &index, 8);
}

/* Whether `data` is message `index`. */
static inline int stream_matches(const struct stream *stream, uint64_t index, const void *data, size_t size)
{
    const unsigned char *expected = stream->pattern + stream_draw(stream->seed + index) % (2u << 20);
    if (size != stream_size(stream, index))
        return 0;
    if (size < 8)
        return memcmp(data, expected, size) == 0;
    return memcmp(data, &index, 8) == 0 && memcmp((const unsigned char *)data + 8, expected + 8, size - 8) == 0;
}

#endif
