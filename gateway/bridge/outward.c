#include "bridge/outward.h"

#include "bridge/books.h"
#include "bridge/inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WINDOW_BYTES (UINT64_C(64) << 20) /* of a bridge's messages in flight, shared by its lanes */
#define CORRUPT_NOTE_NS INT64_C(1000000000)

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* What to do about a failed send: a reason to drop the message, or LEAT_FORWARD: it is still to be forwarded, send again. */
static int32_t verdict(const struct outward *out, int32_t status)
{
    bool waits = out->lane.bridge->needs_peer;
    switch (-status) {
    case EMSGSIZE:
        return LEAT_DROP_OVERSIZE;
    case ECONNRESET:
    case ECONNREFUSED:
    case ECONNABORTED:
    case ENOTCONN:
    case EPIPE:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
        return waits ? LEAT_FORWARD : LEAT_DROP_NO_PEER;
    case EAGAIN:
    case ETIMEDOUT:
        return waits ? LEAT_FORWARD : LEAT_DROP_SLOW_PEER;
    case ENOMEM:
    case ENOBUFS:
        return waits ? LEAT_FORWARD : LEAT_DROP_ERROR;
    case ECANCELED:
    case EBADF:
    case ESHUTDOWN: /* the socket is gone, the message is not: the next worker sends it */
        return LEAT_FORWARD;
    default:
        return LEAT_DROP_ERROR;
    }
}

static bool is_gone(int32_t status)
{
    return status == -ECANCELED || status == -EBADF || status == -ESHUTDOWN;
}

void outward_sent(struct outward *out, uint32_t slot, int32_t status)
{
    struct bridge *bridge = out->lane.bridge;
    if (status == 0) {
        window_finish(&out->window, slot, LEAT_FORWARD);
        return;
    }
    if (is_gone(status))
        atomic_store_explicit(&bridge->broken, true, memory_order_relaxed);
    int32_t reason = verdict(out, status);
    if (reason == LEAT_FORWARD) {
        window_retry(&out->window, slot);
        return;
    }
    bridge->engine->drop(bridge->socket, &out->window.slots[slot].packet);
    window_finish(&out->window, slot, reason);
}

static void submit(struct outward *out, uint32_t slot)
{
    struct bridge *bridge = out->lane.bridge;
    bool shared = bridge->outward_count > 1;
    if (shared)
        pthread_mutex_lock(&bridge->submit);
    int32_t error =
        bridge->engine->send(bridge->socket, out->index * WINDOW_SLOTS + slot, &out->window.slots[slot].packet);
    if (shared)
        pthread_mutex_unlock(&bridge->submit);
    if (error)
        outward_sent(out, slot, error);
}

/* ---- one message -------------------------------------------------------------------------------------------------- */

static bool has_peer(const struct outward *out)
{
    return atomic_load_explicit(&out->lane.bridge->peers, memory_order_relaxed) > 0;
}

static bool finds_nobody(const struct outward *out)
{
    return !out->lane.bridge->needs_peer && !has_peer(out);
}

/* Makes the packet of a borrowed message: prefix and body, the one copy on its way out. Returns LEAT_FORWARD, LEAT_HOLD, or why it is
 * dropped instead: what the pattern would drop with peers it drops without them. */
static int32_t pack(struct outward *out, const struct leat_message *message, struct leat_outward *way,
                    struct leat_packet *packet)
{
    struct bridge *bridge = out->lane.bridge;
    const struct leat_pattern_ops *pattern = bridge->pattern_ops;
    int32_t reason = pattern->outward ? pattern->outward(bridge->pattern, out->index, message, way) : LEAT_FORWARD;
    if (reason != LEAT_FORWARD && (reason != LEAT_HOLD || !out->may_hold || way->hold_key >= LEAT_HOLD_KEYS))
        return lane_reason(reason);
    if (reason == LEAT_FORWARD && finds_nobody(out))
        return LEAT_DROP_NO_PEER;
    if (way->header_len > LEAT_HEADER_MAX || way->prefix_len > UINT64_MAX - message->len ||
        bridge->engine->alloc(bridge->socket, packet, way->prefix_len + message->len) != 0)
        return LEAT_DROP_ERROR;
    packet->header_len = way->header_len;
    memcpy(packet->header, way->header, way->header_len);
    if (way->prefix_len)
        memcpy(packet->data, way->prefix, way->prefix_len);
    if (message->len)
        memcpy((char *)packet->data + way->prefix_len, message->data, message->len);
    return reason;
}

