#include "cppipc/handle.h"
#include "cppipc/clock.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define CONSTRUCTION_LIMIT_NS (50 * NS_PER_MS) /* it takes its maker a microsecond */

static const uint64_t PAYLOADS[CPPIPC_OBJECT_COUNT] = {
    [CPPIPC_CC_CONDITION] = sizeof(struct cppipc_condition),
    [CPPIPC_CC_MUTEX] = sizeof(struct cppipc_mutex),
    [CPPIPC_WT_CONDITION] = sizeof(struct cppipc_condition),
    [CPPIPC_WT_MUTEX] = sizeof(struct cppipc_mutex),
    [CPPIPC_RD_CONDITION] = sizeof(struct cppipc_condition),
    [CPPIPC_RD_MUTEX] = sizeof(struct cppipc_mutex),
    [CPPIPC_AC] = sizeof(struct cppipc_counter),
    [CPPIPC_CA] = sizeof(struct cppipc_counter),
    [CPPIPC_RING] = sizeof(struct cppipc_ring),
};

static void *object(const struct handle *handle, enum cppipc_object which)
{
    return handle->objects[which].at;
}

/* ---- which layout -------------------------------------------------------------------------------------------------- */

struct look {
    bool there, in_use;
    int32_t references;
};

/* Without leaving a trace: 0 also when there is none. */
static int look_at_ring(struct look *look, const struct cppipc_where *where, enum cppipc_layout layout, char *explain,
                        size_t explain_size)
{
    char file[CPPIPC_FILE_MAX];
    struct segment segment;
    *look = (struct look){0};
    cppipc_file(file, where, CPPIPC_RING, layout);
    int rc = segment_open(&segment, where->directory, file, sizeof(struct cppipc_ring), 0, SEGMENT_NO_COUNT, explain,
                          explain_size);
    if (rc != 0)
        return rc == -ENOENT ? 0 : rc;
    const struct cppipc_ring *ring = (const void *)segment.at;
    look->there = true;
    look->in_use = atomic_load_explicit(&ring->connected, memory_order_relaxed) != 0 ||
                   atomic_load_explicit(&ring->sender, memory_order_relaxed) != 0;
    look->references = segment_references(&segment);
    segment_close(&segment);
    return 0;
}

static int choose(enum cppipc_layout *layout, const struct look *old, const struct look *new, bool create)
{
    if (!old->there && !new->there)
        *layout = create ? CPPIPC_LAYOUT_1_4 : CPPIPC_LAYOUT_AUTO;
    else if (!old->there || !new->there)
        *layout = old->there ? CPPIPC_LAYOUT_1_3 : CPPIPC_LAYOUT_1_4;
    else if (old->in_use && new->in_use)
        return -EPROTO;
    else if (old->in_use != new->in_use)
        *layout = old->in_use ? CPPIPC_LAYOUT_1_3 : CPPIPC_LAYOUT_1_4;
    else /* a channel's sender shows nowhere else */
        *layout = old->references > new->references ? CPPIPC_LAYOUT_1_3 : CPPIPC_LAYOUT_1_4;
    return 0;
}

