#include "segment.h"
#include "clock.h"
#include "create.h"
#include "failure.h"
#include "lease.h"
#include "test_point.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attachments.h"

/* Rings up to this size are faulted in at attach: a first touch costs a microsecond in the middle of traffic. */
#define POPULATE_MAX (UINT64_C(64) << 20)
#define REGISTRY_PATIENCE_NS (5 * NS_PER_S)

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); /* whatever the locale */
}

bool segment_name_is_valid(const char *name, size_t max)
{
    if (name == NULL || !is_alnum(name[0]))
        return false;
    size_t len = 0;
    for (; name[len] != '\0'; len++)
        if (len >= max || !(is_alnum(name[len]) || strchr("._-", name[len]) != NULL))
            return false;
    return true;
}

const char *segment_directory(const char *directory)
{
    if (directory != NULL)
        return directory;
    const char *environment = secure_getenv("LEAT_SHM_DIR");
    return environment != NULL && environment[0] != '\0' ? environment : "/dev/shm";
}

int segment_path(char **path, const char *directory, const char *name)
{
    if (!segment_name_is_valid(name, LEAT_NAME_MAX))
        return failure(-EINVAL,
                       "'%.150s' is no channel name: up to %d letters, digits, '.', '_', '-', a letter or digit first",
                       name != NULL ? name : "(null)", LEAT_NAME_MAX);
    if (asprintf(path, "%s/leat.%s", segment_directory(directory), name) < 0)
        return failure(-ENOMEM, "out of memory");
    return 0;
}

static int open_file(struct segment *segment, enum segment_access access)
{
    const int flags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY; /* whatever lies there, opening it does no harm */
    segment->writable = access != SEGMENT_LOOK;
    segment->fd = open(segment->path, flags | (segment->writable ? O_RDWR : O_RDONLY));
    if (segment->fd < 0 && access == SEGMENT_READ && (errno == EACCES || errno == EROFS)) {
        segment->writable = false;
        segment->fd = open(segment->path, flags | O_RDONLY);
    }
    if (segment->fd >= 0)
        return 0;
    if (errno == ENOENT)
        return failure(-ENOENT, "there is no channel '%s' in %.*s", segment->name,
                       (int)(strrchr(segment->path, '/') - segment->path), segment->path);
    return failure_os(-errno, "channel %s cannot be opened", segment->path);
}

/* What this library knows, whatever the rest of the header says. */
static int check_version(const struct segment *segment, const struct segment_header *header)
{
    if (header->magic != LAYOUT_MAGIC)
        return failure(LEAT_EVERSION, "%s is no leat channel", segment->path);
    if (header->major != LAYOUT_MAJOR)
        return failure(LEAT_EVERSION, "channel '%s' has layout version %u, this library knows version %u",
                       segment->name, header->major, LAYOUT_MAJOR);
    if ((header->must_features & ~LAYOUT_MUST) != 0)
        return failure(LEAT_EVERSION, "channel '%s' needs features (0x%" PRIx64 ") that this library does not know",
                       segment->name, header->must_features & ~LAYOUT_MUST);
    return 0;
}

static bool numbers_are_possible(const struct segment_header *header)
{
    return header->capacity_bytes >= LEAT_CAPACITY_MIN && header->capacity_bytes <= LAYOUT_CAPACITY_MAX &&
           (header->capacity_bytes & (header->capacity_bytes - 1)) == 0 && header->policy <= LEAT_BLOCK &&
           header->producers <= LEAT_ONE && header->writer_slots >= 1 &&
           header->writer_slots <= LAYOUT_WRITER_SLOTS_MAX &&
           !(header->producers == LEAT_ONE && header->writer_slots != 1) && header->reader_slots >= 1 &&
           header->reader_slots <= LAYOUT_READER_SLOTS_MAX && header->wait_readers <= header->reader_slots &&
           header->header_bytes >= sizeof *header && header->header_bytes <= LAYOUT_PAGE && header->cookie >> 63 == 1;
}

/* Every offset must be the one that follows from the numbers, so none is ever used without a check. */
static bool geometry_is_ours(const struct segment_header *header)
{
    struct segment_header expected = *header;
    layout_fill(&expected, header->capacity_bytes, header->writer_slots, header->reader_slots);
    return memcmp(&expected, header, sizeof expected) == 0;
}

