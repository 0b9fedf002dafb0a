/* Edge R: a completion fills the slot and stores its state (release); the lane loads the state (acquire) and then reads it. */
#include "bridge/inward.h"

#include "base/clock.h"
#include "bridge/books.h"
#include "bridge/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HELD_BYTES (UINT64_C(64) << 20) /* what posted receives may come to hold, by the size of what came of late */
#define POSTED_MIN 2u
#define FULL_SHOW_NS INT64_C(1000000000) /* a channel that is full for so long is worth saying so */

/* ---- completions --------------------------------------------------------------------------------------------------- */

/* The stop came first: the sender has handed it over, and nobody has it. */
static void count_unfinished(struct inward *in)
{
    books_share(&in->lane.page->dropped[LEAT_DROP_SHUTDOWN], 1);
    books_share(&in->lane.unfinished, 1);
}

/* A message that comes after the lane has left: nobody will carry it, but the books know it. */
static void count_late(struct inward *in, struct inward_slot *slot)
{
    uint32_t complete = INWARD_COMPLETE;
    if (!atomic_compare_exchange_strong(&slot->state, &complete, INWARD_IDLE) || slot->status < 0)
        return;
    books_share(&in->lane.page->read, 1);
    count_unfinished(in);
    in->lane.bridge->engine->drop(in->lane.bridge->socket, &slot->packet);
}

void inward_received(struct inward *in, uint32_t index, int32_t status)
{
    struct inward_slot *slot = &in->slots[index];
    slot->status = status;
    if (slot->timed)
        slot->received_ns = clock_monotonic_ns();
    atomic_store_explicit(&slot->state, INWARD_COMPLETE,
                          memory_order_seq_cst); /* R, with pump; before `closed`, with leave */
    if (atomic_load_explicit(&in->closed, memory_order_seq_cst))
        count_late(in, slot);
    else
        doorbell_ring(&in->lane.bell);
}

static struct inward_slot *slot_at(struct inward *in, uint64_t position)
{
    return &in->slots[position % INWARD_SLOTS];
}

static uint64_t may_post(const struct inward *in)
{
    uint64_t fits = in->largest ? HELD_BYTES / in->largest : INWARD_SLOTS;
    return fits < POSTED_MIN ? POSTED_MIN : fits > INWARD_SLOTS ? INWARD_SLOTS : fits;
}

/* Keeps as many receives posted as may be. */
static void post(struct inward *in)
{
    struct bridge *bridge = in->lane.bridge;
    for (uint64_t most = may_post(in); in->posted - in->handled < most; in->posted++) {
        struct inward_slot *slot = slot_at(in, in->posted);
        slot->timed = lane_times_next(&in->lane);
        atomic_store_explicit(&slot->state, INWARD_POSTED, memory_order_relaxed);
        int32_t error = bridge->engine->receive(bridge->socket, (uint32_t)(in->posted % INWARD_SLOTS), &slot->packet);
        if (error)
            inward_received(in, (uint32_t)(in->posted % INWARD_SLOTS), error);
    }
}

/* ---- the channels -------------------------------------------------------------------------------------------------- */

static const struct resolved_channel *channel_of(const struct inward *in, uint32_t index)
{
    return &in->lane.bridge->written.items[index];
}

static const struct leat_channel_ops *ops_of(const struct inward *in, uint32_t index)
{
    return &channel_of(in, index)->plugin->channel;
}

/* Opens a channel, which creates it where it is not there. False: a stop came first. */
static bool open_writer(struct inward *in, uint32_t index)
{
    const struct resolved_channel *to = channel_of(in, index);
    struct lane_backoff backoff = {0};
    while (!lane_is_stopping(&in->lane)) {
        lane_beat(&in->lane);
        int error = ops_of(in, index)->writer_open(&in->writers[index], to->host, to->where, to->options.values);
        if (error == 0)
            return true;
        lane_show(&in->lane, PAGE_WAITING, "cannot open channel '%s' (%s) for writing: %s; trying again", to->where,
                  to->plugin->table.name, error == -EBUSY ? "no place for a writer is free" : lane_error_text(error));
        lane_back_off(&in->lane, &backoff);
    }
    return false;
}

static bool open_writers(struct inward *in)
{
    for (uint32_t i = 0; i < in->channel_count; i++)
        if (!open_writer(in, i))
            return false;
    return true;
}

static void close_writer(struct inward *in, uint32_t index)
{
    if (in->writers[index])
        ops_of(in, index)->writer_close(in->writers[index]);
    in->writers[index] = NULL;
}

/* ---- one message --------------------------------------------------------------------------------------------------- */

/* No room in a `block` channel, or nobody there: its readers hold the lane, as they should; people want to know after a while. Where
 * this bridge is one of them and has no peer, its outward lane says so. */
