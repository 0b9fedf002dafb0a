#include "cli/channel/pub_source.h"

#include "base/clock.h"
#include "cli/interrupt.h"

#include <leat/error.h>

#include <endian.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int grow(struct source *source, size_t size)
{
    if (size <= source->buffer_size) {
        return 0;
    }
    char *bigger = realloc(source->buffer, size);
    if (!bigger) {
        warn("a message of %zu bytes", size);
        return -ENOMEM;
    }
    source->buffer = bigger;
    source->buffer_size = size;
    return 0;
}

/* Reads to the end of the file. */
static int load(struct source *source, FILE *file)
{
    size_t len = 0;
    for (size_t got = 1; got > 0; len += got) {
        if (len > source->max_message) {
            warnx("%s is larger than the %zu bytes that a message of this channel may have", source->text,
                  source->max_message);
            return LEAT_ETOOBIG;
        }
        int error = grow(source, len + 65536 + len / 2);
        if (error < 0) {
            return error;
        }
        got = fread(source->buffer + len, 1, source->buffer_size - len, file);
    }
    source->size = len;
    if (ferror(file)) {
        warn("%s", source->text);
        return -EIO;
    }
    return 0;
}

static int load_file(struct source *source)
{
    if (strcmp(source->text, "-") == 0) {
        return load(source, stdin);
    }
    FILE *file = fopen(source->text, "re");
    if (!file) {
        int error = errno;
        warn("%s", source->text);
        return -error;
    }
    int error = load(source, file);
    fclose(file);
    return error;
}

int source_open(struct source *source)
{
    source->random = (uint64_t)clock_monotonic_ns() | 1;
    if (source->kind == SOURCE_FILE) {
        return load_file(source);
    }
    if (source->kind != SOURCE_SYNTHETIC) {
        return 0;
    }
    int error = grow(source, source->size + 8);
    for (size_t i = 0; error == 0 && i < source->size; i++) {
        source->buffer[i] = (char)('a' + i % 26);
    }
    return error;
}

/* Bytes that no compressor and no coincidence can shorten: xorshift64. */
static void fill_random(struct source *source)
{
    for (size_t at = 0; at < source->size; at += 8) {
        source->random ^= source->random << 13;
        source->random ^= source->random >> 7;
        source->random ^= source->random << 17;
        memcpy(source->buffer + at, &source->random, 8); /* grow() left 8 bytes more than the size */
    }
}

/* The number of the message, readable, in front of letters. */
static void fill_sequence(struct source *source)
{
    char number[24];
    int len = snprintf(number, sizeof number, "%" PRIu64 " ", source->made);
    memcpy(source->buffer, number, (size_t)len < source->size ? (size_t)len : source->size);
}

static int next_synthetic(struct source *source, const void **data, size_t *len)
{
    if (source->fill == FILL_RANDOM) {
        fill_random(source);
    } else {
        fill_sequence(source);
    }
    source->made++;
    *data = source->buffer;
    *len = source->size;
    return 1;
}

/* Why a read of standard input came back empty. */
static int input_ended(void)
{
    if (ferror(stdin) && !interrupted()) {
        warn("standard input");
        return -EIO;
    }
    return 0;
}

static int next_delimited(struct source *source, int delimiter, const void **data, size_t *len)
{
    ssize_t got = getdelim(&source->buffer, &source->buffer_size, delimiter, stdin);
    if (got < 0) {
        return input_ended();
    }
    *data = source->buffer;
    *len = (size_t)got - (source->buffer[got - 1] == delimiter);
    return 1;
}

static int next_length_prefixed(struct source *source, const void **data, size_t *len)
{
    uint32_t prefix;
    size_t got = fread(&prefix, 1, sizeof prefix, stdin);
    if (got == 0) {
        return input_ended();
    }
    *len = be32toh(prefix);
    if (got == sizeof prefix && *len > source->max_message) {
        warnx("the input says that a message has %zu bytes; this channel takes %zu", *len, source->max_message);
        return LEAT_ETOOBIG;
    }
    int error = got == sizeof prefix ? grow(source, *len + 1) : 0;
    if (error < 0) {
        return error;
    }
    if (got < sizeof prefix || fread(source->buffer, 1, *len, stdin) < *len) {
        if (!interrupted()) {
            warnx("standard input ends in the middle of a message");
        }
        return -EIO;
    }
    *data = source->buffer;
    return 1;
}

int source_next(struct source *source, const void **data, size_t *len)
{
    switch (source->kind) {
    case SOURCE_LINES:
        return next_delimited(source, '\n', data, len);
    case SOURCE_NUL:
        return next_delimited(source, '\0', data, len);
    case SOURCE_LENGTH_PREFIXED:
        return next_length_prefixed(source, data, len);
    case SOURCE_SYNTHETIC:
        return next_synthetic(source, data, len);
    case SOURCE_TEXT:
        *data = source->text;
        *len = strlen(source->text);
        return 1;
    case SOURCE_FILE:
        *data = source->buffer;
        *len = source->size;
        return 1;
    }
    return 0;
}

void source_close(struct source *source)
{
    free(source->buffer);
}
