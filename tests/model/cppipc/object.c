#include "object.h"

#include "offsets.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static _Atomic int32_t *references(const struct object *object)
{
    return (_Atomic int32_t *)(object->at + object->size - REFERENCE_BYTES);
}

bool object_open(struct object *object, const char *directory, const char *file, size_t payload, bool open_to_all)
{
    object->at = NULL;
    object->size = payload + REFERENCE_BYTES;
    snprintf(object->path, sizeof object->path, "%s/%s", directory, file);
    int fd = open(object->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return false;
    if (open_to_all && fchmod(fd, 0666) != 0)
        perror(object->path); /* not ours: the library goes on as well */
    if (ftruncate(fd, (off_t)object->size) == 0) {
        void *at = mmap(NULL, object->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        object->at = at == MAP_FAILED ? NULL : at;
    }
    close(fd);
    if (object->at)
        atomic_fetch_add_explicit(references(object), 1, memory_order_release);
    return object->at != NULL;
}

void object_close(struct object *object)
{
    if (!object->at)
        return;
    int32_t before = atomic_fetch_sub_explicit(references(object), 1, memory_order_acq_rel);
    munmap(object->at, object->size);
    object->at = NULL;
    if (before <= 1)
        unlink(object->path);
}

int32_t object_references(const struct object *object)
{
    return atomic_load_explicit(references(object), memory_order_acquire);
}
