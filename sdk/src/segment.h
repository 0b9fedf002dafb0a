/* A channel's segment file: finding, creating, mapping and checking it.
 *
 * A new segment is built without a name and then linked into place, so nobody ever sees a half-built one. At attach
 * everything the header says is checked once and copied; after that the header is not looked at again. */
#ifndef LEAT_SEGMENT_H
#define LEAT_SEGMENT_H

#include "mapping.h"
#include "record.h"

#include <leat/channel.h>

#include <sys/types.h>

enum segment_access {
    SEGMENT_LOOK,  /* header, control and slots, read-only                                               */
    SEGMENT_KEEP,  /* the same, writable: removing, forgetting                                           */
    SEGMENT_READ,  /* everything; read-only when this user may not write an overwrite channel            */
    SEGMENT_WRITE, /* everything, writable                                                               */
};

struct segment {
    struct segment_header header; /* checked copy */
    struct ring ring;             /* ring.data is NULL when only looking */
    int fd;
    bool writable;
    struct leat_mapping *mapping;
    char *path;
    char name[LEAT_NAME_MAX + 1];
    struct segment *next, **link; /* in the list that a forked child walks */
};

/* Where the channel lies: DIRECTORY/leat.NAME, in a new string. -EINVAL for a bad name. */
int segment_path(char **path, const char *directory, const char *name);

/* The directory that `directory` stands for when it is NULL. */
const char *segment_directory(const char *directory);

bool segment_name_is_valid(const char *name, size_t max);

/* Maps an existing segment. -ENOENT, -EACCES, LEAT_EVERSION, ... with a sentence. */
int segment_attach(struct segment **segment, const char *directory, const char *name, enum segment_access access);

/* Attaches; creates the segment first when it is not there and `create` is set. A removed one that still has its name (its
 * remover died) is replaced. */
int segment_open(struct segment **segment, const char *name, const struct leat_channel_options *options,
                 enum segment_access access, bool create);

/* Closes, and unmaps unless somebody keeps the mapping; every lease taken through it is dropped. NULL is harmless. */
void segment_detach(struct segment *segment);

/* Takes the name away, when it still is this segment's. Under the registry lock: between the look and the unlinking nobody else
 * may replace the segment. 0 or a negative errno. */
int segment_unlink(const struct segment *segment);

/* Held while slots are handed out or the channel is removed. -EBUSY when another process sits on it for 5 s. */
int segment_registry_lock(const struct segment *segment);
void segment_registry_unlock(const struct segment *segment);

static inline uint64_t segment_writer_lease(const struct segment_header *header, uint32_t slot)
{
    return header->writers_offset + slot * sizeof(struct writer_slot);
}

static inline uint64_t segment_reader_lease(const struct segment_header *header, uint32_t slot)
{
    return header->readers_offset + slot * sizeof(struct reader_slot);
}

/* In a forked child: the handle is the parent's, and what it says in shared memory is none of the child's business. */
static inline bool segment_is_foreign(const struct segment *segment)
{
    return segment->fd < 0;
}

static inline bool segment_is_removed(const struct segment *segment)
{
    return atomic_load_explicit(&segment->ring.control->state, memory_order_acquire) == SEGMENT_REMOVED;
}

#endif
