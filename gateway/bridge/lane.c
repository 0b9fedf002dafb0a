#include "bridge/lane.h"

#include "bridge/books.h"
#include "bridge/inside.h"

#include <leat/error.h>
#include <leat/plugin/pattern.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BACKOFF_FIRST_NS INT64_C(10000000)
#define BACKOFF_LAST_NS INT64_C(250000000)
#define TIMED_EACH_BEAT 4u /* a beat is some milliseconds */
#define TIMED_ONE_OF 64u

int64_t lane_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void lane_beat(struct lane *lane)
{
    uint64_t now = (uint64_t)lane_now_ns();
    if (atomic_load_explicit(&lane->page->heartbeat_ns, memory_order_relaxed) != now)
        books_set(&lane->page->heartbeat_ns, now);
}

bool lane_times_next(struct lane *lane)
{
    uint64_t beat = atomic_load_explicit(&lane->page->heartbeat_ns, memory_order_relaxed);
    if (beat != lane->timed_beat) {
        lane->timed_beat = beat;
        lane->timed_left = TIMED_EACH_BEAT;
    }
    if (lane->timed_left == 0)
        return ++lane->timed_asked % TIMED_ONE_OF == 0;
    lane->timed_left--;
    return true;
}

void lane_init(struct lane *lane, struct bridge *bridge, struct page_lane *page, const char *url, bool outward)
{
    const char *separator = strstr(url, "://");
    lane->bridge = bridge;
    lane->page = page;
    lane->channel = separator ? separator + 3 : url;
    atomic_store_explicit(&page->state, PAGE_STARTING, memory_order_relaxed);
    atomic_store_explicit(&page->durable, 0, memory_order_relaxed);
    page->outward = outward;
    snprintf(page->channel, sizeof page->channel, "%s", url);
}

int lane_start(struct lane *lane, void *(*run)(void *lane), const char *thread_name)
{
    int error = pthread_create(&lane->thread, NULL, run, lane);
    if (error)
        return -error;
    lane->started = true;
    pthread_setname_np(lane->thread, thread_name);
    return 0;
}

void lane_leave(struct lane *lane)
{
    uint64_t unfinished = atomic_load_explicit(&lane->unfinished, memory_order_relaxed);
    if (unfinished)
        lane_show(lane, PAGE_STOPPED, "stopped, %llu messages unfinished", (unsigned long long)unfinished);
    else
        lane_show(lane, PAGE_STOPPED, "stopped, nothing left behind");
    atomic_store_explicit(&lane->left, true, memory_order_release);
}

bool lane_is_stopping(const struct lane *lane)
{
    return atomic_load_explicit(&lane->bridge->stopping, memory_order_acquire);
}

bool lane_has_left(const struct lane *lane)
{
    return atomic_load_explicit(&lane->left, memory_order_acquire);
}

bool lane_is_expired(const struct lane *lane)
{
    return lane_is_stopping(lane) &&
           lane_now_ns() >= atomic_load_explicit(&lane->bridge->deadline_ns, memory_order_relaxed);
}

void lane_show(struct lane *lane, enum page_state state, const char *format, ...)
{
    char reason[PAGE_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    uint32_t shown = atomic_load_explicit(&lane->page->state, memory_order_relaxed);
    if (shown == (uint32_t)state && strcmp(reason, lane->reason) == 0)
        return;
    pthread_mutex_lock(&lane->bridge->showing);
    memcpy(lane->reason, reason, sizeof reason);
    atomic_store_explicit(&lane->page->state, (uint32_t)state, memory_order_relaxed);
    bridge_show(lane->bridge);
    pthread_mutex_unlock(&lane->bridge->showing);
}

void lane_show_running(struct lane *lane)
{
    if (atomic_load_explicit(&lane->page->state, memory_order_relaxed) != PAGE_RUNNING)
        lane_show(lane, PAGE_RUNNING, "%s", "");
}

static void sleep_until(struct lane *lane, bool (*ready)(const void *of), const void *of, int64_t longest_ns)
{
    doorbell_arm(&lane->bell);
    if (!ready(of))
        doorbell_sleep(&lane->bell, longest_ns < LANE_SLICE_NS ? longest_ns : LANE_SLICE_NS);
    doorbell_disarm(&lane->bell);
    lane_beat(lane);
}

void lane_wait(struct lane *lane, bool (*ready)(const void *of), const void *of)
{
    sleep_until(lane, ready, of, LANE_SLICE_NS);
}

static bool stop_began(const void *of)
{
    return lane_is_stopping(of);
}

static bool is_expired(const void *of)
{
    return lane_is_expired(of);
}

void lane_back_off(struct lane *lane, struct lane_backoff *backoff)
{
    bool (*enough)(const void *of) = lane_is_stopping(lane) ? is_expired : stop_began;
    int64_t pause = backoff->pause_ns ? backoff->pause_ns : BACKOFF_FIRST_NS;
    backoff->pause_ns = pause * 2 < BACKOFF_LAST_NS ? pause * 2 : BACKOFF_LAST_NS;
    int64_t until = lane_now_ns() + pause;
    for (int64_t now = until - pause; now < until && !enough(lane); now = lane_now_ns())
        sleep_until(lane, enough, lane, until - now);
}

int32_t lane_reason(int32_t said)
{
    return said >= 0 && said < LEAT_REASON_COUNT ? said : LEAT_DROP_ERROR;
}

const char *lane_error_text(int error)
{
    switch (error) {
    case LEAT_ECLOSED:
        return "it was removed";
    case LEAT_ECORRUPT:
        return "it holds what no correct writer writes";
    case LEAT_EVERSION:
        return "what is there is of another kind or version";
    case LEAT_ETOOBIG:
        return "larger than it takes";
    case -EBUSY:
        return "it is in use under our name by another process";
    case -ENOENT:
        return "it does not exist yet";
    case -EUSERS:
        return "every place for a reader is taken";
    default: {
        const char *text = strerrordesc_np(-error);
        return text ? text : "unknown error";
    }
    }
}
