/* One shared object of cpp-ipc: opened as the library opens it, with its reference counted, but never shrunk, and created only
 * where the caller says so. A file of another size is refused: it belongs to other constants, another machine or nobody.
 *
 * Memory for it is asked for when it is opened: for all of a small object, and for the first and the last page of one that has more
 * than 64 KiB, as pools have, whose files are far larger than what is ever used of them.
 *
 * Somebody may cut the file short under the mapping; reading it would then be a SIGBUS. While a segment is mapped, such a
 * fault is answered with pages of zeros, and segment_is_gone tells it (fault.h). Payload is not read through mappings: pread and
 * pwrite on `fd` end with a short count instead. */
#ifndef LEAT_CPPIPC_SEGMENT_H
#define LEAT_CPPIPC_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_CREATE 1u   /* where it is not there */
#define SEGMENT_NO_COUNT 2u /* only to look at it: neither counted nor unlinked at the close */

struct segment {
    unsigned char *at; /* NULL: not open */
    size_t mapped;     /* bytes at `at` */
    uint64_t size;     /* of the file */
    int fd;
    uint32_t flags;
    uint64_t device, inode;
    char *path;

    bool first;               /* our reference was the only one when we took it */
    _Atomic int32_t *count;   /* references: in the mapping, or in the page at `tail` */
    void *tail;               /* the page that the count is in, where `at` does not reach so far */
    int watch_at, watch_tail; /* fault.h */
};

/* `payload`: the object's bytes without its count. `mapped`: how many to map, at least the head; 0: the whole object.
 * 0; -ENOENT: not there and not to be created, or just being made; -EPROTO: there, with another size (in `explain`); -EACCES;
 * -ENOSPC: memory for it cannot be had, found by asking for it and not by a SIGBUS later; other -errno. On failure nothing is
 * open. */
int segment_open(struct segment *segment, const char *directory, const char *file, uint64_t payload, uint64_t mapped,
                 uint32_t flags, char *explain, size_t explain_size);
/* A second mapping of an open segment, for another thread: it is not counted, and stays when the first is closed. */
int segment_again(struct segment *segment, const struct segment *of);
/* Gives the reference back, and unlinks the file when it was the last one. NULL-safe, idempotent; what was never opened is all
 * zero. */
void segment_close(struct segment *segment);

/* The file was removed, replaced or cut short since: what is mapped reaches nobody. A system call. Any thread. */
bool segment_is_gone(const struct segment *segment);
/* Something of it could not be read or written: zeros lie there. A load or two. Any thread. */
bool segment_has_faulted(const struct segment *segment);
int32_t segment_references(const struct segment *segment);

#endif
