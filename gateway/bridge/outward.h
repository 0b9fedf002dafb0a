/* An outward lane: one channel to the network.
 *
 *     channel borrow -> pattern outward -> engine alloc, one copy -> channel release -> engine send -> completion: acknowledge
 *
 * It waits for its channel, and stops reading while nothing can take what it reads, so that a `block` channel's producer feels
 * the network. Sends fly by the dozen and in order (window.h). */
#ifndef LEAT_BRIDGE_OUTWARD_H
#define LEAT_BRIDGE_OUTWARD_H

#include "bridge/held.h"
#include "bridge/lane.h"
#include "bridge/window.h"
#include "plugin/resolve.h"

struct outward {
    struct lane lane; /* first: the thread's argument is both */
    const struct resolved_channel *source;
    const struct leat_channel_ops *channel;
    uint32_t index; /* of the channel in its bridge, and of this lane's slots in the socket's */
    void *reader;
    struct window window;
    struct held held;
    bool may_hold;      /* the pattern knows of LEAT_HOLD */
    bool mending;       /* something failed and has to be through before anything new is sent */
    uint64_t mended_at; /* the window's tail when the last one was sent again */
    struct lane_backoff again;
    int64_t corrupt_noted_ns;
};

void outward_init(struct outward *out, struct bridge *bridge, uint32_t index, struct page_lane *page);
int outward_start(struct outward *out); /* 0 or -errno */
void outward_fini(struct outward *out); /* once the thread has ended and the engine's calls back with it */

/* The completion of this lane's send `slot` (0..WINDOW_SLOTS-1). Any thread. */
void outward_sent(struct outward *out, uint32_t slot, int32_t status);

#endif
