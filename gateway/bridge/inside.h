/* The bridge as its lanes see it. Only for gateway/bridge. */
#ifndef LEAT_BRIDGE_INSIDE_H
#define LEAT_BRIDGE_INSIDE_H

#include "bridge/audit.h"
#include "bridge/door.h"
#include "bridge/inward.h"
#include "bridge/outward.h"
#include "plugin/resolve.h"

#include <leat/channel.h>

struct bridge {
    const struct resolved_bridge *resolved;
    struct resolved_span read, written; /* channels, by the outward lanes and the inward lane */
    struct page_map *map;
    struct page_bridge *page;
    char reader_name[LEAT_READER_NAME_MAX + 1]; /* durable: "GATEWAY.BRIDGE", with a hash where that is not enough */

    void *pattern;
    const struct leat_pattern_ops *pattern_ops;
    void *socket;
    const struct leat_transport_ops *engine;
    size_t attached; /* endpoints that are */
    struct door *door;

    pthread_mutex_t submit; /* sends are submitted by one thread at a time */
    bool
        loops; /* both lanes have the same channel: what comes in passes the outward lane, and a `block` one waits for it */
    bool needs_peer; /* sending waits for one, and outward lanes stop reading while there is none; else it drops */
    bool only_dials;
    _Atomic uint32_t peers;
    _Atomic bool broken; /* the engine has closed the socket by itself */

    _Atomic bool stopping;
    _Atomic int64_t deadline_ns; /* CLOCK_MONOTONIC; set before `stopping` */

    pthread_mutex_t showing; /* of the lanes' reasons, the audit's trouble and the page's state */
    struct audit audit;
    struct lane *lanes[PAGE_LANES];
    size_t lane_count;
    struct outward *outward; /* one for each channel that is read */
    size_t outward_count;
    struct inward *inward; /* or NULL */
};

/* Brings the bridge's state in the page up to that of its lanes. Under `showing`. */
void bridge_show(struct bridge *bridge);

/* Every address of the bridge, "tcp://a:1, tcp://b:2", cut where too long. */
void bridge_urls(const struct bridge *bridge, char *text, size_t size);

#endif
