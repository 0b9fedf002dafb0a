/* Looking at a page from outside, where its owner may be busy, hung, dead or hostile. */
#include "base/page_file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PEER_LOOKS 8
#define PEER_NAP_NS (50 * 1000) /* and longer before each further look */

/* A descriptor of a page whose header is sound, or -errno. */
static int open_checked(const char *directory, const char *name)
{
    char path[PATH_MAX];
    int error = page_file_path(path, sizeof path, directory, name);
    if (error)
        return error;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    error = page_file_check(fd);
    if (!error)
        return fd;
    close(fd);
    return error;
}

int page_open(struct page_map *map, const char *directory, const char *name)
{
    int fd = open_checked(directory, name);
    int error = fd < 0 ? fd : page_file_map(map, fd, PROT_READ, 0);
    if (error && fd >= 0)
        close(fd);
    return error;
}

bool page_is_live(const char *directory, const char *name)
{
    char path[PATH_MAX];
    if (page_file_path(path, sizeof path, directory, name) != 0)
        return false;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool live = page_file_is_locked(fd);
    close(fd);
    return live;
}

/* ---- copies ------------------------------------------------------------------------------------------------------------ */

static void bound_bridge(struct page_bridge *bridge)
{
    text_bound(bridge->name, sizeof bridge->name);
    text_bound(bridge->worker, sizeof bridge->worker);
    text_bound(bridge->pattern, sizeof bridge->pattern);
    text_bound(bridge->urls, sizeof bridge->urls);
    text_bound(bridge->reason, sizeof bridge->reason);
    text_bound(bridge->certificate_trouble, sizeof bridge->certificate_trouble);
    if (atomic_load_explicit(&bridge->lane_count, memory_order_relaxed) > PAGE_LANES)
        atomic_store_explicit(&bridge->lane_count, PAGE_LANES, memory_order_relaxed);
    for (size_t lane = 0; lane < PAGE_LANES; lane++)
        text_bound(bridge->lanes[lane].channel, sizeof bridge->lanes[lane].channel);
}

/* Peers come and go, and one place may hold two of them while it is read: it is read until it did not change meanwhile. One whose writer
 * is not done by then, because it is slow or has died over it, is not shown. */
static void settle_peer(const struct page_map *copy, struct page_peer *peer)
{
    off_t at = (off_t)((const char *)peer - (const char *)copy->page);
    for (int look = 0; look < PEER_LOOKS; look++) {
        uint32_t before,
            after; /* read by calls of their own: within one, nobody promises an order (P: page_peer_begin) */
        if (pread(copy->fd, &before, sizeof before, at) != (ssize_t)sizeof before ||
            pread(copy->fd, peer, sizeof *peer, at) != (ssize_t)sizeof *peer ||
            pread(copy->fd, &after, sizeof after, at) != (ssize_t)sizeof after || (before == after && before % 2 == 0))
            return;
        nanosleep(&(struct timespec){.tv_nsec = look * PEER_NAP_NS}, NULL);
    }
    memset(peer, 0, sizeof *peer);
}

static void take_peers(const struct page_map *copy, struct page_bridge *bridge)
{
    for (size_t i = 0; i < PAGE_PEERS; i++) {
        struct page_peer *peer = &bridge->peers_shown[i];
        if (peer->id || atomic_load_explicit(&peer->changes, memory_order_relaxed))
            settle_peer(copy, peer);
        text_bound(peer->address, sizeof peer->address);
        text_bound(peer->name, sizeof peer->name);
    }
}

static void bound_texts(struct page *page, size_t bridge_count)
{
    text_bound(page->name, sizeof page->name);
    text_bound(page->reload_failure, sizeof page->reload_failure);
    text_bound(page->control, sizeof page->control);
    for (size_t i = 0; i < PAGE_EVENTS; i++) {
        text_bound(page->events[i].bridge, sizeof page->events[i].bridge);
        text_bound(page->events[i].text, sizeof page->events[i].text);
    }
    for (size_t i = 0; i < bridge_count; i++)
        bound_bridge(&page->bridges[i]);
}

/* Read, and not mapped: a file that shrinks meanwhile is a short read here and would be a SIGBUS there. */
static int copy_in(struct page_map *copy)
{
    for (size_t at = 0; at < copy->bytes;) {
        ssize_t got = pread(copy->fd, (char *)copy->page + at, copy->bytes - at, (off_t)at);
        if (got < 0)
            return -errno;
        if (got == 0)
            return -EBADMSG;
        at += (size_t)got;
    }
    bound_texts(copy->page, page_bridge_count(copy));
    for (size_t i = 0; i < page_bridge_count(copy); i++)
        take_peers(copy, &copy->page->bridges[i]);
    return 0;
}

int page_copy(struct page_map *copy, const char *directory, const char *name)
{
    struct page header;
    int fd = open_checked(directory, name);
    if (fd < 0)
        return fd;
    bool sound = pread(fd, &header, sizeof header, 0) == (ssize_t)sizeof header;
    size_t capacity = atomic_load_explicit(&header.bridge_capacity, memory_order_relaxed);
    int error = sound && capacity <= PAGE_BRIDGES_MAX ? 0 : -EBADMSG; /* again: it may have changed since the check */
    size_t bytes = error ? 0 : page_file_bytes(capacity);
    void *memory = error ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!error && memory == MAP_FAILED)
        error = -errno;
    if (error) {
        close(fd);
        return error;
    }
    *copy = (struct page_map){.page = memory, .bytes = bytes, .reserved = bytes, .fd = fd};
    error = copy_in(copy);
    if (error)
        page_close(copy);
    return error;
}

int page_copy_lane(const struct page_map *copy, struct page_lane *lane)
{
    off_t at = (off_t)((const char *)lane - (const char *)copy->page);
    if (pread(copy->fd, lane, sizeof *lane, at) != (ssize_t)sizeof *lane)
        return -EBADMSG;
    text_bound(lane->channel, sizeof lane->channel);
    return 0;
}

/* ---- which are there --------------------------------------------------------------------------------------------------- */

static int is_page(const struct dirent *entry)
{
    size_t prefix = strlen(PAGE_FILE_PREFIX), len = strlen(entry->d_name);
    return strncmp(entry->d_name, PAGE_FILE_PREFIX, prefix) == 0 && len > prefix && len - prefix < PAGE_NAME_BYTES;
}

int page_list(const char *directory, int (*each)(const char *name, void *user), void *user)
{
    struct dirent **entries;
    int count = scandir(page_file_directory(directory), &entries, is_page, alphasort);
    if (count < 0)
        return -errno;
    int result = 0;
    for (int i = 0; i < count; i++) {
        if (result == 0)
            result = each(entries[i]->d_name + strlen(PAGE_FILE_PREFIX), user);
        free(entries[i]);
    }
    free(entries);
    return result;
}
