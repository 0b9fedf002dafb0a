/* Writing the peers of a bridge's page; one thread of its worker does, or its supervisor once that is dead. */
#ifndef LEAT_BASE_PAGE_PEERS_H
#define LEAT_BASE_PAGE_PEERS_H

#include "base/page.h"

/* Around every change: a looker in between looks again. One that died in between leaves its successor to go on. */
void page_peer_begin(struct page_peer *peer);
void page_peer_end(struct page_peer *peer);

struct page_peer *page_peer_find(struct page_bridge *bridge, uint32_t id); /* one that is here, or NULL */

/* A place for one more: a free one, or that of the one who left first; NULL: 64 are here. */
struct page_peer *page_peer_place(struct page_bridge *bridge);

void page_peer_leave(struct page_peer *peer);

#endif
