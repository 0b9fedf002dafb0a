#include "create.h"
#include "clock.h"
#include "failure.h"
#include "layout.h"
#include "test_point.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file without a name, or (where the file system has no O_TMPFILE or /proc is missing) with a temporary one. */
struct unborn {
    int fd;
    char *temporary; /* NULL: no name */
};

static int open_named(struct unborn *file, const char *path)
{
    if (asprintf(&file->temporary, "%s.XXXXXX", path) < 0) {
        file->temporary = NULL;
        return -ENOMEM;
    }
    /* A leading dot keeps it out of leat_channel_list should this process die before the link. */
    char *base = strrchr(file->temporary, '/') + 1;
    memcpy(base, ".eat", 4);
    file->fd = mkostemp(file->temporary, O_CLOEXEC);
    if (file->fd >= 0)
        return 0;
    int error = -errno;
    free(file->temporary);
    file->temporary = NULL;
    return error;
}

static int open_unborn(struct unborn *file, const char *path, const char *directory)
{
    file->temporary = NULL;
    if (access("/proc/self/fd", X_OK) == 0) {
        file->fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (file->fd >= 0)
            return 0;
        if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
            return -errno;
    }
    return open_named(file, path);
}

static int link_into_place(const struct unborn *file, const char *path)
{
    char self[32];
    const char *from = file->temporary;
    if (from == NULL) {
        snprintf(self, sizeof self, "/proc/self/fd/%d", file->fd);
        from = self;
    }
    return linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

static void discard(struct unborn *file)
{
    if (file->temporary != NULL)
        unlink(file->temporary);
    free(file->temporary);
    if (file->fd >= 0)
        close(file->fd);
}

/* Memory is reserved now: a full file system is an error here, and not a SIGBUS when a page is first touched. */
static int reserve(int fd, uint64_t bytes)
{
    int error;
    do
        error = posix_fallocate(fd, 0, (off_t)bytes);
    while (error == EINTR);
    return -error;
}

static int fill_header(struct segment_header *header, const struct leat_channel_options *options)
{
    *header = (struct segment_header){.magic = LAYOUT_MAGIC,
                                      .major = LAYOUT_MAJOR,
                                      .minor = LAYOUT_MINOR,
                                      .header_bytes = sizeof *header,
                                      .must_features = LAYOUT_MUST,
                                      .policy = options->policy,
                                      .producers = options->producers,
                                      .wait_readers = options->wait_readers,
                                      .created_ns = (uint64_t)clock_ns(CLOCK_REALTIME),
                                      .creator_pid = (uint32_t)getpid()};
    layout_fill(header, options->capacity_bytes, options->writer_slots, options->reader_slots);
    if (getentropy(header->incarnation, sizeof header->incarnation) != 0 ||
        getentropy(&header->cookie, sizeof header->cookie) != 0)
        return -errno;
    header->cookie |= UINT64_C(1) << 63; /* positions never have that bit, so zeroed memory is no valid stamp */
    return 0;
}

/* Everything else starts at zero, as the file system hands it out. In the log of aborted numbers that would be one. */
static int fill(int fd, const struct segment_header *header)
{
    unsigned char *base = mmap(NULL, header->data_offset, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    struct writer_slot *writers = (struct writer_slot *)(void *)(base + header->writers_offset);
    for (uint32_t i = 0; i < header->writer_slots; i++)
        atomic_store_explicit(&writers[i].inflight, NOT_IN_FLIGHT, memory_order_relaxed);
    _Atomic uint64_t *voids = (_Atomic uint64_t *)(void *)(base + header->voids_offset);
    for (uint32_t i = 0; i < LAYOUT_VOIDS; i++)
        atomic_store_explicit(&voids[i], UINT64_MAX, memory_order_relaxed);
    memcpy(base, header, sizeof *header);
    munmap(base, header->data_offset);
    return 0;
}

/* By fchmod and fchown after creation, so that the umask has no say. The owner's mode comes last: a group must not get
 * at the file before it is the asked one. */
static int set_access(int fd, const struct leat_channel_options *options)
{
    if (options->group >= 0 && fchown(fd, (uid_t)-1, (gid_t)options->group) != 0)
        return failure(-errno, "the group %" PRId64 " cannot be given to a new channel", options->group);
    if (fchmod(fd, (mode_t)options->mode) != 0)
        return failure(-errno, "mode 0%" PRIo32 " cannot be given to a new channel", options->mode);
    return 0;
}

static int build(const struct unborn *file, const char *path, const struct leat_channel_options *options)
{
    struct segment_header header;
    int rc = fill_header(&header, options);
    if (rc != 0)
        return failure_os(rc, "no random bytes for channel %s", path);
    rc = reserve(file->fd, header.total_bytes);
    if (rc != 0)
        return failure_os(rc, "%" PRIu64 " bytes cannot be reserved for channel %s", header.total_bytes, path);
    rc = fill(file->fd, &header);
    if (rc != 0)
        return failure_os(rc, "channel %s cannot be mapped", path);
    return set_access(file->fd, options);
}

int segment_create(const char *path, const char *directory, const struct leat_channel_options *options)
{
    struct unborn file = {.fd = -1};
    int rc = open_unborn(&file, path, directory);
    if (rc != 0)
        return failure_os(rc, "channel %s cannot be created", path);
    rc = build(&file, path, options);
    TEST_POINT("create:built");
    if (rc == 0) {
        rc = link_into_place(&file, path);
        if (rc != 0 && rc != -EEXIST)
            failure_os(rc, "channel %s cannot be linked into place", path);
    }
    discard(&file);
    return rc;
}
