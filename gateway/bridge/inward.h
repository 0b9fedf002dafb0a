/* The inward lane: the network to one or many channels.
 *
 *     engine receive -> completion marks the slot -> lane, in order: pattern inward -> channel claim, one copy, commit -> receive
 *
 * A number of receives is posted all the time. A channel that has no room (`block`) holds the lane, and so the network. */
#ifndef LEAT_BRIDGE_INWARD_H
#define LEAT_BRIDGE_INWARD_H

#include "bridge/lane.h"

#include <leat/plugin/channel.h>
#include <leat/plugin/transport.h>

#define INWARD_SLOTS 16u

enum inward_state { INWARD_IDLE = 0, INWARD_POSTED, INWARD_COMPLETE };

struct inward_slot {
    struct leat_packet packet;
    int32_t status;
    bool timed;             /* its latency is measured */
    int64_t received_ns;    /* then: CLOCK_MONOTONIC */
    _Atomic uint32_t state; /* enum inward_state */
};

struct inward {
    struct lane lane; /* first: the thread's argument is both */
    struct inward_slot slots[INWARD_SLOTS];
    uint64_t posted, handled; /* receives; the one at position p uses slot p % INWARD_SLOTS */
    uint64_t largest;         /* message seen of late: bounds how much may be posted */
    struct lane_backoff receive_again;
    _Atomic bool closed; /* nobody handles completions any more */
    void **writers;      /* one for each channel, NULL while it is not open */
    size_t channel_count;
};

int inward_init(struct inward *in, struct bridge *bridge, struct page_lane *page); /* 0 or -ENOMEM */
int inward_start(struct inward *in);                                               /* 0 or -errno */
void inward_fini(struct inward *in); /* once the thread has ended and the engine's calls back with it */

/* The completion of receive `slot`. Any thread. */
void inward_received(struct inward *in, uint32_t slot, int32_t status);

#endif
