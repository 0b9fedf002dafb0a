/* What both directions of lane share: the thread, the heartbeat, the state that people see, waiting and stopping. */
#ifndef LEAT_BRIDGE_LANE_H
#define LEAT_BRIDGE_LANE_H

#include "base/page.h"
#include "bridge/doorbell.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define LANE_SLICE_NS INT64_C(50000000) /* no wait is longer: a lane beats and looks for a stop in between */

struct bridge;

struct lane {
    struct bridge *bridge;
    struct page_lane *page;
    const char *channel; /* "quotes", for sentences */
    const char *medium;  /* "shm" */
    struct doorbell bell;
    pthread_t thread;
    bool started;
    _Atomic bool left;           /* the thread has done its last turn */
    _Atomic uint64_t unfinished; /* messages that it left behind; inwards some may still come once it has left */
    char reason[PAGE_TEXT_BYTES];
    uint64_t
        timed_beat; /* lane_times_next(): the beat in which it said yes last, how often it may still, and how often it was asked */
    uint32_t timed_left, timed_asked;
};

/* Retries: each pause twice as long as the last, up to a limit. Zero-initialised is ready. */
struct lane_backoff {
    int64_t pause_ns;
};

void lane_init(struct lane *lane, struct bridge *bridge, struct page_lane *page, const char *url, bool outward);
int lane_start(struct lane *lane, void *(*run)(void *lane), const char *thread_name); /* 0 or -errno */
void lane_leave(struct lane *lane); /* the thread's last call, once `unfinished` is counted */

/* Monotonic and cheap, exact to a few milliseconds. */
int64_t lane_now_ns(void);
void lane_beat(struct lane *lane);

/* Whether the latency of the next message is to be measured: of all messages of a quiet lane, of some of a busy one. The lane's thread. */
bool lane_times_next(struct lane *lane);

bool lane_is_stopping(const struct lane *lane); /* take nothing new */
bool lane_has_left(const struct lane *lane);
bool lane_is_expired(const struct lane *lane); /* stopping, and the deadline has passed: leave now */

/* Shows what the lane is doing, why, and what happens next. Cheap when nothing changed. */
__attribute__((format(printf, 3, 4))) void lane_show(struct lane *lane, enum page_state state, const char *format, ...);
void lane_show_running(struct lane *lane);

/* Sleeps until `ready(of)`, a ring, or one slice, whichever comes first. */
void lane_wait(struct lane *lane, bool (*ready)(const void *of), const void *of);
/* Sleeps through the next pause of the backoff, or until a stop. */
void lane_back_off(struct lane *lane, struct lane_backoff *backoff);

/* What a pattern's hook said, as a reason that can be counted: whatever else a broken one returns is an error. */
int32_t lane_reason(int32_t said);

/* What a channel's or an engine's error means, in words. */
const char *lane_error_text(int error);

#endif