static void show_no_room(struct inward *in, uint32_t index, int32_t error, int64_t since_ns)
{
    const struct bridge *bridge = in->lane.bridge;
    if (lane_now_ns() - since_ns < FULL_SHOW_NS || lane_is_stopping(&in->lane) ||
        (bridge->loops && atomic_load_explicit(&bridge->peers, memory_order_relaxed) == 0))
        return;
    if (error == LEAT_EAGAIN)
        lane_show(&in->lane, PAGE_DEGRADED, "nobody reads channel '%s'; the network waits until somebody does",
                  channel_of(in, index)->where);
    else
        lane_show(&in->lane, PAGE_DEGRADED, "channel '%s' is full; the network waits for its readers%s",
                  channel_of(in, index)->where,
                  bridge->loops ? ", and this bridge is one: a reply_channel would keep the ways apart" : "");
}

/* What a channel's error means for the message. LEAT_FORWARD: it may still go. */
static int32_t verdict(int error)
{
    switch (error) {
    case LEAT_EAGAIN:
    case LEAT_ETIMEDOUT:
    case LEAT_ECLOSED:
        return LEAT_FORWARD;
    case LEAT_ETOOBIG:
        return LEAT_DROP_OVERSIZE;
    case -ENOTCONN:
        return LEAT_DROP_NO_PEER;
    case -EINVAL:
        return LEAT_DROP_MALFORMED;
    default:
        return LEAT_DROP_ERROR;
    }
}

/* Waits for room in the channel. Returns why the message is dropped instead. */
static int32_t claim(struct inward *in, uint32_t index, uint64_t len, void **data)
{
    int64_t since_ns = lane_now_ns();
    for (;;) {
        if (!in->writers[index] && !open_writer(in, index))
            return LEAT_DROP_SHUTDOWN;
        int32_t error = ops_of(in, index)->claim(in->writers[index], len, data, LANE_SLICE_NS);
        lane_beat(&in->lane);
        if (error == 0)
            return LEAT_FORWARD;
        int32_t reason = verdict(error);
        if (reason != LEAT_FORWARD)
            return reason;
        if (error == LEAT_ECLOSED)
            close_writer(in, index); /* it was removed: make it anew, the message is still ours */
        if (lane_is_expired(&in->lane))
            return LEAT_DROP_SHUTDOWN;
        show_no_room(in, index, error, since_ns);
    }
}

/* Publishes what was claimed; a channel that takes a large message in parts may need many turns. */
static int32_t commit(struct inward *in, uint32_t index, uint64_t len, uint64_t tag)
{
    int64_t since_ns = lane_now_ns();
    for (;;) {
        int32_t error = ops_of(in, index)->commit(in->writers[index], len, tag);
        lane_beat(&in->lane);
        if (error == 0)
            return LEAT_FORWARD;
        int32_t reason = verdict(error);
        if (error != LEAT_ETIMEDOUT)
            return reason == LEAT_FORWARD ? LEAT_DROP_ERROR : reason; /* claimed, and then not taken */
        if (lane_is_expired(&in->lane)) {
            ops_of(in, index)->abort(in->writers[index]);
            return LEAT_DROP_SHUTDOWN;
        }
        show_no_room(in, index, error, since_ns);
    }
}

/* Writes the packet where the pattern wants it: the one copy on its way in. Returns why it is dropped instead. */
static int32_t deliver(struct inward *in, const struct leat_packet *packet, uint64_t *len)
{
    struct bridge *bridge = in->lane.bridge;
    struct leat_inward way = {0};
    if (packet->len > bridge->resolved->bridge->receive_limit_bytes) /* not every engine enforces it */
        return LEAT_DROP_OVERSIZE;
    int32_t reason =
        bridge->pattern_ops->inward ? bridge->pattern_ops->inward(bridge->pattern, packet, &way) : LEAT_FORWARD;
    if (reason != LEAT_FORWARD)
        return lane_reason(reason);
    if (way.skip > packet->len || way.channel >= in->channel_count)
        return LEAT_DROP_MALFORMED;
    *len = packet->len - way.skip;
    void *data;
    reason = claim(in, way.channel, *len, &data);
    if (reason != LEAT_FORWARD)
        return reason;
    if (*len)
        memcpy(data, (const char *)packet->data + way.skip, *len);
    return commit(in, way.channel, *len, way.tag);
}

