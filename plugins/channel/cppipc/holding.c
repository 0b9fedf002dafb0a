#include "cppipc/holding.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x31676e69646c6f68) /* "holding1" in memory */
#define FILE_START "leat-cppipc."
#define NAME_LIMIT 255u  /* of a file, bytes */
#define HASH_LETTERS 17u /* ".0123456789abcdef", for what does not fit */

/* ---- the file's name ----------------------------------------------------------------------------------------------- */

struct text {
    char bytes[8 * CPPIPC_FILE_MAX];
    size_t len;
};

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}

/* Different texts stay different. */
static void append(struct text *text, const char *part)
{
    for (; *part != '\0' && text->len + 4 < sizeof text->bytes; part++) {
        if (is_plain(*part))
            text->bytes[text->len++] = *part;
        else
            text->len += (size_t)sprintf(text->bytes + text->len, "%%%02x", (unsigned)(unsigned char)*part);
    }
    text->bytes[text->len] = '\0';
}

static uint64_t hash(const char *bytes) /* FNV-1a */
{
    uint64_t value = UINT64_C(0xcbf29ce484222325);
    for (; *bytes != '\0'; bytes++)
        value = (value ^ (unsigned char)*bytes) * UINT64_C(0x100000001b3);
    return value;
}

static char *path_of(const struct cppipc_where *where, const char *role)
{
    struct text file = {.len = 0};
    append(&file, role);
    file.bytes[file.len++] = ','; /* stands in no part */
    append(&file, where->prefix);
    file.bytes[file.len++] = ',';
    append(&file, where->name);
    const size_t most = NAME_LIMIT - strlen(FILE_START);
    if (file.len > most)
        snprintf(file.bytes + most - HASH_LETTERS, HASH_LETTERS + 1, ".%016llx", (unsigned long long)hash(file.bytes));
    char *path = NULL;
    return asprintf(&path, "%s/" FILE_START "%s", where->directory, file.bytes) < 0 ? NULL : path;
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

/* Nobody else may have put it there: the folder is everybody's. */
static int check(int fd)
{
    struct stat file;
    if (fstat(fd, &file) != 0)
        return -errno;
    bool ours = S_ISREG(file.st_mode) && file.st_uid == geteuid() && (file.st_mode & 077) == 0 && file.st_nlink <= 1;
    bool fits = file.st_size == 0 || file.st_size == sizeof(struct holding_record);
    return ours && fits ? 0 : -EPERM;
}

static int lock(int fd)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &all) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

/* Its last holder may have removed it between our open and our lock. */
static bool is_still_there(const char *path, int fd)
{
    struct stat here, opened;
    return lstat(path, &here) == 0 && fstat(fd, &opened) == 0 && here.st_dev == opened.st_dev &&
           here.st_ino == opened.st_ino;
}

static int open_locked(const char *path, int *fd)
{
    for (int tries = 0; tries < 100; tries++) {
        *fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
        if (*fd < 0)
            return errno == ELOOP || errno == EISDIR ? -EPERM : -errno;
        int rc = check(*fd);
        if (rc == 0)
            rc = lock(*fd);
        if (rc != 0 || is_still_there(path, *fd))
            return rc;
        close(*fd);
        *fd = -1;
    }
    return -EAGAIN;
}

static int map(struct holding *holding)
{
    struct holding_record left = {0};
    ssize_t read_bytes = pread(holding->fd, &left, sizeof left, 0);
    if (read_bytes == (ssize_t)sizeof left && left.magic == MAGIC)
        holding->left = left;
    if (posix_fallocate(holding->fd, 0, sizeof left) != 0) /* memory now, and not a SIGBUS later */
        return -ENOSPC;
    void *at = mmap(NULL, sizeof left, PROT_READ | PROT_WRITE, MAP_SHARED, holding->fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    holding->record = at;
    holding->record->magic = MAGIC;
    return 0;
}

int holding_open(struct holding *holding, const struct cppipc_where *where, const char *role)
{
    *holding = (struct holding){.fd = -1, .path = path_of(where, role)};
    int rc = holding->path == NULL ? -ENOMEM : open_locked(holding->path, &holding->fd);
    if (rc == 0)
        rc = map(holding);
    if (rc != 0)
        holding_close(holding, false);
    return rc;
}

void holding_close(struct holding *holding, bool clean)
{
    if (holding->path == NULL)
        return;
    if (holding->record != NULL)
        munmap(holding->record, sizeof *holding->record);
    if (clean && holding->fd >= 0) /* while it is locked: nobody else has it open for good yet */
        unlink(holding->path);
    if (holding->fd >= 0)
        close(holding->fd);
    free(holding->path);
    *holding = (struct holding){.fd = -1};
}

/* ---- what was left ------------------------------------------------------------------------------------------------- */

static bool is_of_this_ring(const struct holding_record *left, const struct handle *handle)
{
    const struct segment *ring = &handle->objects[CPPIPC_RING];
    return left->magic == MAGIC && left->device == ring->device && left->inode == ring->inode;
}

/* The dead read nothing more: from the first slot that still carries the bit on, every one does. Where one does not, somebody else
 * has been given the bit and reads with it. */
static bool slots_agree(const struct cppipc_ring *ring, const struct holding_record *left, uint32_t write,
                        uint32_t behind)
{
    bool unread = false;
    for (uint32_t i = write - behind; i != write; i++) {
        uint64_t readers = atomic_load_explicit(&ring->slots[i % CPPIPC_SLOTS].readers, memory_order_acquire);
        if (unread && !(readers & left->bit))
            return false;
        unread = unread || (readers & left->bit);
    }
    return true;
}

bool holding_left_bit(const struct holding *holding, const struct handle *handle)
{
    const struct holding_record *left = &holding->left;
    const struct cppipc_ring *ring = handle->ring;
    if (!is_of_this_ring(left, handle) || left->bit == 0 || (left->bit & (left->bit - 1)) != 0)
        return false;
    uint32_t write = atomic_load_explicit(&ring->write, memory_order_acquire);
    uint32_t behind =
        write - (left->cursor - 1); /* it may have died before it took the slot that it had written down */
    if (behind > CPPIPC_SLOTS + 1)
        return false;
    behind = behind < CPPIPC_SLOTS ? behind : CPPIPC_SLOTS;
    return (atomic_load_explicit(&ring->connected, memory_order_acquire) & left->bit) != 0 &&
           atomic_load_explicit(&ring->epoch, memory_order_acquire) == left->epoch &&
           slots_agree(ring, left, write, behind);
}

bool holding_left_sender(const struct holding *holding, const struct handle *handle)
{
    return is_of_this_ring(&holding->left, handle) && holding->left.sender == 1 &&
           atomic_load_explicit(&handle->ring->sender, memory_order_acquire) != 0;
}
