/* What a message waits for, in this order: a channel, a receiver, room. */
#include "cppipc/sender.h"

#include "cppipc/clock.h"
#include "cppipc/parcel.h"

#include <leat/error.h>

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_NS (50 * NS_PER_MS) /* a message of many slots is written in parts of so long */
#define SAY_KICK_NS (10 * NS_PER_S)
#define STALE_NS (5 * NS_PER_MS) /* how often a full ring is looked at for bits that stand for nobody */

struct sender {
    struct outlet outlet;
    struct parcel parcel; /* of the message that is being committed */
    unsigned char *buffer;
    uint64_t capacity, tag_bytes;

    bool full; /* the slot that is to be written next has not been read by everybody... */
    uint32_t full_at;
    int64_t full_since_ns; /* ... for so long */

    uint64_t kicked; /* receivers, since that was last logged */
    int64_t say_kick_at_ns;
};

/* ---- receivers that make no room -------------------------------------------------------------------------------------- */

static void say_kick(struct sender *sender, uint32_t receivers)
{
    struct outlet *outlet = &sender->outlet;
    int64_t now_ns = monotonic_ns();
    sender->kicked += receivers;
    if (now_ns < sender->say_kick_at_ns)
        return;
    sender->say_kick_at_ns = now_ns + SAY_KICK_NS;
    char text[CPPIPC_FILE_MAX + 128];
    snprintf(text, sizeof text, "%llu receiver%s of '%s' made no room for %.3g s and %s disconnected; %d still there",
             (unsigned long long)sender->kicked, sender->kicked == 1 ? "" : "s", outlet->name,
             (double)outlet->options->kick_after_ns / NS_PER_S, sender->kicked == 1 ? "was" : "were",
             __builtin_popcount(ring_connected(outlet->ring)));
    outlet->host->log(outlet->host->context, LEAT_LOG_WARNING, text);
    sender->kicked = 0;
}

/* Their bits come off every slot at once: whoever gets one of them next must not be held responsible. Receivers that are alive look
 * whether they are still connected when they are woken. */
static void kick(struct sender *sender)
{
    struct outlet *outlet = &sender->outlet;
    uint32_t bits = ring_kick(outlet->ring);
    sender->full = false;
    if (!bits)
        return;
    ring_forget(outlet->ring, bits, sender->full_at, leftover_drop, &outlet->leftover);
    attendant_wake(outlet->attendant, HANDLE_RD);
    say_kick(sender, (uint32_t)__builtin_popcount(bits));
}

/* ---- waiting ---------------------------------------------------------------------------------------------------------- */

static bool has_room(const void *of)
{
    return ring_has_room(*(const struct ring *)of);
}

