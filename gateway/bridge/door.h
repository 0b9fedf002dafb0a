/* The door of a bridge: who may become a peer of it, and what its endpoints say of their certificates. What happens there goes to the page:
 * refused visitors are counted and noted, a flood of them summed up. */
#ifndef LEAT_BRIDGE_DOOR_H
#define LEAT_BRIDGE_DOOR_H

#include "base/page.h"
#include "plugin/resolve.h"

struct door;

/* Hears from the hosts of all endpoints from now on. NULL when memory is short. All that is passed outlives it. */
struct door *door_open(const struct resolved_bridge *resolved, struct page_map *map, struct page_bridge *page);

/* When no endpoint can ask any more. Accepts NULL. */
void door_close(struct door *door);

#endif
