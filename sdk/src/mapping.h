/* The mapped bytes of a segment, counted: who was lent something may keep them beyond the close of the reader or writer. */
#ifndef LEAT_MAPPING_H
#define LEAT_MAPPING_H

#include <leat/channel.h>

#include <stdatomic.h>

struct leat_mapping {
    _Atomic unsigned holders; /* the segment is one, until it is detached */
    unsigned char *base;
    size_t bytes;
};

/* Address space for `bytes`, held once and not accessible yet. NULL with errno. */
struct leat_mapping *mapping_new(size_t bytes);

struct leat_mapping *mapping_hold(struct leat_mapping *mapping);

#endif