/* What is in the next slot of the window and has been pushed goes out; behind what failed while we waited for it. */
static void dispatch(struct outward *out, uint32_t slot)
{
    if (window_has_failed(&out->window))
        window_retry(&out->window, slot);
    else
        submit(out, slot);
}

/* ---- what the pattern keeps back ------------------------------------------------------------------------------------ */

static void drop_held(struct outward *out, struct held_message *held, int32_t reason)
{
    struct bridge *bridge = out->lane.bridge;
    bridge->engine->drop(bridge->socket, &held->packet);
    window_drop_held(&out->window, &held->hold, &held->message, reason);
    held_remove(&out->held, held);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Its time has come. There is room in the window. */
static void let_go(struct outward *out, struct held_message *held)
{
    if (finds_nobody(out)) {
        drop_held(out, held, LEAT_DROP_NO_PEER);
        return;
    }
    window_next(&out->window)->packet = held->packet;
    uint32_t slot = window_push_held(&out->window, &held->hold, &held->message);
    held_remove(&out->held, held);
    dispatch(out, slot);
}

/* The newest message of its key: the one before is over. There is room in the window. */
static void hold(struct outward *out, const struct leat_message *message, const struct leat_outward *way,
                 struct leat_packet *packet)
{
    struct bridge *bridge = out->lane.bridge;
    struct leat_packet kept = *packet; /* the slot may be taken by the one before */
    struct held_message *before = held_find(&out->held, way->hold_key);
    if (before && before->due_ns <= now_ns()) /* it should have gone already */
        let_go(out, before);
    else if (before)
        drop_held(out, before, LEAT_DROP_FILTERED);
    struct held_message *held = held_add(&out->held, way->hold_key, way->hold_until_ns, message);
    if (!held) {
        bridge->engine->drop(bridge->socket, &kept);
        window_pass(&out->window, message, LEAT_DROP_ERROR);
        return;
    }
    held->packet = kept;
    window_hold(&out->window, message, &held->hold);
}

/* How long until one is due: 0 now, INT64_MAX none is held. Too many bytes are not held any longer. */
static int64_t due_in_ns(const struct outward *out)
{
    const struct held_message *first = held_first(&out->held);
    if (!first)
        return INT64_MAX;
    if (out->held.bytes > out->window.byte_limit)
        return 0;
    int64_t left_ns = first->due_ns - now_ns();
    return left_ns > 0 ? left_ns : 0;
}

/* ---- one message ---------------------------------------------------------------------------------------------------- */

/* A borrowed message goes its way. What the writer overtook meanwhile counts in the next message's `lost`, not here. */
static void carry(struct outward *out, const struct leat_message *message)
{
    struct bridge *bridge = out->lane.bridge;
    struct page_lane *page = out->lane.page;
    struct leat_packet *packet = &window_next(&out->window)->packet;
    struct leat_outward way = {0};
    int32_t reason = pack(out, message, &way, packet);
    if (out->channel->release(out->reader) != 0) {
        if (reason == LEAT_FORWARD || reason == LEAT_HOLD)
            bridge->engine->drop(bridge->socket, packet);
        return; /* this message, and what it said was lost before it, is told with the next one */
    }
    if (message->lost) {
        books_add(&page->read, message->lost);
        books_share(&page->dropped[LEAT_DROP_LAPPED], message->lost);
    }
    if (message->duplicates) {
        books_add(&page->read, message->duplicates);
        books_share(&page->dropped[LEAT_DROP_DUPLICATE], message->duplicates);
    }
    books_add(&page->read, 1);
    books_add(&page->read_bytes, message->len);
    books_set(&page->last_sequence, message->sequence);
    out->window.timed = lane_times_next(&out->lane);
    if (reason == LEAT_FORWARD)
        dispatch(out, window_push(&out->window, message));
    else if (reason == LEAT_HOLD)
        hold(out, message, &way, packet);
    else
        window_pass(&out->window, message, reason);
}

/* ---- waiting ------------------------------------------------------------------------------------------------------ */

/* Whether to take nothing new. Where both lanes have one channel, the inward lane may need room there for what it has received
 * already, and this lane is one of those that make room: it goes on until that one has left. */
static bool is_over(const struct outward *out)
{
    const struct bridge *bridge = out->lane.bridge;
    if (bridge->loops && !lane_has_left(&bridge->inward->lane))
        return lane_is_expired(&out->lane);
    return lane_is_stopping(&out->lane);
}

static bool room_or_stop(const void *of)
{
    const struct outward *out = of;
    return window_has_room(&out->window) || is_over(out);
}

static bool peer_or_stop(const void *of)
{
    const struct outward *out = of;
    return has_peer(out) || is_over(out);
}

static bool settled(const void *of)
{
    const struct outward *out = of;
    return window_is_settled(&out->window);
}

static bool empty_or_failed(const void *of)
{
    const struct outward *out = of;
    return window_is_empty(&out->window) || window_has_failed(&out->window);
}

/* What failed goes again: one by one, oldest first, when nothing else is under way, so that nothing overtakes it. */
static void mend(struct outward *out)
{
    if (!window_is_settled(&out->window)) {
        lane_wait(&out->lane, settled, out);
        return;
    }
    uint64_t tail = atomic_load_explicit(&out->window.tail, memory_order_relaxed);
    if (tail == out->mended_at) {
        lane_show(&out->lane, PAGE_DEGRADED, "a send to the network failed; it is tried again until it is through");
        lane_back_off(&out->lane, &out->again);
    } else {
        out->again = (struct lane_backoff){0};
    }
    out->mended_at = tail;
    int slot = window_mend(&out->window);
    out->mending = slot >= 0;
    if (out->mending)
        submit(out, (uint32_t)slot);
}

static void show_connecting(struct outward *out)
{
    char urls[128];
    bridge_urls(out->lane.bridge, urls, sizeof urls);
    lane_show(&out->lane, PAGE_CONNECTING, "none yet on %s; channel '%s' is read as soon as there is one", urls,
              out->lane.channel);
}

/* True when one more message may be read now; otherwise it has waited a little. */
static bool may_read(struct outward *out)
{
    const struct bridge *bridge = out->lane.bridge;
    out->mending |= window_has_failed(&out->window);
    if (out->mending) {
        mend(out);
        return false;
    }
    if (bridge->needs_peer && !has_peer(out)) {
        show_connecting(out);
        lane_wait(&out->lane, peer_or_stop, out);
        return false;
    }
    lane_show_running(&out->lane);
    if (!window_has_room(&out->window))
        lane_wait(&out->lane, room_or_stop, out);
    else if (due_in_ns(out) == 0)
        let_go(out, held_first(&out->held));
    else
        return true;
    return false;
}

/* ---- the life of the lane ----------------------------------------------------------------------------------------- */

static bool is_durable(const struct outward *out)
{
    if (out->channel->reader_is_durable)
        return out->channel->reader_is_durable(out->reader);
    return out->channel->keeps & LEAT_CHANNEL_DURABLE;
}

/* Waits for the channel. False: a stop came first. */
static bool open_reader(struct outward *out)
{
    struct lane *lane = &out->lane;
    struct lane_backoff backoff = {0};
    while (!lane_is_stopping(lane)) {
        lane_beat(lane);
        int error = out->channel->reader_open(&out->reader, out->source->host, out->source->where,
                                              out->source->options.values, lane->bridge->reader_name);
        if (error == 0) {
            atomic_store_explicit(&lane->page->durable, is_durable(out), memory_order_relaxed);
            window_serve(&out->window, out->reader, out->channel->acknowledge);
            return true;
        }
        lane_show(lane, PAGE_WAITING, "channel '%s' (%s): %s; looking for it until it can be opened", lane->channel,
                  lane->medium, lane_error_text(error));
        lane_back_off(lane, &backoff);
    }
    return false;
}

/* What borrow says when it has no message. False: this reader has come to its end. */
static bool goes_on(struct outward *out, int error)
{
    if (error == LEAT_EAGAIN || error == LEAT_ETIMEDOUT)
        return true;
    if (error != LEAT_ECORRUPT)
        return false;
    int64_t now = lane_now_ns();
    if (now - out->corrupt_noted_ns > CORRUPT_NOTE_NS) {
        out->corrupt_noted_ns = now;
        page_note(out->lane.bridge->map, out->lane.bridge->page->name,
                  "channel '%s' held what no correct writer writes; it was skipped", out->lane.channel);
    }
    return true;
}

/* The lane loop: carries messages until a stop, or until the channel ends. */
static void pump(struct outward *out)
{
    struct leat_message message;
    while (!is_over(out)) {
        lane_beat(&out->lane);
        if (!may_read(out))
            continue;
        int64_t due_ns = due_in_ns(out);
        int error = out->channel->borrow(out->reader, &message, due_ns < LANE_SLICE_NS ? due_ns : LANE_SLICE_NS);
        if (error == 0)
            carry(out, &message);
        else if (!goes_on(out, error))
            return;
    }
}

/* Lets everything in flight come back; until the deadline, when stopping. */
static void drain(struct outward *out)
{
    if (lane_is_stopping(&out->lane))
        lane_show(&out->lane, PAGE_STOPPING, "finishing the messages in flight");
    while ((!window_is_empty(&out->window) || held_first(&out->held)) && !lane_is_expired(&out->lane)) {
        if (window_has_failed(&out->window))
            mend(out);
        else if (held_first(&out->held) && window_has_room(&out->window))
            let_go(out, held_first(&out->held));
        else
            lane_wait(&out->lane, empty_or_failed, out);
    }
}

static void *run(void *argument)
{
    struct outward *out = argument;
    while (open_reader(out)) {
        pump(out);
        drain(out);
        if (!window_is_empty(&out->window) || held_first(&out->held))
            break;
        out->channel->reader_close(out->reader);
        out->reader = NULL;
        struct lane_backoff pause = {0}; /* a channel that opens and ends at once must not make us spin */
        lane_back_off(&out->lane, &pause);
    }
    books_share(&out->lane.unfinished, window_abandon(&out->window, page_lane_resumes(out->lane.page)));
    lane_leave(&out->lane);
    return NULL;
}

void outward_init(struct outward *out, struct bridge *bridge, uint32_t index, struct page_lane *page)
{
    out->source = &bridge->read.items[index];
    out->channel = &out->source->plugin->channel;
    out->index = index;
    out->mended_at = UINT64_MAX;
    out->may_hold = bridge->resolved->pattern->table.needs_minor >= 1;
    out->lane.medium = out->source->plugin->table.name;
    lane_init(&out->lane, bridge, page, out->source->url, true);
    window_init(&out->window, page, &out->lane.bell, WINDOW_BYTES / bridge->outward_count);
}

int outward_start(struct outward *out)
{
    char name[16];
    snprintf(name, sizeof name, "out %.11s", out->lane.channel);
    return lane_start(&out->lane, run, name);
}

void outward_fini(struct outward *out)
{
    struct bridge *bridge = out->lane.bridge;
    for (int slot; (slot = window_mend(&out->window)) >= 0;)
        bridge->engine->drop(bridge->socket, &out->window.slots[slot].packet);
    for (struct held_message *held; (held = held_first(&out->held)) != NULL; held_remove(&out->held, held))
        bridge->engine->drop(bridge->socket, &held->packet);
    held_fini(&out->held);
    if (out->reader)
        out->channel->reader_close(out->reader);
    window_fini(&out->window);
}