static int read_header(struct segment *segment)
{
    struct stat file;
    if (fstat(segment->fd, &file) != 0)
        return failure_os(-errno, "channel %s cannot be examined", segment->path);
    struct segment_header *header = &segment->header;
    if (!S_ISREG(file.st_mode))
        return failure(LEAT_EVERSION, "%s is not a regular file", segment->path);
    if (pread(segment->fd, header, sizeof *header, 0) != (ssize_t)sizeof *header)
        return failure(LEAT_EVERSION, "%s is too short to be a leat channel", segment->path);
    int rc = check_version(segment, header);
    if (rc != 0)
        return rc;
    if (!numbers_are_possible(header) || !geometry_is_ours(header))
        return failure(LEAT_EVERSION, "the header of channel '%s' contradicts itself", segment->name);
    if (file.st_size < 0 || (uint64_t)file.st_size < header->total_bytes)
        return failure(LEAT_EVERSION, "the file of channel '%s' is shorter than its header says", segment->name);
    return 0;
}

static bool map_at(unsigned char *where, uint64_t bytes, int protection, int fd, uint64_t offset)
{
    return mmap(where, bytes, protection, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) != MAP_FAILED;
}

static bool takes_data(enum segment_access access)
{
    return access == SEGMENT_READ || access == SEGMENT_WRITE;
}

