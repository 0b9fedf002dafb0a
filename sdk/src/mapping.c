#include "mapping.h"

#include <stdlib.h>
#include <sys/mman.h>

struct leat_mapping *mapping_new(size_t bytes)
{
    struct leat_mapping *mapping = malloc(sizeof *mapping);
    if (mapping == NULL)
        return NULL;
    void *base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        free(mapping);
        return NULL;
    }
    *mapping = (struct leat_mapping){.holders = 1, .base = base, .bytes = bytes};
    return mapping;
}

struct leat_mapping *mapping_hold(struct leat_mapping *mapping)
{
    atomic_fetch_add_explicit(&mapping->holders, 1, memory_order_relaxed);
    return mapping;
}

void leat_mapping_release(struct leat_mapping *mapping)
{
    if (mapping == NULL)
        return;
    /* mapping.1: what every other holder did with the bytes comes before they are unmapped. */
    if (atomic_fetch_sub_explicit(&mapping->holders, 1, memory_order_acq_rel) != 1)
        return;
    munmap(mapping->base, mapping->bytes);
    free(mapping);
}
