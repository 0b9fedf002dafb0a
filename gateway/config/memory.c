#include "config/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static _Noreturn void out_of_memory(void)
{
    fputs("leatd: out of memory while reading the configuration\n", stderr);
    exit(EX_OSERR);
}

static void *or_die(void *memory)
{
    if (memory == NULL)
        out_of_memory();
    return memory;
}

void *memory_zeroed(size_t size)
{
    return or_die(calloc(1, size > 0 ? size : 1));
}

void *memory_resize(void *old, size_t count, size_t size)
{
    return or_die(reallocarray(old, count > 0 ? count : 1, size));
}

char *memory_copy(const char *text)
{
    return or_die(strdup(text));
}

char *memory_copy_part(const char *text, size_t len)
{
    return or_die(strndup(text, len));
}

char *memory_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    const int len = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (len < 0)
        out_of_memory();
    return text;
}

void *memory_grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity > 0 ? *capacity * 2 : 16;
    return memory_resize(items, *capacity, size);
}

struct memory_chunk {
    struct memory_chunk *next;
    max_align_t bytes[];
};

void *memory_pool_take(struct memory_pool *pool, size_t size)
{
    struct memory_chunk *chunk = memory_zeroed(sizeof(*chunk) + size);
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    return chunk->bytes;
}

char *memory_pool_copy(struct memory_pool *pool, const char *text, size_t len)
{
    char *copy = memory_pool_take(pool, len + 1);
    memcpy(copy, text, len);
    return copy;
}

void memory_pool_fini(struct memory_pool *pool)
{
    while (pool->chunks != NULL) {
        struct memory_chunk *chunk = pool->chunks;
        pool->chunks = chunk->next;
        free(chunk);
    }
}
