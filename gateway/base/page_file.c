#include "base/page_file.h"

#include "base/clock.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FORKED_NS NS_PER_S /* more than a busy machine lets a process wait between its fork and its exec */

const char *page_file_directory(const char *directory)
{
    if (!directory || !*directory)
        directory = secure_getenv("LEAT_SHM_DIR");
    return directory && *directory ? directory : "/dev/shm";
}

int page_file_path(char *path, size_t size, const char *directory, const char *name)
{
    if (!*name || strchr(name, '/'))
        return -EINVAL;
    if (strlen(name) >= PAGE_NAME_BYTES ||
        snprintf(path, size, "%s/" PAGE_FILE_PREFIX "%s", page_file_directory(directory), name) >= (int)size)
        return -ENAMETOOLONG;
    return 0;
}

size_t page_file_bytes(size_t bridge_capacity)
{
    return sizeof(struct page) + bridge_capacity * sizeof(struct page_bridge);
}

int page_file_check(int fd)
{
    struct page header;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof header ||
        pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header || header.magic != PAGE_MAGIC)
        return -EBADMSG;
    if (header.version != PAGE_VERSION)
        return -EPROTO;
    size_t capacity = atomic_load_explicit(&header.bridge_capacity, memory_order_relaxed);
    if (header.header_bytes != sizeof header || header.bridge_bytes != sizeof(struct page_bridge) ||
        header.lane_capacity != PAGE_LANES || header.peer_capacity != PAGE_PEERS || capacity > PAGE_BRIDGES_MAX ||
        page_file_bytes(capacity) > (uint64_t)st.st_size)
        return -EBADMSG;
    return 0;
}

int page_file_map(struct page_map *map, int fd, int protection, size_t reserve)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    size_t bytes = (size_t)st.st_size, reserved = bytes > reserve ? bytes : reserve;
    void *memory = mmap(NULL, reserved, protection, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    *map = (struct page_map){.page = memory, .bytes = bytes, .reserved = reserved, .fd = fd};
    return 0;
}

int page_file_lock(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

bool page_file_is_locked(int fd)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* As the page says; 0 when it cannot be read. */
static pid_t supervisor_of(int fd)
{
    uint32_t pid;
    bool read = pread(fd, &pid, sizeof pid, offsetof(struct page, supervisor_pid)) == (ssize_t)sizeof pid;
    return read ? (pid_t)pid : 0;
}

bool page_file_is_held(int fd)
{
    int64_t deadline_ns = clock_monotonic_ns() + FORKED_NS;
    while (page_file_is_locked(fd)) {
        if (process_runs(supervisor_of(fd)) || clock_monotonic_ns() > deadline_ns)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    }
    return false;
}

int page_attach(struct page_map *map, int fd)
{
    int error = page_file_check(fd);
    return error ? error : page_file_map(map, fd, PROT_READ | PROT_WRITE, 0);
}

void page_close(struct page_map *map)
{
    if (!map->page)
        return;
    munmap(map->page, map->reserved);
    close(map->fd);
    *map = (struct page_map){.fd = -1};
}