static bool has_receiver(const void *of)
{
    return ring_connected(*(const struct ring *)of) != 0;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A receiver that left with something unread leaves its bits behind. Who got its place since is not to be held responsible. */
static void pass_over(struct outlet *outlet)
{
    uint32_t stale = ring_stale(outlet->ring);
    if (stale)
        ring_forget_stale(outlet->ring, stale, leftover_drop, &outlet->leftover);
}

static void wait_for_room(struct sender *sender, int64_t until_ns)
{
    struct outlet *outlet = &sender->outlet;
    int64_t now_ns = monotonic_ns(), kick_after_ns = outlet->options->kick_after_ns;
    uint32_t index = atomic_load_explicit(&outlet->ring.at->write, memory_order_acquire);
    if (!sender->full || sender->full_at != index) {
        sender->full = true;
        sender->full_at = index;
        sender->full_since_ns = now_ns;
    } else if (now_ns - sender->full_since_ns >= STALE_NS)
        pass_over(outlet);
    int64_t limit_ns = smaller(until_ns - now_ns, STALE_NS);
    if (kick_after_ns >= 0)
        limit_ns = smaller(limit_ns, sender->full_since_ns + kick_after_ns - now_ns);
    if (limit_ns > 0)
        attendant_wait(outlet->attendant, HANDLE_WT, has_room, &outlet->ring, limit_ns);
    else if (now_ns < until_ns)
        kick(sender);
}

static void wait_for_receiver(struct sender *sender, int64_t until_ns)
{
    struct outlet *outlet = &sender->outlet;
    attendant_wait(outlet->attendant, HANDLE_CC, has_receiver, &outlet->ring, until_ns - monotonic_ns());
}

static void wait_for_look(const struct sender *sender, int64_t until_ns)
{
    struct timespec until = timespec_of(smaller(until_ns, sender->outlet.look_at_ns));
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* ---- claim ------------------------------------------------------------------------------------------------------------ */

/* One step towards room for a message. 0: there is; LEAT_EAGAIN: waited, look again; others are the answer. */
static int approach(struct sender *sender, int64_t until_ns)
{
    struct outlet *outlet = &sender->outlet;
    bool drop = outlet->options->without_receiver == 0;
    int error = outlet_look(outlet);
    if (error == -ENOENT && drop)
        return -ENOTCONN;
    if (error == -ENOENT)
        wait_for_look(sender, until_ns);
    else if (error)
        return LEAT_ECLOSED; /* opening it anew says what is wrong, and keeps the message */
    else if (!has_receiver(&outlet->ring) && drop)
        return -ENOTCONN;
    else if (!has_receiver(&outlet->ring))
        wait_for_receiver(sender, until_ns);
    else if (!has_room(&outlet->ring))
        wait_for_room(sender, until_ns);
    else
        return 0;
    return LEAT_EAGAIN;
}

static bool is_attended(const struct outlet *outlet)
{
    return outlet_is_ready(outlet) && has_receiver(&outlet->ring);
}

static int make_room(struct sender *sender, int64_t timeout_ns)
{
    int64_t until_ns = deadline_after(timeout_ns);
    for (;;) {
        int error = approach(sender, until_ns);
        if (error != LEAT_EAGAIN)
            return error;
        if (monotonic_ns() >= until_ns)
            return is_attended(&sender->outlet) ? LEAT_ETIMEDOUT : LEAT_EAGAIN;
    }
}

static int grow(struct sender *sender, uint64_t bytes)
{
    uint64_t capacity = sender->capacity ? sender->capacity : 4096;
    while (capacity < bytes)
        capacity *= 2;
    unsigned char *buffer = realloc(sender->buffer, capacity);
    if (!buffer)
        return -ENOMEM;
    sender->buffer = buffer;
    sender->capacity = capacity;
    return 0;
}

int sender_claim(struct sender *sender, uint64_t len, void **data, int64_t timeout_ns)
{
    const struct outlet *outlet = &sender->outlet;
    uint64_t most = outlet->options->max_message_bytes;
    if (len > CPPIPC_MESSAGE_MAX - sender->tag_bytes || len + sender->tag_bytes > most)
        return LEAT_ETOOBIG;
    uint64_t bytes = len + sender->tag_bytes;
    if (bytes == 0)
        return -EINVAL;
    int error = 0;
    if (!is_attended(outlet) || !has_room(&outlet->ring))
        error = make_room(sender, timeout_ns);
    if (!error && bytes > sender->capacity)
        error = grow(sender, bytes);
    *data = error ? NULL : sender->buffer + sender->tag_bytes;
    return error;
}

/* ---- commit ----------------------------------------------------------------------------------------------------------- */

/* The receivers have left. Where messages wait for one, all of it waits. */
static int no_receiver(struct sender *sender, int64_t until_ns)
{
    struct outlet *outlet = &sender->outlet;
    if (outlet->options->without_receiver == 0) {
        parcel_abort(&sender->parcel, outlet);
        return -ENOTCONN;
    }
    parcel_restart(&sender->parcel, outlet);
    wait_for_receiver(sender, until_ns);
    return 0;
}

static int push_on(struct sender *sender)
{
    struct outlet *outlet = &sender->outlet;
    int64_t until_ns = parcel_is_long(&sender->parcel) ? deadline_after(COMMIT_NS) : 0;
    for (;;) {
        enum ring_push result = parcel_push(&sender->parcel, outlet, until_ns);
        if (result == RING_PUSHED)
            return 0;
        if (!until_ns)
            until_ns = deadline_after(COMMIT_NS);
        if (monotonic_ns() >= until_ns)
            return LEAT_ETIMEDOUT;
        if (result == RING_FULL)
            wait_for_room(sender, until_ns);
        else if (no_receiver(sender, until_ns) < 0)
            return -ENOTCONN;
    }
}

int sender_commit(struct sender *sender, uint64_t len, uint64_t tag)
{
    struct outlet *outlet = &sender->outlet;
    if (attendant_sees_gone(outlet->attendant)) {
        sender_abort(sender);
        return LEAT_ECLOSED;
    }
    if (!sender->parcel.begun) {
        tag = htole64(tag);
        memcpy(sender->buffer, &tag, sender->tag_bytes);
        parcel_begin(&sender->parcel, outlet, sender->buffer, len + sender->tag_bytes);
    }
    return push_on(sender);
}

void sender_abort(struct sender *sender)
{
    if (sender->parcel.begun)
        parcel_abort(&sender->parcel, &sender->outlet);
}

/* ---- open and close --------------------------------------------------------------------------------------------------- */

int sender_open(struct sender **out, const struct leat_host *host, const char *name,
                const struct cppipc_options *options)
{
    struct sender *sender = calloc(1, sizeof *sender);
    if (!sender)
        return -ENOMEM;
    int error = outlet_init(&sender->outlet, host, name, options);
    if (!error)
        error = outlet_look(&sender->outlet);
    if (error == -ENOENT) /* claim waits for it */
        error = 0;
    sender->tag_bytes = options->tag ? sizeof(uint64_t) : 0;
    if (error) {
        sender_close(sender);
        return error;
    }
    *out = sender;
    return 0;
}

void sender_close(struct sender *sender)
{
    if (!sender)
        return;
    sender_abort(sender);
    outlet_fini(&sender->outlet);
    free(sender->buffer);
    free(sender);
}
