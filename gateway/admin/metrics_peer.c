/* What is measured of peers: of those that are here and have a place on the page. What is not counted has no sample, and not 0. */
#include "admin/metrics_format.h"

#include <inttypes.h>

/* A number of a peer. */
struct family {
    struct metrics_row row;
    bool always; /* known also where the transport counts nothing */
};

#define PEER(member) offsetof(struct page_peer, member)
static const struct family families[] = {
    {{"peer_offered_messages_total", "counter", "Messages offered to the peer since it connected.",
      PEER(traffic.offered), false},
     true},
    {{"peer_sent_messages_total", "counter", "Messages sent to the peer.", PEER(traffic.sent), false}, false},
    {{"peer_sent_bytes_total", "counter", "Bytes of the messages sent.", PEER(traffic.sent_bytes), false}, false},
    {{"peer_lost_messages_total", "counter", "Messages that the peer was too slow for; at least so many.",
      PEER(traffic.lost), false},
     false},
    {{"peer_received_messages_total", "counter", "Messages received from the peer.", PEER(traffic.received), false},
     false},
    {{"peer_received_bytes_total", "counter", "Bytes of the messages received.", PEER(traffic.received_bytes), false},
     false},
};

static bool is_here(const struct page_peer *peer)
{
    return peer->id != 0 && peer->until_ns == 0;
}

static void put_peer(FILE *out, const char *name, const struct page_bridge *bridge, const struct page_peer *peer)
{
    fprintf(out, "leat_%s{peer=\"%" PRIu32 "\"", name, peer->id);
    metrics_label(out, ",", "bridge", bridge->name);
    metrics_label(out, ",", "address", peer->address);
    metrics_label(out, ",", "name", peer->name);
}

static void put_number(FILE *out, const struct page_bridge *bridge, const void *how)
{
    const struct family *family = how;
    for (size_t i = 0; i < PAGE_PEERS; i++) {
        const struct page_peer *peer = &bridge->peers_shown[i];
        if (!is_here(peer) || (!family->always && !peer->counted))
            continue;
        put_peer(out, family->row.name, bridge, peer);
        fprintf(out, "} %" PRIu64 "\n", metrics_number(peer, &family->row));
    }
}

static void put_queued(FILE *out, const struct page_bridge *bridge, const void *how)
{
    for (size_t i = 0; i < PAGE_PEERS; i++) {
        const struct page_peer *peer = &bridge->peers_shown[i];
        if (!is_here(peer) || !peer->counted)
            continue;
        put_peer(out, how, bridge, peer);
        fprintf(out, "} %" PRIu64 "\n", peer->queued);
    }
}

static void put_losing(FILE *out, const struct page_bridge *bridge, const void *how)
{
    for (size_t i = 0; i < PAGE_PEERS; i++) {
        const struct page_peer *peer = &bridge->peers_shown[i];
        if (!is_here(peer) || !peer->counted || !peer->may_lose)
            continue;
        put_peer(out, how, bridge, peer);
        fprintf(out, "} %d\n", peer->lost_since_ns != 0);
    }
}

void metrics_peers(FILE *out, const struct look *look)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        metrics_family(out, families[i].row.name, families[i].row.type, families[i].row.help);
        metrics_each_bridge(out, look, put_number, &families[i]);
    }
    metrics_family(out, "peer_queued_messages", "gauge", "Messages offered and neither sent nor known to be lost.");
    metrics_each_bridge(out, look, put_queued, "peer_queued_messages");
    metrics_family(out, "peer_losing", "gauge", "1 while the peer loses messages because it is too slow.");
    metrics_each_bridge(out, look, put_losing, "peer_losing");
}
