/* One shared object of cpp-ipc: opened as the library opens it, with its reference counted, but never shrunk, and created only
 * where the caller says so. A file of another size is refused: it belongs to other constants, another machine or nobody.
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
};

/* `payload`: the object's bytes without its count. `mapped`: how many to map, at least the head; 0: the whole object.
 * 0; -ENOENT: not there and not to be created; -EPROTO: there, with another size (in `explain`); -EACCES; -ENOSPC: memory for it
 * cannot be had, found by asking for it and not by a SIGBUS later; other -errno. On failure nothing is open. */
int segment_open(struct segment *segment, const char *directory, const char *file, uint64_t payload, uint64_t mapped,
                 uint32_t flags, char *explain, size_t explain_size);
/* Gives the reference back, and unlinks the file when it was the last one. NULL-safe, idempotent. */
void segment_close(struct segment *segment);

/* The file was removed, replaced or cut short since: what is mapped reaches nobody. A system call or two. Any thread. */
bool segment_is_gone(const struct segment *segment);
int32_t segment_references(const struct segment *segment);

#endif
