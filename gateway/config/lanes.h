/* Which lanes a bridge has, and which of its channels they read and write: the table of plugin/pattern.h, for the supervisor, which
 * gives them their places on the page, and for the worker, which runs them. It needs no plugin: whether a pattern answers shows in
 * `reply_channel`, which it must have and others must not. */
#ifndef LEAT_CONFIG_LANES_H
#define LEAT_CONFIG_LANES_H

#include "base/page.h"
#include "config/config.h"

enum lanes_end { LANES_NONE = 0, LANES_CHANNELS, LANES_REPLY };

struct lanes {
    enum lanes_end read;    /* by outward lanes, one for each channel */
    enum lanes_end written; /* by the inward lane */
};

struct lanes lanes_of(const struct config_bridge *bridge);

/* What the lanes are called on the page, in their order there: the outward ones, then the inward one. Returns how many. */
size_t lanes_titles(const struct config_bridge *bridge, struct page_lane_title titles[PAGE_LANES]);

#endif
