/* The peers that a bridge's page shows, from the side of whoever writes them. */
#include "base/page_peers.h"

#include "base/clock.h"

#include <string.h>

/* A looker that finds `changes` even, and the same before and after, has seen the peer whole (P: page_copy). */
void page_peer_begin(struct page_peer *peer)
{
    uint32_t changes = atomic_load_explicit(&peer->changes, memory_order_relaxed);
    atomic_store_explicit(&peer->changes, changes | 1u, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

void page_peer_end(struct page_peer *peer)
{
    uint32_t changes = atomic_load_explicit(&peer->changes, memory_order_relaxed);
    atomic_store_explicit(&peer->changes, (changes | 1u) + 1u, memory_order_release);
}

struct page_peer *page_peer_find(struct page_bridge *bridge, uint32_t id)
{
    for (size_t i = 0; i < PAGE_PEERS; i++)
        if (bridge->peers_shown[i].id == id && bridge->peers_shown[i].until_ns == 0)
            return &bridge->peers_shown[i];
    return NULL;
}

struct page_peer *page_peer_place(struct page_bridge *bridge)
{
    struct page_peer *oldest = NULL;
    for (size_t i = 0; i < PAGE_PEERS; i++) {
        struct page_peer *peer = &bridge->peers_shown[i];
        if (peer->id == 0)
            return peer;
        if (peer->until_ns && (!oldest || peer->until_ns < oldest->until_ns))
            oldest = peer;
    }
    return oldest;
}

void page_peer_leave(struct page_peer *peer)
{
    page_peer_begin(peer);
    peer->until_ns = (uint64_t)clock_realtime_ns();
    peer->lost_since_ns = 0;
    page_peer_end(peer);
}

void page_peers_leave(struct page_bridge *bridge)
{
    for (size_t i = 0; i < PAGE_PEERS; i++) {
        struct page_peer *peer = &bridge->peers_shown[i];
        if (peer->id && !peer->until_ns)
            page_peer_leave(peer);
    }
    atomic_store_explicit(&bridge->peers, 0, memory_order_relaxed);
    atomic_store_explicit(&bridge->peers_losing, 0, memory_order_relaxed);
    atomic_store_explicit(&bridge->peers_uncounted, 0, memory_order_relaxed);
}