static void carry(struct inward *in, struct inward_slot *slot)
{
    struct page_lane *page = in->lane.page;
    struct leat_packet *packet = &slot->packet;
    uint64_t len = 0;
    in->largest -= in->largest >> 8; /* forgets a giant after some hundred messages */
    if (packet->len > in->largest)
        in->largest = packet->len;
    books_set(&page->in_flight, 1);
    books_add(&page->read, 1);
    books_add(&page->read_bytes, packet->len);
    int32_t reason = deliver(in, packet, &len);
    if (reason == LEAT_FORWARD) {
        books_add(&page->forwarded, 1);
        books_add(&page->forwarded_bytes, len);
        if (slot->timed)
            page_latency_add(&page->latency, (uint64_t)(clock_monotonic_ns() - slot->received_ns));
        lane_show_running(&in->lane);
    } else if (reason == LEAT_DROP_SHUTDOWN) {
        count_unfinished(in);
    } else {
        books_share(&page->dropped[reason], 1);
    }
    books_set(&page->in_flight, 0);
    in->lane.bridge->engine->drop(in->lane.bridge->socket, packet);
}

/* ---- the life of the lane ------------------------------------------------------------------------------------------ */

static void receive_failed(struct inward *in, int32_t status)
{
    if (status == -ECANCELED || status == -EBADF || status == -ESHUTDOWN)
        atomic_store_explicit(&in->lane.bridge->broken, true, memory_order_relaxed);
    if (lane_is_stopping(&in->lane))
        return;
    lane_show(&in->lane, PAGE_DEGRADED, "receiving from the network failed (%s); trying again",
              lane_error_text(status));
    lane_back_off(&in->lane, &in->receive_again);
}

/* Handles the oldest receive. Only then may its slot be posted again. */
static void take(struct inward *in, struct inward_slot *slot)
{
    if (slot->status < 0) {
        receive_failed(in, slot->status);
    } else {
        in->receive_again = (struct lane_backoff){0};
        carry(in, slot);
    }
    atomic_store_explicit(&slot->state, INWARD_IDLE, memory_order_relaxed);
    in->handled++;
}

static bool oldest_is_complete(const struct inward *in)
{
    const struct inward_slot *slot = &in->slots[in->handled % INWARD_SLOTS];
    return atomic_load_explicit(&slot->state, memory_order_acquire) == INWARD_COMPLETE; /* R, with inward_received */
}

static bool complete(const void *of)
{
    return oldest_is_complete(of);
}

static bool complete_or_stop(const void *of)
{
    const struct inward *in = of;
    return oldest_is_complete(in) || lane_is_stopping(&in->lane);
}

static void show_waiting(struct inward *in)
{
    struct bridge *bridge = in->lane.bridge;
    char urls[128];
    if (!bridge->only_dials || atomic_load_explicit(&bridge->peers, memory_order_relaxed) > 0) {
        lane_show_running(&in->lane);
        return;
    }
    bridge_urls(bridge, urls, sizeof urls);
    lane_show(&in->lane, PAGE_CONNECTING, "none yet on %s; dialling again", urls);
}

/* Stopping: receives that are posted cannot be taken back, and what senders push meanwhile goes into them. Where nothing comes
 * for a slice, nothing is on its way. */
static bool more_comes(struct inward *in)
{
    int64_t until = lane_now_ns() + LANE_SLICE_NS;
    while (in->handled < in->posted && !oldest_is_complete(in)) {
        if (lane_now_ns() >= until || lane_is_expired(&in->lane))
            return false;
        lane_wait(&in->lane, complete, in);
    }
    return in->handled < in->posted;
}

/* The lane loop: carries messages until a stop, and then what has been received already. */
static void pump(struct inward *in)
{
    while (!lane_is_expired(&in->lane)) {
        lane_beat(&in->lane);
        bool stopping = lane_is_stopping(&in->lane);
        if (!stopping)
            post(in);
        if (oldest_is_complete(in)) {
            take(in, slot_at(in, in->handled));
        } else if (stopping) {
            if (!more_comes(in))
                return;
        } else {
            show_waiting(in);
            lane_wait(&in->lane, complete_or_stop, in);
        }
    }
}

/* From here on completions count themselves; what had completed before is counted now. Each is counted once: whoever turns its
 * slot from COMPLETE to IDLE. */
static void *run(void *argument)
{
    struct inward *in = argument;
    if (open_writers(in))
        pump(in);
    atomic_store_explicit(&in->closed, true, memory_order_seq_cst);
    for (size_t i = 0; i < INWARD_SLOTS; i++)
        count_late(in, &in->slots[i]);
    for (uint32_t i = 0; i < in->channel_count; i++)
        close_writer(in, i);
    lane_leave(&in->lane);
    return NULL;
}

int inward_init(struct inward *in, struct bridge *bridge, struct page_lane *page)
{
    const struct resolved_channel *first = &bridge->written.items[0];
    in->channel_count = bridge->written.count;
    in->writers = calloc(in->channel_count, sizeof *in->writers);
    if (!in->writers)
        return -ENOMEM;
    in->lane.medium = first->plugin->table.name;
    lane_init(&in->lane, bridge, page, first->url, false);
    return 0;
}

int inward_start(struct inward *in)
{
    char name[] = "inward";
    return lane_start(&in->lane, run, name);
}

void inward_fini(struct inward *in)
{
    free(in->writers);
}
