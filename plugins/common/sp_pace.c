#include "common/sp_pace.h"

#include "common/sp_address.h"
#include "common/sp_credit.h"
#include "common/sp_stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define PAUSE_MIN_NS INT64_C(50000)
#define PAUSE_MAX_NS INT64_C(5000000)
#define CHEAP_LOOK_NS INT64_C(200000) /* a lane takes a look of its own while it costs less */
#define NONE UINT32_MAX
#define GIVEN 1
#define HELD 2

struct sp_pace_pipe {
    struct sp_pace_pipe *next;
    uint32_t id;
    uint32_t held;  /* messages for it, where each has one pipe */
    uint64_t pass;  /* the walk in which something for it stayed held */
    bool is_member; /* whatever goes to all goes to it: from ADD_POST */
    struct sp_credit credit;
};

struct sp_pace_held {
    uint32_t next, pipe;
    uint64_t bytes;
    int64_t since_ns;
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- pipes --------------------------------------------------------------------------------------------------------- */

static struct sp_pace_pipe **place_of(struct sp_pace *pace, uint32_t id)
{
    struct sp_pace_pipe **place = &pace->buckets[id % SP_PACE_BUCKETS];
    while (*place && (*place)->id != id)
        place = &(*place)->next;
    return place;
}

static struct sp_pace_pipe *find(struct sp_pace *pace, uint32_t id)
{
    return *place_of(pace, id);
}

/* All pipes: for (p = step(pace, NULL); p; p = step(pace, p)). */
static struct sp_pace_pipe *step(const struct sp_pace *pace, const struct sp_pace_pipe *pipe)
{
    if (pipe && pipe->next)
        return pipe->next;
    for (uint32_t i = pipe ? pipe->id % SP_PACE_BUCKETS + 1 : 0; i < SP_PACE_BUCKETS; i++)
        if (pace->buckets[i])
            return pace->buckets[i];
    return NULL;
}

/* Requests may come from a pipe between ADD_PRE and ADD_POST, so it can be answered from the first on. */
static void enter(struct sp_pace *pace, nng_pipe pipe)
{
    char address[128];
    struct sp_pace_pipe *entry = calloc(1, sizeof *entry);
    if (!entry)
        return; /* as if it were gone: nobody is answered */
    entry->id = (uint32_t)nng_pipe_id(pipe);
    sp_credit_init(&entry->credit, sp_address_of_pipe(pipe, address, sizeof address), pace->kind->window,
                   pace->byte_limit);
    pthread_mutex_lock(&pace->lock);
    *place_of(pace, entry->id) = entry;
    pace->pipes++;
    pace->counted += entry->credit.counted;
    pthread_mutex_unlock(&pace->lock);
}

static void leave(struct sp_pace *pace, uint32_t id)
{
    pthread_mutex_lock(&pace->lock);
    struct sp_pace_pipe **place = place_of(pace, id), *entry = *place;
    if (entry) {
        *place = entry->next;
        pace->pipes--;
        pace->counted -= entry->credit.counted;
        free(entry);
    }
    pthread_mutex_unlock(&pace->lock);
}

static void join(struct sp_pace *pace, uint32_t id)
{
    pthread_mutex_lock(&pace->lock);
    struct sp_pace_pipe *entry = find(pace, id);
    if (entry)
        entry->is_member = true;
    pthread_mutex_unlock(&pace->lock);
}

void sp_pace_pipe(struct sp_pace *pace, nng_pipe pipe, nng_pipe_ev event)
{
    if (!pace->slots)
        return;
    if (event == NNG_PIPE_EV_ADD_PRE)
        enter(pace, pipe);
    else if (event == NNG_PIPE_EV_ADD_POST)
        join(pace, (uint32_t)nng_pipe_id(pipe));
    else
        leave(pace, (uint32_t)nng_pipe_id(pipe));
}

/* ---- looking at what was written ----------------------------------------------------------------------------------- */

/* Under the lock. */
static void count_all(struct sp_pace *pace, nng_stat *all)
{
    for (nng_stat *node = nng_stat_child(all); node; node = nng_stat_next(node)) {
        if (strcmp(nng_stat_name(node), "pipe") != 0)
            continue;
        struct sp_pace_pipe *pipe = find(pace, (uint32_t)sp_stats_value(node, "id"));
        if (pipe && pipe->credit.counted)
            sp_credit_count(&pipe->credit, sp_stats_value(node, "tx_msgs"));
    }
}

/* Under the lock, which it leaves for a while: nng builds its whole tree of counters. */
static void look(struct sp_pace *pace)
{
    nng_stat *all;
    if (pace->counted == 0)
        return;
    int64_t begun_ns = pace->looked_ns = now_ns();
    pthread_mutex_unlock(&pace->lock);
    int code = nng_stats_get(&all);
    pthread_mutex_lock(&pace->lock);
    if (code != 0)
        return;
    count_all(pace, all);
    nng_stats_free(all);
    pace->look_ns = now_ns() - begun_ns;
}

/* Whether the lane itself may look: it is cheap, and was not done just now. */
static bool may_look(const struct sp_pace *pace, int64_t now)
{
    return pace->look_ns < CHEAP_LOOK_NS && now - pace->looked_ns > 4 * pace->look_ns;
}

static bool waited_enough(const struct sp_pace *pace, const struct sp_pace_held *send, int64_t now)
{
    return !pace->kind->for_ever && now - send->since_ns > SP_PACE_HOLD_NS;
}

/* ---- giving -------------------------------------------------------------------------------------------------------- */

static int32_t try_one(struct sp_pace *pace, uint32_t slot, const struct sp_pace_held *send, int64_t now)
{
    struct sp_pace_pipe *pipe = find(pace, send->pipe);
    if (!pipe)
        return -ENOTCONN;
    if (!sp_credit_has(&pipe->credit, now)) {
        pipe->credit.slow |= pipe->credit.counted && waited_enough(pace, send, now);
        return pipe->credit.slow ? -EAGAIN : HELD;
    }
    sp_credit_give(&pipe->credit, send->bytes, now);
    pace->give(pace->context, slot);
    return GIVEN;
}

/* Who of those that are to have it has room; *waits: one has none, and is to be waited for. */
static bool somebody_has_room(struct sp_pace *pace, const struct sp_pace_held *send, int64_t now, bool *waits)
{
    bool wanted = false, room = false;
    bool late = waited_enough(pace, send, now);
    for (struct sp_pace_pipe *pipe = step(pace, NULL); pipe; pipe = step(pace, pipe)) {
        if (!pipe->is_member || pipe->id == send->pipe)
            continue;
        wanted = true;
        bool has = sp_credit_has(&pipe->credit, now);
        pipe->credit.slow |= late && !has && pipe->credit.counted;
        room |= has;
        *waits |= !has && !pipe->credit.slow;
        pace->behind |= pipe->credit.slow;
    }
    return room || !wanted;
}

static int32_t try_all(struct sp_pace *pace, uint32_t slot, const struct sp_pace_held *send, int64_t now)
{
    bool waits = false;
    pace->behind = false;
    bool room = somebody_has_room(pace, send, now, &waits);
    if (pace->pipes == 0)
        return -ENOTCONN;
    if (waits)
        return HELD;
    if (!room)
        return -EAGAIN;
    for (struct sp_pace_pipe *pipe = step(pace, NULL); pipe; pipe = step(pace, pipe))
        if (pipe->is_member && pipe->id != send->pipe)
            sp_credit_give(&pipe->credit, send->bytes, now);
    pace->give(pace->context, slot);
    return GIVEN;
}

/* GIVEN, HELD, or the error with which it is refused. Under the lock. */
static int32_t try(struct sp_pace *pace, uint32_t slot, const struct sp_pace_held *send, int64_t now)
{
    if (pace->closed)
        return -ECANCELED;
    return pace->kind->to_all ? try_all(pace, slot, send, now) : try_one(pace, slot, send, now);
}

/* ---- holding ------------------------------------------------------------------------------------------------------- */

/* Whether something is held that it must not overtake. */
static bool stands_in_line(struct sp_pace *pace, uint32_t id)
{
    const struct sp_pace_pipe *pipe = pace->kind->to_all ? NULL : find(pace, id);
    return pipe ? pipe->held > 0 : pace->kind->to_all && pace->held > 0;
}

static void hold(struct sp_pace *pace, uint32_t slot)
{
    struct sp_pace_pipe *pipe = find(pace, pace->slots[slot].pipe);
    if (pipe)
        pipe->held++;
    if (pace->held++)
        pace->slots[pace->last].next = slot;
    else
        pace->first = slot;
    pace->last = slot;
    pace->slots[slot].next = NONE;
    if (pace->held == 1 || pace->pause_ns > CHEAP_LOOK_NS) /* it sleeps, or sleeps long */
        pthread_cond_signal(&pace->wake);
}

/* Takes out the slot that follows `before`, or the first one. */
static uint32_t unhold(struct sp_pace *pace, uint32_t before)
{
    uint32_t *link = before == NONE ? &pace->first : &pace->slots[before].next;
    uint32_t slot = *link;
    *link = pace->slots[slot].next;
    if (pace->last == slot)
        pace->last = before;
    pace->held--;
    struct sp_pace_pipe *pipe = find(pace, pace->slots[slot].pipe);
    if (pipe)
        pipe->held--;
    return slot;
}

/* Whether something of this walk stayed held that it must not overtake; otherwise notes nothing. */
static bool is_behind(struct sp_pace *pace, const struct sp_pace_held *send)
{
    const struct sp_pace_pipe *pipe = find(pace, send->pipe);
    return !pace->kind->to_all && pipe && pipe->pass == pace->pass;
}

/* Tries what is held, oldest first, from *before on. The first one that is refused is taken out: its slot, and why; NONE at the
 * end. Counts in *given. Under the lock. */
static uint32_t walk(struct sp_pace *pace, uint32_t *before, int32_t *status, uint32_t *given)
{
    int64_t now = now_ns();
    for (;;) {
        uint32_t slot = pace->held == 0 ? NONE : *before == NONE ? pace->first : pace->slots[*before].next;
        if (slot == NONE)
            return NONE;
        const struct sp_pace_held *send = &pace->slots[slot];
        *status = is_behind(pace, send) ? HELD : try(pace, slot, send, now);
        if (*status == HELD && pace->kind->to_all)
            return NONE;
        if (*status == HELD) {
            find(pace, send->pipe)->pass = pace->pass;
            *before = slot;
            continue;
        }
        unhold(pace, *before);
        if (*status != GIVEN)
            return slot;
        ++*given;
    }
}

/* Gives what can be given, and refuses what waited in vain. Whether anything moved. Under the lock, which it leaves to report:
 * a walk goes on behind `before`, which stays held, because only walks and the close take anything out. */
static bool pump(struct sp_pace *pace)
{
    uint32_t before = NONE, given = 0, refused = 0;
    int32_t status;
    pace->pass++;
    for (uint32_t slot; (slot = walk(pace, &before, &status, &given)) != NONE; refused++) {
        pthread_mutex_unlock(&pace->lock);
        pace->report(pace->context, slot, status);
        pthread_mutex_lock(&pace->lock);
        if (pace->closed)
            break;
    }
    return given + refused > 0;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Shortly while something moves, longer and longer while nothing does; and never so shortly that looking is all it does. */
static void rest(struct sp_pace *pace, bool moved)
{
    int64_t least = clamp(pace->look_ns, PAUSE_MIN_NS, PAUSE_MAX_NS);
    pace->pause_ns = moved ? least : clamp(2 * pace->pause_ns, least, PAUSE_MAX_NS);
    int64_t until = now_ns() + pace->pause_ns;
    struct timespec deadline = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    pthread_cond_clockwait(&pace->wake, &pace->lock, CLOCK_MONOTONIC, &deadline);
}

static void *run(void *of)
{
    struct sp_pace *pace = of;
    pthread_setname_np(pthread_self(), "pace");
    pthread_mutex_lock(&pace->lock);
    while (!pace->closed) {
        while (pace->held > 0 && !pace->closed) {
            look(pace);
            uint32_t held = pace->held;
            bool moved = pump(pace);
            if (pace->held == 0 || pace->closed)
                break;
            rest(pace, moved || pace->held > held);
        }
        pace->pause_ns = 0;
        if (!pace->closed)
            pthread_cond_wait(&pace->wake, &pace->lock);
    }
    pthread_mutex_unlock(&pace->lock);
    return NULL;
}

/* ---- the life of it ------------------------------------------------------------------------------------------------ */

int sp_pace_init(struct sp_pace *pace, const struct sp_pace_kind *kind, uint32_t slots, uint64_t byte_limit,
                 void (*give)(void *context, uint32_t slot),
                 void (*report)(void *context, uint32_t slot, int32_t status), void *context)
{
    *pace = (struct sp_pace){
        .kind = kind, .byte_limit = byte_limit, .give = give, .report = report, .context = context, .first = NONE};
    pthread_mutex_init(&pace->lock, NULL);
    pthread_cond_init(&pace->wake, NULL);
    pace->slots = calloc(slots, sizeof *pace->slots);
    if (pace->slots && pthread_create(&pace->thread, NULL, run, pace) == 0)
        return 0;
    free(pace->slots);
    pace->slots = NULL;
    return NNG_ENOMEM;
}

void sp_pace_fini(struct sp_pace *pace)
{
    if (!pace->slots)
        return;
    sp_pace_close(pace);
    pthread_join(pace->thread, NULL);
    for (uint32_t i = 0; i < SP_PACE_BUCKETS; i++)
        while (pace->buckets[i])
            leave(pace, pace->buckets[i]->id);
    pthread_cond_destroy(&pace->wake);
    pthread_mutex_destroy(&pace->lock);
    free(pace->slots);
}

void sp_pace_send(struct sp_pace *pace, uint32_t slot, uint32_t pipe, uint64_t bytes)
{
    struct sp_pace_held *send = &pace->slots[slot];
    pthread_mutex_lock(&pace->lock);
    int64_t now = now_ns();
    *send = (struct sp_pace_held){.pipe = pipe, .bytes = bytes, .since_ns = now};
    int32_t status = HELD;
    if (pace->behind && may_look(pace, now))
        look(pace);
    if (!stands_in_line(pace, pipe)) {
        status = try(pace, slot, send, now);
        if ((status == HELD || status == -EAGAIN) && may_look(pace, now)) {
            look(pace);
            status = try(pace, slot, send, now);
        }
    }
    if (status == HELD && pace->closed)
        status = -ECANCELED;
    if (status == HELD)
        hold(pace, slot);
    pthread_mutex_unlock(&pace->lock);
    if (status != HELD && status != GIVEN)
        pace->report(pace->context, slot, status);
}

void sp_pace_close(struct sp_pace *pace)
{
    if (!pace->slots)
        return;
    pthread_mutex_lock(&pace->lock);
    pace->closed = true;
    pthread_cond_broadcast(&pace->wake);
    while (pace->held > 0) {
        uint32_t slot = unhold(pace, NONE);
        pthread_mutex_unlock(&pace->lock);
        pace->report(pace->context, slot, -ECANCELED);
        pthread_mutex_lock(&pace->lock);
    }
    pthread_mutex_unlock(&pace->lock);
}
