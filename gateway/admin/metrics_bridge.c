/* What is measured of bridges. */
#include "admin/metrics_format.h"

#include <inttypes.h>

#define BRIDGE(member) offsetof(struct page_bridge, member)
static const struct metrics_row bridge_rows[] = {
    {"bridge_restarts_total", "counter", "Starts of the bridge's worker after the first.", BRIDGE(restarts), false},
    {"bridge_peers", "gauge", "Peers that are connected.", BRIDGE(peers), true},
    {"bridge_peers_total", "counter", "Peers that ever were.", BRIDGE(peers_ever), false},
    {"bridge_peers_losing", "gauge", "Connected peers that lose messages because they are too slow.",
     BRIDGE(peers_losing), true},
    {"bridge_peers_uncounted", "gauge", "Connected peers that may lose messages, and nobody can count how many.",
     BRIDGE(peers_uncounted), true},
    {"bridge_denied_total", "counter", "Connections that were refused.", BRIDGE(denied), false},
    {"bridge_access_generation", "gauge", "How often access rules and certificates were read anew.",
     BRIDGE(access_generation), true},
    {"bridge_offered_messages_total", "counter", "Messages offered to peers, one for each peer.",
     BRIDGE(traffic.offered), false},
    {"bridge_offered_bytes_total", "counter", "Bytes of the offered messages.", BRIDGE(traffic.offered_bytes), false},
    {"bridge_sent_messages_total", "counter", "Messages sent to peers that are counted.", BRIDGE(traffic.sent), false},
    {"bridge_sent_bytes_total", "counter", "Bytes of the sent messages.", BRIDGE(traffic.sent_bytes), false},
    {"bridge_lost_messages_total", "counter", "Messages that peers were too slow for; at least so many.",
     BRIDGE(traffic.lost), false},
    {"bridge_lost_bytes_total", "counter", "Bytes of the lost messages.", BRIDGE(traffic.lost_bytes), false},
    {"bridge_received_messages_total", "counter", "Messages received from peers that are counted.",
     BRIDGE(traffic.received), false},
    {"bridge_received_bytes_total", "counter", "Bytes of the received messages.", BRIDGE(traffic.received_bytes),
     false},
};

static void put_bridge_row(FILE *out, const struct page_bridge *bridge, const void *how)
{
    const struct metrics_row *row = how;
    fprintf(out, "leat_%s{", row->name);
    metrics_label(out, "", "bridge", bridge->name);
    fprintf(out, "} %" PRIu64 "\n", metrics_number(bridge, row));
}

static void put_bridge_info(FILE *out, const struct page_bridge *bridge, const void *how)
{
    (void)how;
    metrics_label(out, "leat_bridge_info{", "bridge", bridge->name);
    metrics_label(out, ",", "pattern", bridge->pattern);
    metrics_label(out, ",", "worker", bridge->worker);
    fputs("} 1\n", out);
}

static void put_bridge_state(FILE *out, const struct page_bridge *bridge, const void *how)
{
    (void)how;
    for (uint32_t state = 0; state <= PAGE_FAILED; state++) {
        metrics_label(out, "leat_bridge_state{", "bridge", bridge->name);
        fprintf(out, ",state=\"%s\"} %d\n", page_state_name(state), look_u32(&bridge->state) == state);
    }
}

static void put_state_time(FILE *out, const struct page_bridge *bridge, const void *how)
{
    (void)how;
    metrics_label(out, "leat_bridge_state_timestamp_seconds{", "bridge", bridge->name);
    fprintf(out, "} %.3f\n", metrics_seconds(look_u64(&bridge->state_since_ns)));
}

static void put_expiry(FILE *out, const struct page_bridge *bridge, const void *how)
{
    (void)how;
    if (look_u64(&bridge->certificate_expires_ns) == 0)
        return;
    metrics_label(out, "leat_bridge_certificate_expiry_timestamp_seconds{", "bridge", bridge->name);
    fprintf(out, "} %.0f\n", metrics_seconds(look_u64(&bridge->certificate_expires_ns)));
}

static void put_certificate_trouble(FILE *out, const struct page_bridge *bridge, const void *how)
{
    (void)how;
    if (look_u64(&bridge->certificate_expires_ns) == 0)
        return;
    metrics_label(out, "leat_bridge_certificate_last_reload_successful{", "bridge", bridge->name);
    fprintf(out, "} %d\n", bridge->certificate_trouble[0] == '\0');
}

void metrics_bridges(FILE *out, const struct look *look)
{
    metrics_family(out, "bridge_info", "gauge", "The bridge's pattern and worker; always 1.");
    metrics_each_bridge(out, look, put_bridge_info, NULL);
    metrics_family(out, "bridge_state", "gauge", "1 for the state that the bridge is in, 0 for the others.");
    metrics_each_bridge(out, look, put_bridge_state, NULL);
    metrics_family(out, "bridge_state_timestamp_seconds", "gauge",
                   "Since when it is in that state, in seconds since 1970.");
    metrics_each_bridge(out, look, put_state_time, NULL);
    metrics_family(out, "bridge_certificate_expiry_timestamp_seconds", "gauge",
                   "When the first of the bridge's certificates expires, in seconds since 1970.");
    metrics_each_bridge(out, look, put_expiry, NULL);
    metrics_family(out, "bridge_certificate_last_reload_successful", "gauge",
                   "0 when a changed certificate cannot be used and the one before it is.");
    metrics_each_bridge(out, look, put_certificate_trouble, NULL);
    for (size_t i = 0; i < sizeof bridge_rows / sizeof *bridge_rows; i++) {
        metrics_family(out, bridge_rows[i].name, bridge_rows[i].type, bridge_rows[i].help);
        metrics_each_bridge(out, look, put_bridge_row, &bridge_rows[i]);
    }
}
