/* The page as a file, from the side of its supervisor: made aside, locked, linked into place. */
#include "base/page.h"

#include "base/clock.h"
#include "base/page_file.h"
#include "base/page_takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_MODE 0640
#define CREATE_ATTEMPTS 100

_Static_assert(offsetof(struct page_lane, durable) == 80 && offsetof(struct page_lane, read) == 128 &&
                   offsetof(struct page_lane, forwarded) == 256 && offsetof(struct page_lane, latency) == 512 &&
                   offsetof(struct page_latency, steps) == 128 && sizeof(struct page_lane) == 1664,
               "the layout of a lane is documented");
_Static_assert(offsetof(struct page_peer, since_ns) == 192 && offsetof(struct page_peer, traffic) == 240 &&
                   sizeof(struct page_traffic) == 64 && sizeof(struct page_peer) == 320,
               "the layout of a peer is documented");
_Static_assert(offsetof(struct page_bridge, urls) == 192 && offsetof(struct page_bridge, state) == 448 &&
                   offsetof(struct page_bridge, denied) == 680 && offsetof(struct page_bridge, traffic) == 912 &&
                   offsetof(struct page_bridge, lanes) == 1024 &&
                   offsetof(struct page_bridge, peers_shown) == 1024 + PAGE_LANES * 1664 &&
                   sizeof(struct page_bridge) == 1024 + PAGE_LANES * 1664 + PAGE_PEERS * 320,
               "the layout of a bridge is documented");
_Static_assert(offsetof(struct page, name) == 32 && offsetof(struct page, started_ns) == 104 &&
                   offsetof(struct page, generation) == 120 && offsetof(struct page, control) == 344 &&
                   offsetof(struct page, events_written) == 512 && offsetof(struct page, events) == 520 &&
                   sizeof(struct page_event) == 272 && sizeof(struct page) % 128 == 0,
               "the layout of a page is documented");

int page_reopen(const struct page_map *map)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", map->fd);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* ---- creating -------------------------------------------------------------------------------------------------------- */

static void lay_out(struct page *page, const char *name, const char *const *bridges, size_t bridge_count)
{
    page->magic = PAGE_MAGIC;
    page->version = PAGE_VERSION;
    page->header_bytes = sizeof *page;
    page->bridge_bytes = sizeof *page->bridges;
    page->lane_capacity = PAGE_LANES;
    page->peer_capacity = PAGE_PEERS;
    atomic_init(&page->bridge_capacity, (uint32_t)bridge_count);
    snprintf(page->name, sizeof page->name, "%s", name);
    page->supervisor_pid = (uint32_t)getpid();
    page->started_ns = (uint64_t)clock_realtime_ns();
    atomic_init(&page->state, PAGE_STARTING);
    atomic_init(&page->generation, 1);
    for (size_t i = 0; i < bridge_count; i++)
        snprintf(page->bridges[i].name, PAGE_NAME_BYTES, "%s", bridges[i]);
    atomic_init(&page->bridge_count, (uint32_t)bridge_count);
}

/* A new page without a name in the file system yet: if we die here, or there is no room, nothing is left behind. */
static int build_aside(struct page_map *map, const char *path, const char *name, const char *const *bridges,
                       size_t bridge_count)
{
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(path, '/') - path), path);
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, PAGE_MODE);
    if (fd < 0)
        return -errno;
    int error = fchmod(fd, PAGE_MODE) != 0 ? -errno : page_file_lock(fd);
    if (!error) /* a full file system is told now, or would be a SIGBUS later */
        error = -posix_fallocate(fd, 0, (off_t)page_file_bytes(bridge_count));
    if (!error)
        error = page_file_map(map, fd, PROT_READ | PROT_WRITE, page_file_bytes(PAGE_BRIDGES_MAX));
    if (error) {
        close(fd);
        return error;
    }
    lay_out(map->page, name, bridges, bridge_count);
    return 0;
}

static int give_name(const struct page_map *map, const char *path)
{
    char from[64];
    snprintf(from, sizeof from, "/proc/self/fd/%d", map->fd);
    return linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

/* Puts the new page where an old one is, whose lock we hold: at no moment is there none. The name on the way begins with a dot:
 * no gateway has such a page, while NAME.new can be one's name. */
static int replace(const struct page_map *map, const char *path)
{
    char beside[PATH_MAX];
    const char *file = strrchr(path, '/') + 1;
    if (snprintf(beside, sizeof beside, "%.*s.%s.new", (int)(file - path), path, file) >= (int)sizeof beside)
        return -ENAMETOOLONG;
    unlink(beside); /* of one who died between the next two steps */
    int error = give_name(map, beside);
    if (!error && rename(beside, path) != 0) {
        error = -errno;
        unlink(beside);
    }
    return error;
}

/* Opens and locks the page that is there. Its worker numbers lead to signals, so it must be our own file. */
static int open_predecessor(struct page_map *old, const char *path)
{
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct stat st, named;
    int error = fstat(fd, &st) != 0 ? -errno : 0;
    if (!error && (!S_ISREG(st.st_mode) || st.st_uid != geteuid()))
        error = -EPERM;
    if (!error)
        error = page_file_is_held(fd) ? -EBUSY : page_file_lock(fd);
    /* Its owner may have replaced it, and died, between our open and our lock. */
    if (!error && (lstat(path, &named) != 0 || named.st_dev != st.st_dev || named.st_ino != st.st_ino))
        error = -EAGAIN;
    if (!error && page_attach(old, fd) != 0)
        *old = (struct page_map){.fd = fd}; /* ours, but not a page that we know: nothing in it counts */
    if (error)
        close(fd);
    return error;
}

static int create_once(struct page_map *map, const char *path, const char *name, const char *const *bridges,
                       size_t bridge_count)
{
    struct page_map old = {.fd = -1};
    int error = open_predecessor(&old, path);
    if (error && error != -ENOENT)
        return error;
    if (old.page)
        page_retire_workers(&old);
    bool there = error != -ENOENT;
    error = build_aside(map, path, name, bridges, bridge_count);
    if (!error) {
        if (old.page)
            page_inherit(map, &old);
        error = there ? replace(map, path) : give_name(map, path);
        if (error)
            page_close(map);
    }
    if (old.page)
        page_close(&old);
    else if (old.fd >= 0)
        close(old.fd);
    return error == -EEXIST ? -EAGAIN : error;
}

int page_create(struct page_map *map, const char *directory, const char *name, const char *const *bridges,
                size_t bridge_count)
{
    char path[PATH_MAX];
    int error = bridge_count > PAGE_BRIDGES_MAX ? -E2BIG : page_file_path(path, sizeof path, directory, name);
    for (size_t i = 0; !error && i < bridge_count; i++)
        if (strlen(bridges[i]) >= PAGE_NAME_BYTES)
            error = -ENAMETOOLONG;
    if (error)
        return error;

    *map = (struct page_map){.fd = -1};
    error = -EAGAIN;
    for (int attempt = 0; error == -EAGAIN && attempt < CREATE_ATTEMPTS; attempt++)
        error = create_once(map, path, name, bridges, bridge_count);
    return error == -EAGAIN ? -EBUSY : error;
}
