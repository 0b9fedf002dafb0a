/* Bridges that come and go while the page is in use. Only the supervisor that created the page does this.
 *
 * A place on the page never moves: pointers to other bridges stay good, and so do the mappings of workers, which see the file as it was
 * when they started and hold no bridge that came later. */
#ifndef LEAT_BASE_PAGE_CHANGE_H
#define LEAT_BASE_PAGE_CHANGE_H

#include "base/page.h"

/* Gives a bridge a place, all zero but for its name: a free one, or one at the end of the file, which grows. 0, -EEXIST, -ENOSPC (no room in
 * shared memory), -E2BIG (PAGE_BRIDGES_MAX), -ENAMETOOLONG. */
int page_add_bridge(struct page_map *map, const char *name, struct page_bridge **bridge);

/* Frees its place; its counters are gone. No worker runs it any more. */
void page_remove_bridge(struct page_bridge *bridge);

#endif
