#include "cppipc/segment.h"
#include "cppipc/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT_BYTES sizeof(int32_t)
#define SPARSE_FROM (UINT64_C(64) << 10)
#define MODE 0666 /* as the library makes them, whatever the umask */

struct words {
    char *text;
    size_t size;
};

static uint64_t page_bytes(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t page_of(uint64_t offset)
{
    return offset & ~(page_bytes() - 1);
}

static bool is_created(const struct segment *segment)
{
    return (segment->flags & SEGMENT_CREATE) != 0;
}

static bool is_counted(const struct segment *segment)
{
    return (segment->flags & SEGMENT_NO_COUNT) == 0;
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

/* O_CREAT is never used on a file that is there: with fs.protected_regular that fails on one of another user. */
static int open_or_create(struct segment *segment, bool *created)
{
    const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    for (int tries = 0; tries < 100; tries++) { /* it may come and go between the two calls */
        *created = false;
        segment->fd = open(segment->path, flags);
        if (segment->fd >= 0)
            return 0;
        if (errno != ENOENT || !is_created(segment))
            return -errno;
        *created = true;
        segment->fd = open(segment->path, flags | O_CREAT | O_EXCL, MODE);
        if (segment->fd >= 0)
            return fchmod(segment->fd, MODE) == 0 ? 0 : -errno;
        if (errno != EEXIST)
            return -errno;
    }
    return -EAGAIN;
}

static int check_file(struct segment *segment, struct words explain)
{
    struct stat file;
    if (fstat(segment->fd, &file) != 0)
        return -errno;
    segment->device = file.st_dev;
    segment->inode = file.st_ino;
    if (!S_ISREG(file.st_mode)) {
        snprintf(explain.text, explain.size, "%s is not a regular file", segment->path);
        return -EPROTO;
    }
    if (file.st_size == 0) /* its maker is between two system calls */
        return is_created(segment) ? 0 : -ENOENT;
    if ((uint64_t)file.st_size == segment->size)
        return 0;
    snprintf(explain.text, explain.size,
             "%s has %lld bytes, and %llu with cpp-ipc's default constants: it was made by a build with others, by "
             "a 32-bit program or by another class of cpp-ipc",
             segment->path, (long long)file.st_size, (unsigned long long)segment->size);
    return -EPROTO;
}

/* Holes become memory; what is there stays. The file never gets shorter. */
static int reserve_range(int fd, uint64_t offset, uint64_t bytes)
{
    int rc;
    do
        rc = fallocate(fd, 0, (off_t)offset, (off_t)bytes) == 0 ? 0 : -errno;
    while (rc == -EINTR);
    return rc;
}

static int reserve(const struct segment *segment)
{
    uint64_t head = segment->size > SPARSE_FROM ? page_bytes() : segment->size;
    int rc = reserve_range(segment->fd, segment->size - COUNT_BYTES, COUNT_BYTES);
    if (rc == 0)
        rc = reserve_range(segment->fd, 0, head < segment->size ? head : segment->size);
    if (rc != -EOPNOTSUPP)
        return rc;
    struct stat file;
    if (fstat(segment->fd, &file) != 0)
        return -errno;
    return file.st_size != 0 || ftruncate(segment->fd, (off_t)segment->size) == 0 ? 0 : -errno;
}

static int take_file(struct segment *segment, struct words explain)
{
    bool created = false;
    int rc = open_or_create(segment, &created);
    if (rc == 0)
        rc = check_file(segment, explain);
    if (rc == 0 && is_counted(segment))
        rc = reserve(segment);
    if (rc != 0 && created && segment->fd >= 0)
        unlink(segment->path);
    if (rc != 0 && rc != -ENOENT && explain.size > 0 && explain.text[0] == '\0')
        snprintf(explain.text, explain.size, "%s: %s", segment->path, strerror(-rc));
    return rc;
}

/* ---- the mapping --------------------------------------------------------------------------------------------------- */

static int map(struct segment *segment, uint64_t offset, uint64_t bytes, void **at, int *watch)
{
    void *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, segment->fd, (off_t)offset);
    if (mapping == MAP_FAILED)
        return -errno;
    *watch = fault_watch(mapping, bytes);
    if (*watch < 0) {
        munmap(mapping, bytes);
        return *watch;
    }
    *at = mapping;
    return 0;
}

static int map_all(struct segment *segment, uint64_t mapped)
{
    uint64_t count_offset = segment->size - COUNT_BYTES; /* 4 bytes at a multiple of 4: in one page */
    segment->mapped = mapped != 0 && mapped < segment->size ? mapped : segment->size;
    void *at = NULL;
    int rc = map(segment, 0, segment->mapped, &at, &segment->watch_at);
    if (rc != 0)
        return rc;
    segment->at = at;
    uint64_t tail = page_of(count_offset);
    unsigned char *in = segment->at + tail;
    if (tail > page_of(segment->mapped - 1)) {
        rc = map(segment, tail, page_bytes(), &segment->tail, &segment->watch_tail);
        in = segment->tail;
    }
    if (rc == 0)
        segment->count = (_Atomic int32_t *)(void *)(in + (count_offset - tail));
    return rc;
}

static void let_go(struct segment *segment)
{
    fault_unwatch(segment->watch_at);
    fault_unwatch(segment->watch_tail);
    if (segment->at != NULL)
        munmap(segment->at, segment->mapped);
    if (segment->tail != NULL)
        munmap(segment->tail, page_bytes());
    if (segment->fd >= 0)
        close(segment->fd);
    free(segment->path);
    *segment = (struct segment){.fd = -1, .watch_at = -1, .watch_tail = -1};
}

static void begin(struct segment *segment, uint64_t size, uint32_t flags)
{
    *segment = (struct segment){.size = size, .flags = flags, .fd = -1, .watch_at = -1, .watch_tail = -1};
}

int segment_open(struct segment *segment, const char *directory, const char *file, uint64_t payload, uint64_t mapped,
                 uint32_t flags, char *explain, size_t explain_size)
{
    begin(segment, (payload + 3) / 4 * 4 + COUNT_BYTES, flags);
    if (explain_size > 0)
        explain[0] = '\0';
    int rc = 0;
    if (asprintf(&segment->path, "%s/%s", directory, file) < 0) {
        segment->path = NULL;
        rc = -ENOMEM;
    }
    if (rc == 0)
        rc = take_file(segment, (struct words){explain, explain_size});
    if (rc == 0)
        rc = map_all(segment, mapped);
    if (rc != 0)
        let_go(segment);
    else if (is_counted(segment))
        segment->first = atomic_fetch_add_explicit(segment->count, 1, memory_order_acq_rel) == 0;
    return rc;
}

int segment_again(struct segment *segment, const struct segment *of)
{
    begin(segment, of->size, (of->flags | SEGMENT_NO_COUNT) & ~SEGMENT_CREATE);
    segment->device = of->device;
    segment->inode = of->inode;
    segment->path = strdup(of->path);
    segment->fd = fcntl(of->fd, F_DUPFD_CLOEXEC, 0);
    int rc = segment->path == NULL ? -ENOMEM : segment->fd < 0 ? -errno : map_all(segment, of->mapped);
    if (rc != 0)
        let_go(segment);
    return rc;
}

void segment_close(struct segment *segment)
{
    if (segment == NULL || segment->at == NULL)
        return;
    if (is_counted(segment) && atomic_fetch_sub_explicit(segment->count, 1, memory_order_acq_rel) <= 1 &&
        !segment_is_gone(segment)) /* the name may be somebody else's file by now */
        unlink(segment->path);
    let_go(segment);
}

bool segment_has_faulted(const struct segment *segment)
{
    return fault_has_hit(segment->watch_at) || fault_has_hit(segment->watch_tail);
}

bool segment_is_gone(const struct segment *segment)
{
    struct stat file;
    return segment_has_faulted(segment) || lstat(segment->path, &file) != 0 || file.st_dev != segment->device ||
           file.st_ino != segment->inode || (uint64_t)file.st_size != segment->size;
}

int32_t segment_references(const struct segment *segment)
{
    return atomic_load_explicit(segment->count, memory_order_acquire);
}
