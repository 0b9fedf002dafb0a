#include "cppipc/assembly.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 4096u
#define DOUBT_REACH (UINT32_C(1) << 30) /* `born` follows the ids, so that it stays behind them when they wrap */

bool payload_reserve(struct payload *payload, uint64_t capacity)
{
    if (capacity <= payload->capacity)
        return true;
    unsigned char *bytes = realloc(payload->bytes, capacity);
    if (!bytes)
        return false;
    payload->bytes = bytes;
    payload->capacity = capacity;
    return true;
}

void payload_free(struct payload *payload)
{
    free(payload->bytes);
    *payload = (struct payload){0};
}

void assembly_init(struct assembly *assembly, uint64_t max_message_bytes)
{
    *assembly = (struct assembly){.max_message_bytes = max_message_bytes};
}

static void give_up(struct assembly *assembly, struct assembly_partial *partial)
{
    payload_free(&partial->payload);
    partial->rest = 0;
    assembly->open--;
}

void assembly_fini(struct assembly *assembly)
{
    for (size_t i = 0; i < ASSEMBLY_PARTIALS; i++)
        if (assembly->partials[i].rest)
            give_up(assembly, &assembly->partials[i]);
}

/* ---- what is passed over -------------------------------------------------------------------------------------------- */

static struct assembly_ignored *ignored_of(struct assembly *assembly, uint32_t handle)
{
    for (uint32_t i = 0; i < assembly->ignoring; i++)
        if (assembly->ignored[i].handle == handle)
            return &assembly->ignored[i];
    return NULL;
}

static void ignore(struct assembly *assembly, uint32_t handle, uint32_t id)
{
    struct assembly_ignored *entry = ignored_of(assembly, handle);
    if (!entry) {
        entry = &assembly->ignored[assembly->ignore_next];
        assembly->ignore_next = (assembly->ignore_next + 1) % ASSEMBLY_IGNORED;
        assembly->ignoring += assembly->ignoring < ASSEMBLY_IGNORED;
    }
    *entry = (struct assembly_ignored){handle, id};
}

void assembly_doubt(struct assembly *assembly, uint32_t born)
{
    assembly->doubting = true;
    assembly->born = born;
    assembly->ignoring = 0;
    assembly->ignore_next = 0;
}

bool assembly_is_older(const struct assembly *assembly, uint32_t id)
{
    return assembly->doubting && (int32_t)(id - assembly->born) < 0;
}

/* A handle sends one message after the other: when it comes to another one, that one began after we did, whatever its id says. */
static bool is_ignored(struct assembly *assembly, const struct cppipc_message *slot)
{
    const struct assembly_ignored *entry = assembly->ignoring ? ignored_of(assembly, slot->handle) : NULL;
    if (entry)
        return entry->id == slot->id;
    if (!assembly_is_older(assembly, slot->id)) {
        if (slot->id - assembly->born > DOUBT_REACH)
            assembly->born = slot->id - DOUBT_REACH / 2;
        return false;
    }
    ignore(assembly, slot->handle, slot->id);
    return true;
}

/* ---- pieces ---------------------------------------------------------------------------------------------------------- */

/* The message that its sender is at; one that it has left for another is given up. */
static struct assembly_partial *partial_of(struct assembly *assembly, const struct cppipc_message *slot)
{
    struct assembly_partial *found = NULL;
    for (size_t i = 0; assembly->open && i < ASSEMBLY_PARTIALS; i++) {
        struct assembly_partial *partial = &assembly->partials[i];
        if (!partial->rest || partial->handle != slot->handle)
            continue;
        if (partial->id == slot->id)
            found = partial;
        else
            give_up(assembly, partial);
    }
    return found;
}

/* A free one, or the one at which nothing came for longest: the rest of that is passed over. */
static struct assembly_partial *room(struct assembly *assembly)
{
    struct assembly_partial *oldest = &assembly->partials[0];
    for (size_t i = 0; i < ASSEMBLY_PARTIALS; i++) {
        struct assembly_partial *partial = &assembly->partials[i];
        if (!partial->rest)
            return partial;
        if (partial->used < oldest->used)
            oldest = partial;
    }
    ignore(assembly, oldest->handle, oldest->id);
    give_up(assembly, oldest);
    return oldest;
}

static bool append(struct assembly_partial *partial, const struct cppipc_message *slot)
{
    struct payload *payload = &partial->payload;
    uint64_t piece = partial->rest < CPPIPC_SLOT_DATA ? partial->rest : CPPIPC_SLOT_DATA;
    uint64_t total = payload->len + partial->rest, wanted = payload->capacity ? payload->capacity : FIRST_CAPACITY / 2;
    if (payload->len + piece > payload->capacity) {
        wanted = wanted * 2 < total ? wanted * 2 : total;
        if (!payload_reserve(payload, wanted))
            return false;
    }
    memcpy(payload->bytes + payload->len, slot->data, piece);
    payload->len += piece;
    partial->rest -= piece;
    return true;
}

static enum assembly_result spoil(struct assembly *assembly, struct assembly_partial *partial)
{
    ignore(assembly, partial->handle, partial->id);
    give_up(assembly, partial);
    return ASSEMBLY_UNUSABLE;
}

static enum assembly_result go_on(struct assembly *assembly, struct assembly_partial *partial,
                                  const struct cppipc_message *slot, struct payload *payload)
{
    uint64_t left = (uint64_t)((int64_t)CPPIPC_SLOT_DATA + slot->remain);
    if (left > partial->rest)
        return ASSEMBLY_NONE; /* we have had it */
    partial->used = ++assembly->clock;
    if (left < partial->rest || !append(partial, slot))
        return spoil(assembly, partial);
    if (partial->rest)
        return ASSEMBLY_NONE;
    payload_free(payload);
    *payload = partial->payload;
    partial->payload = (struct payload){0};
    assembly->open--;
    return ASSEMBLY_WHOLE;
}

static enum assembly_result begin(struct assembly *assembly, const struct cppipc_message *slot, struct payload *payload)
{
    struct assembly_partial *partial = room(assembly);
    *partial = (struct assembly_partial){
        .handle = slot->handle, .id = slot->id, .rest = (uint64_t)((int64_t)CPPIPC_SLOT_DATA + slot->remain)};
    assembly->open++;
    if (partial->rest > assembly->max_message_bytes)
        return spoil(assembly, partial);
    return go_on(assembly, partial, slot, payload);
}

void assembly_pass(struct assembly *assembly, const struct cppipc_message *slot)
{
    if (assembly->open)
        partial_of(assembly, slot);
    if (assembly_is_older(assembly, slot->id) && !ignored_of(assembly, slot->handle))
        ignore(assembly, slot->handle, slot->id); /* what it comes to after this one is beyond doubt */
}

enum assembly_result assembly_take(struct assembly *assembly, const struct cppipc_message *slot,
                                   struct payload *payload)
{
    struct assembly_partial *partial = assembly->open ? partial_of(assembly, slot) : NULL;
    if (slot->remain <= -(int32_t)CPPIPC_SLOT_DATA)
        return partial ? spoil(assembly, partial) : ASSEMBLY_UNUSABLE;
    if (partial)
        return go_on(assembly, partial, slot, payload);
    if ((assembly->doubting || assembly->ignoring) && is_ignored(assembly, slot))
        return ASSEMBLY_NONE;
    if (slot->remain > 0)
        return begin(assembly, slot, payload);
    return (uint64_t)((int64_t)CPPIPC_SLOT_DATA + slot->remain) <= assembly->max_message_bytes ? ASSEMBLY_SLOT
                                                                                               : ASSEMBLY_UNUSABLE;
}