/* Decides on `*layout`. -ENOENT: no ring of that layout, or of either, and none is to be created. */
static int find_layout(enum cppipc_layout *layout, const struct cppipc_where *where, bool create, char *explain,
                       size_t explain_size)
{
    struct look old = {0}, new = {0};
    int rc = 0;
    if (*layout != CPPIPC_LAYOUT_1_4)
        rc = look_at_ring(&old, where, CPPIPC_LAYOUT_1_3, explain, explain_size);
    if (rc == 0 && *layout != CPPIPC_LAYOUT_1_3)
        rc = look_at_ring(&new, where, CPPIPC_LAYOUT_1_4, explain, explain_size);
    if (rc != 0)
        return rc;
    if (!old.there && !new.there && !create) {
        snprintf(explain, explain_size, "there is no cpp-ipc channel '%s' in %s", where->name, where->directory);
        return -ENOENT;
    }
    if (*layout == CPPIPC_LAYOUT_AUTO)
        rc = choose(layout, &old, &new, create);
    if (rc == -EPROTO)
        snprintf(explain, explain_size,
                 "programs of cpp-ipc 1.3 and of 1.4 are both connected to '%s', and do not see each other: set "
                 "cppipc.layout to the one that is meant",
                 where->name);
    return rc;
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

/* Who takes the first reference finds what the dead left, and begins anew: as the library does. A file that was just made is all
 * zero; it is not written, because the next opener may be at work there already. */
static void forget_the_dead(const struct handle *handle, enum cppipc_object which)
{
    if (!handle->objects[which].first || which > CPPIPC_RD_MUTEX)
        return;
    static const struct cppipc_mutex unused;
    unsigned char *at = object(handle, which);
    if (memcmp(at, &unused, PAYLOADS[which]) != 0)
        memset(at, 0, PAYLOADS[which]);
}

static int open_objects(struct handle *handle, const struct cppipc_where *where, bool create, char *explain,
                        size_t explain_size)
{
    for (enum cppipc_object i = 0; i < CPPIPC_OBJECT_COUNT; i++) {
        char file[CPPIPC_FILE_MAX];
        cppipc_file(file, where, i, handle->layout);
        /* the last process that leaves a prefix takes CA along, whoever is still attached */
        uint32_t flags = create || i == CPPIPC_CA ? SEGMENT_CREATE : 0;
        int rc =
            segment_open(&handle->objects[i], where->directory, file, PAYLOADS[i], 0, flags, explain, explain_size);
        if (rc == -ENOENT)
            snprintf(explain, explain_size, "%s/%s is missing, and so there is no whole cpp-ipc channel '%s'",
                     where->directory, file, where->name);
        if (rc != 0)
            return rc;
        forget_the_dead(handle, i);
    }
    return 0;
}

static int construct(struct cppipc_ring *ring, const char *name, char *explain, size_t explain_size)
{
    int64_t deadline = deadline_after(CONSTRUCTION_LIMIT_NS);
    /* acquire: with the release of whoever constructed it */
    while (!atomic_load_explicit(&ring->constructed, memory_order_acquire)) {
        if (atomic_exchange_explicit(&ring->lock, 1, memory_order_acquire) == 0) {
            if (!atomic_load_explicit(&ring->constructed, memory_order_acquire)) {
                atomic_store_explicit(&ring->connected, 0, memory_order_relaxed);
                atomic_store_explicit(&ring->constructed, 1, memory_order_release);
            }
            atomic_store_explicit(&ring->lock, 0, memory_order_release);
        } else if (monotonic_ns() > deadline) {
            snprintf(explain, explain_size, "whoever made the ring of '%s' has died while at it: remove its files",
                     name);
            return -EBUSY;
        } else {
            sched_yield();
        }
    }
    return 0;
}

static uint32_t take_id(const struct handle *handle)
{
    struct cppipc_counter *ca = object(handle, CPPIPC_CA);
    uint32_t id;
    do
        id = atomic_fetch_add_explicit(&ca->value, 1, memory_order_relaxed) + 1;
    while (id == 0); /* "nobody" */
    return id;
}

static struct waiter waiter_of(const struct handle *handle, enum cppipc_object condition)
{
    return (struct waiter){object(handle, condition), object(handle, condition + 1)};
}

static void describe(struct handle *handle)
{
    handle->waiters[HANDLE_CC] = waiter_of(handle, CPPIPC_CC_CONDITION);
    handle->waiters[HANDLE_WT] = waiter_of(handle, CPPIPC_WT_CONDITION);
    handle->waiters[HANDLE_RD] = waiter_of(handle, CPPIPC_RD_CONDITION);
    handle->ring = object(handle, CPPIPC_RING);
    handle->next_message = &((struct cppipc_counter *)object(handle, CPPIPC_AC))->value;
    handle->id = take_id(handle);
}

int handle_open(struct handle *handle, const struct cppipc_where *where, enum cppipc_layout layout, bool create,
                char *explain, size_t explain_size)
{
    *handle = (struct handle){.layout = layout};
    if (!cppipc_is_name(where->prefix, where->name)) {
        snprintf(explain, explain_size,
                 "'%.60s' is no name for cpp-ipc: it has no '/', and 1 to %u bytes together with the prefix",
                 where->name, CPPIPC_NAME_MAX);
        return -EINVAL;
    }
    int rc = find_layout(&handle->layout, where, create, explain, explain_size);
    if (rc == 0)
        rc = open_objects(handle, where, create, explain, explain_size);
    if (rc == 0)
        rc = construct((struct cppipc_ring *)object(handle, CPPIPC_RING), where->name, explain, explain_size);
    if (rc == 0)
        describe(handle);
    else
        handle_close(handle);
    return rc;
}

void handle_close(struct handle *handle)
{
    for (size_t i = CPPIPC_OBJECT_COUNT; i-- > 0;)
        segment_close(&handle->objects[i]);
    *handle = (struct handle){0};
}

/* ---- what can be known of it --------------------------------------------------------------------------------------- */

/* Not CA: it is nobody's in particular, and is gone as soon as the last process that counted it has ended. */
bool handle_is_gone(const struct handle *handle)
{
    for (enum cppipc_object i = 0; i < CPPIPC_OBJECT_COUNT; i++)
        if (i != CPPIPC_CA && segment_is_gone(&handle->objects[i]))
            return true;
    return false;
}

/* Only a channel writes `committed`, and every slot that it has written through has it; only a route's sender sets the flag. The
 * first message of a channel may be under way, or its writer dead: one slot is no proof. */
bool handle_is_of_kind(const struct handle *handle, enum cppipc_kind kind)
{
    unsigned used = 0, committed = 0;
    for (unsigned i = 0; i < CPPIPC_SLOTS; i++) {
        const struct cppipc_slot *slot = &handle->ring->slots[i];
        used += slot->message.handle != 0;
        committed += atomic_load_explicit(&slot->committed, memory_order_relaxed) != 0;
    }
    bool by_route =
        atomic_load_explicit(&handle->ring->sender, memory_order_relaxed) != 0 || (used >= 2 && committed == 0);
    return kind == CPPIPC_ROUTE ? committed == 0 : !by_route;
}

struct cppipc_where handle_where(const struct cppipc_options *options, const char *name)
{
    const char *prefix = options->prefix != NULL ? options->prefix : "";
    while (prefix[0] == '/') /* the library takes one off as well */
        prefix++;
    return (struct cppipc_where){options->directory != NULL ? options->directory : "/dev/shm", prefix, name};
}
