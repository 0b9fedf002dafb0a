#include "base/page_change.h"

#include "base/page_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define GROWTH 8 /* places at least */

static struct page_bridge *find_free(const struct page_map *map)
{
    for (size_t i = 0; i < page_bridge_count(map); i++)
        if (!page_bridge_is_used(&map->page->bridges[i]))
            return &map->page->bridges[i];
    return NULL;
}

/* The file first, then what is said of it: whoever believes the header finds the bytes. */
static int grow(struct page_map *map, size_t capacity)
{
    size_t wanted = capacity + capacity / 2 + GROWTH;
    if (wanted > PAGE_BRIDGES_MAX)
        wanted = PAGE_BRIDGES_MAX;
    if (wanted == capacity)
        return -E2BIG;
    int error = -posix_fallocate(map->fd, 0, (off_t)page_file_bytes(wanted));
    if (error)
        return error;
    map->bytes = page_file_bytes(wanted);
    atomic_store_explicit(&map->page->bridge_capacity, (uint32_t)wanted, memory_order_release);
    return 0;
}

static int append(struct page_map *map, struct page_bridge **bridge)
{
    size_t count = page_bridge_count(map);
    size_t capacity = atomic_load_explicit(&map->page->bridge_capacity, memory_order_relaxed);
    int error = count < capacity ? 0 : grow(map, capacity);
    if (error)
        return error;
    *bridge = &map->page->bridges[count];
    atomic_store_explicit(&map->page->bridge_count, (uint32_t)count + 1, memory_order_release);
    return 0;
}

int page_add_bridge(struct page_map *map, const char *name, struct page_bridge **bridge)
{
    if (strlen(name) >= PAGE_NAME_BYTES)
        return -ENAMETOOLONG;
    if (page_find(map, name))
        return -EEXIST;
    *bridge = find_free(map);
    int error = *bridge ? 0 : append(map, bridge);
    if (error)
        return error;
    memset(*bridge, 0, sizeof **bridge);
    memcpy((*bridge)->name, name, strlen(name));
    return 0;
}

void page_remove_bridge(struct page_bridge *bridge)
{
    memset(bridge, 0, sizeof *bridge);
}
