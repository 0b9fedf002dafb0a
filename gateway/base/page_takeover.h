/* Taking over the page of a dead gateway; used by page_create() alone, which holds the old page's lock. */
#ifndef LEAT_BASE_PAGE_TAKEOVER_H
#define LEAT_BASE_PAGE_TAKEOVER_H

#include "base/page.h"

/* Workers end when their supervisor dies (they are told by a signal and drain), but not at once: waits for those that the page
 * names, less than half a second, and then kills them, so that no two workers ever serve one bridge. May block so long. */
void page_retire_workers(struct page_map *old);

/* Carries the settled counters of every bridge that still exists over to a new page, unless the old gateway stopped cleanly:
 * then the books are closed, and the new ones start at zero. */
void page_inherit(struct page_map *map, struct page_map *old);

#endif
