/* Memory that is there or ends the process: reading a configuration has no sensible way to go on without it. */
#ifndef LEAT_CONFIG_MEMORY_H
#define LEAT_CONFIG_MEMORY_H

#include <stddef.h>

/* As calloc, realloc (count items of size bytes), strdup and strndup; never NULL. */
void *memory_zeroed(size_t size);
void *memory_resize(void *old, size_t count, size_t size);
char *memory_copy(const char *text);
char *memory_copy_part(const char *text, size_t len);
/* A formatted text of its own. */
__attribute__((format(printf, 1, 2))) char *memory_format(const char *format, ...);

/* Makes room for one more item: grows `items` by doubling when count == *capacity. */
void *memory_grow(void *items, size_t count, size_t *capacity, size_t size);

/* Many small things that are freed together. Zero-initialised is an empty pool. */
struct memory_pool {
    struct memory_chunk *chunks;
};
void *memory_pool_take(struct memory_pool *pool, size_t size); /* zeroed, aligned for anything */
char *memory_pool_copy(struct memory_pool *pool, const char *text, size_t len);
void memory_pool_fini(struct memory_pool *pool);

#endif