/* [ header control slots | ring | ring again ]: a record that runs over the end is contiguous. */
static int map(struct segment *segment, enum segment_access access)
{
    const struct segment_header *header = &segment->header;
    uint64_t capacity = takes_data(access) ? header->capacity_bytes : 0;
    segment->mapping = mapping_new(header->data_offset + 2 * capacity);
    if (segment->mapping == NULL)
        return failure_os(-errno, "channel '%s' cannot be mapped", segment->name);
    unsigned char *base = segment->mapping->base, *data = base + header->data_offset;
    int protection = segment->writable ? PROT_READ | PROT_WRITE : PROT_READ;
    /* Readers make records of dead writers void, where there can be many; else they only read. */
    bool reads_only = access == SEGMENT_READ && header->producers == LEAT_ONE;
    int data_protection = reads_only ? PROT_READ : protection;
    if (!map_at(base, header->data_offset, protection, segment->fd, 0))
        return failure_os(-errno, "channel '%s' cannot be mapped", segment->name);
    if (sysconf(_SC_PAGESIZE) == (long)LAYOUT_PAGE) /* with larger pages the header shares one with the control page */
        (void)mprotect(base, LAYOUT_PAGE, PROT_READ);
    if (capacity == 0)
        return 0;
    if (!map_at(data, capacity, data_protection, segment->fd, header->data_offset) ||
        !map_at(data + capacity, capacity, data_protection, segment->fd, header->data_offset))
        return failure_os(-errno, "channel '%s' cannot be mapped", segment->name);
    if (capacity <= POPULATE_MAX)
        (void)madvise(data, 2 * capacity, (data_protection & PROT_WRITE) ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
    return 0;
}

static void describe_ring(struct segment *segment, bool with_data)
{
    const struct segment_header *header = &segment->header;
    unsigned char *base = segment->mapping->base;
    segment->ring = (struct ring){
        .control = (struct control *)(void *)(base + header->control_offset),
        .data = with_data ? base + header->data_offset : NULL,
        .mask = (header->capacity_bytes - 1) & POSITION_BITS,
        .capacity = header->capacity_bytes,
        .cookie = header->cookie,
        .max_message = header->capacity_bytes / 2,
        .quantum_log2 = header->quantum_log2,
        .writer_slots = header->writer_slots,
        .reader_slots = header->reader_slots,
        .many = header->producers == LEAT_MANY,
        .block = header->policy == LEAT_BLOCK,
        .writers = (struct writer_slot *)(void *)(base + header->writers_offset),
        .readers = (struct reader_slot *)(void *)(base + header->readers_offset),
        .voids = (_Atomic uint64_t *)(void *)(base + header->voids_offset),
    };
}

static int open_and_map(struct segment *segment, enum segment_access access)
{
    int rc = open_file(segment, access);
    if (rc == 0)
        rc = read_header(segment);
    if (rc == 0 && access == SEGMENT_READ && !segment->writable && segment->header.policy == LEAT_BLOCK)
        rc = failure(-EACCES, "channel '%s' has the policy block: its readers need write permission", segment->name);
    if (rc == 0)
        rc = map(segment, access);
    if (rc == 0)
        describe_ring(segment, takes_data(access));
    return rc;
}

int segment_attach(struct segment **segment, const char *directory, const char *name, enum segment_access access)
{
    struct segment *new = calloc(1, sizeof *new);
    if (new == NULL)
        return failure(-ENOMEM, "out of memory");
    new->fd = -1;
    int rc = segment_path(&new->path, directory, name);
    if (rc == 0) {
        snprintf(new->name, sizeof new->name, "%s", name);
        rc = open_and_map(new, access);
    }
    if (rc != 0) {
        segment_detach(new);
        return rc;
    }
    attachments_add(new);
    *segment = new;
    return 0;
}

void segment_detach(struct segment *segment)
{
    if (segment == NULL)
        return;
    attachments_remove(segment);
    leat_mapping_release(segment->mapping);
    if (segment->fd >= 0) {
        lease_drop_all(segment->fd);
        close(segment->fd);
    }
    free(segment->path);
    free(segment);
}

int segment_unlink(const struct segment *segment)
{
    struct stat ours, named;
    if (fstat(segment->fd, &ours) != 0 || lstat(segment->path, &named) != 0)
        return -errno;
    if (ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)
        return -ENOENT; /* the name is a newer channel's by now */
    TEST_POINT("unlink:checked");
    return unlink(segment->path) == 0 ? 0 : -errno;
}

/* What was removed is unlinked by whoever comes by and may: -ENOENT, or why not. Keeps the registry lock. */
static int unlink_ruin(const struct segment *segment)
{
    int rc = segment->writable ? segment_registry_lock(segment) : 0;
    if (rc != 0)
        return rc;
    rc = segment->writable ? segment_unlink(segment) : -ENOENT;
    if (rc != 0 && rc != -ENOENT)
        return failure_os(rc, "channel '%s' was removed, but its file cannot be unlinked", segment->name);
    return failure(-ENOENT, "channel '%s' was removed", segment->name);
}

/* Attaches, unless what has the name is a removed segment whose remover did not get to unlink it: then -ENOENT. */
static int attach_living(struct segment **segment, const char *directory, const char *name, enum segment_access access)
{
    int rc = segment_attach(segment, directory, name, access);
    if (rc != 0 || !segment_is_removed(*segment))
        return rc;
    rc = unlink_ruin(*segment);
    segment_detach(*segment);
    *segment = NULL;
    return rc;
}

int segment_open(struct segment **segment, const char *name, const struct leat_channel_options *options,
                 enum segment_access access, bool create)
{
    for (int tries = 0;; tries++) {
        int rc = attach_living(segment, options->directory, name, access);
        if (rc != -ENOENT || !create || tries > 100)
            return rc;
        char *path;
        rc = segment_path(&path, options->directory, name);
        if (rc != 0)
            return rc;
        rc = segment_create(path, segment_directory(options->directory), options);
        free(path);
        if (rc != 0 && rc != -EEXIST)
            return rc;
    }
}

int segment_registry_lock(const struct segment *segment)
{
    int64_t give_up = clock_monotonic_ns() + REGISTRY_PATIENCE_NS;
    int rc;
    while ((rc = lease_take(segment->fd, segment->header.control_offset)) == -EBUSY) {
        if (clock_monotonic_ns() > give_up)
            return failure(-EBUSY, "a stopped process holds the registry of channel '%s'", segment->name);
        struct timespec nap = clock_timespec(100000);
        nanosleep(&nap, NULL);
    }
    return rc == 0 ? 0 : failure_os(rc, "channel '%s' cannot be locked", segment->name);
}

void segment_registry_unlock(const struct segment *segment)
{
    lease_drop(segment->fd, segment->header.control_offset);
}
