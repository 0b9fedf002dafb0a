/* Objects in shared memory, opened as the library opens them: created where they are not there, cut to size at every open, and
 * with a reference count in their last 4 bytes. Whoever brings it to 0 unlinks the file. */
#ifndef TESTS_MODEL_CPPIPC_OBJECT_H
#define TESTS_MODEL_CPPIPC_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object {
    unsigned char *at;
    size_t size;
    char path[512];
};

/* `open_to_all`: mode 0666 whatever the umask, as 1.4 does and 1.3 does not. */
bool object_open(struct object *object, const char *directory, const char *file, size_t payload, bool open_to_all);
void object_close(struct object *object);
int32_t object_references(const struct object *object);

static inline _Atomic uint32_t *u32_at(const struct object *object, size_t offset)
{
    return (_Atomic uint32_t *)(object->at + offset);
}

static inline _Atomic uint64_t *u64_at(const struct object *object, size_t offset)
{
    return (_Atomic uint64_t *)(object->at + offset);
}

#endif
