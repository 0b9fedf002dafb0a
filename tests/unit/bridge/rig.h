/* A bridge between fake channels and a fake network, as a test describes it. */
#ifndef TESTS_BRIDGE_RIG_H
#define TESTS_BRIDGE_RIG_H

#include "base/page.h"
#include "bridge/bridge.h"
#include "fake_channel.h"
#include "fake_engine.h"

#define RIG_CHANNELS 3
#define RIG_REPLY RIG_CHANNELS /* the reply_channel's place in `channels` */

/* What the hooks of a broken pattern say. */
struct rig_whim {
    int32_t reason;
    uint32_t channel, header_len;
    uint64_t skip, prefix_len;
};

struct rig {
    /* set before rig_start, zero is fine */
    uint32_t direction;      /* default LEAT_OUT */
    size_t channel_count;    /* default 1 */
    uint32_t waits_for_peer; /* as the pattern's table says it */
    bool volatile_reader, dials;
    bool reply;                  /* it has a reply_channel, "r", which is rig_reply() */
    bool drops_own;              /* outward: what the inward lane wrote goes no further */
    uint64_t receive_limit;      /* default 1 MiB */
    char *gateway, *name;        /* default "leat", "quotes" */
    const char *prefix;          /* outward: before each message; inward: required, and cut off */
    const struct rig_whim *whim; /* the pattern is broken in this way; NULL: it is not */
    uint32_t hold_keys;          /* outward: every message is held, under its number modulo so many; 0: none is */
    _Atomic int64_t hold_until_ns;
    uint32_t filter; /* outward: every so manyth message is filtered; 0: none */

    struct fake_channel *channels;
    struct fake_engine engine;
    struct page_map map;
    struct page_bridge *page;
    struct bridge *bridge;
    char explain[256];

    /* private */
    struct plugin pattern;
    struct config_bridge config;
    struct resolved_bridge resolved;
    struct resolved_channel resolved_channels[RIG_CHANNELS + 1];
    struct resolved_endpoint endpoint;
    struct leat_host engine_host, pattern_host;
    const char *names[RIG_CHANNELS];
};

/* Everything but the bridge; then the bridge; then its lanes, with one peer unless `no_peer`. */
struct rig *rig_new(void);
void rig_build(struct rig *rig);
void rig_start(struct rig *rig);

void rig_stop(struct rig *rig, int64_t grace_ns); /* returns when the lanes have left */
void rig_free(struct rig *rig);                   /* also checks that no packet was lost */

struct fake_channel *rig_reply(struct rig *rig);
struct page_lane *rig_lane(struct rig *rig, size_t index);
bool rig_balances(const struct page_lane *lane);
void rig_await_state(struct rig *rig, uint32_t state);
uint64_t rig_read(struct rig *rig);
uint64_t rig_dropped(struct rig *rig, uint32_t reason);

#endif
