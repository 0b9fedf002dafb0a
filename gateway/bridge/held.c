#include "bridge/held.h"

#include <stdlib.h>
#include <string.h>

/* ---- the heap ------------------------------------------------------------------------------------------------------ */

/* What is due at the same time goes in the order in which it came. */
static bool goes_before(const struct held_message *a, const struct held_message *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->message.sequence < b->message.sequence;
}

static void put(struct held *held, size_t place, struct held_message *message)
{
    held->heap[place] = message;
    message->place = place;
}

static void rise(struct held *held, struct held_message *message)
{
    size_t place = message->place;
    for (; place > 0 && goes_before(message, held->heap[(place - 1) / 2]); place = (place - 1) / 2)
        put(held, place, held->heap[(place - 1) / 2]);
    put(held, place, message);
}

static void sink(struct held *held, struct held_message *message)
{
    size_t place = message->place;
    for (;;) {
        size_t child = 2 * place + 1;
        if (child + 1 < held->count && goes_before(held->heap[child + 1], held->heap[child]))
            child++;
        if (child >= held->count || !goes_before(held->heap[child], message))
            break;
        put(held, place, held->heap[child]);
        place = child;
    }
    put(held, place, message);
}

/* ---- room ---------------------------------------------------------------------------------------------------------- */

static bool reserve_key(struct held *held, uint32_t key)
{
    if (key < held->keys)
        return true;
    size_t keys = held->keys ? held->keys : 64;
    while (keys <= key)
        keys *= 2;
    struct held_message **by_key = realloc(held->by_key, keys * sizeof *by_key);
    if (!by_key)
        return false;
    memset(by_key + held->keys, 0, (keys - held->keys) * sizeof *by_key);
    held->by_key = by_key;
    held->keys = keys;
    return true;
}

static bool reserve_place(struct held *held)
{
    if (held->count < held->capacity)
        return true;
    size_t capacity = held->capacity ? held->capacity * 2 : 64;
    struct held_message **heap = realloc(held->heap, capacity * sizeof *heap);
    if (!heap)
        return false;
    held->heap = heap;
    held->capacity = capacity;
    return true;
}

/* ---- what the lane calls ------------------------------------------------------------------------------------------- */

struct held_message *held_add(struct held *held, uint32_t key, int64_t due_ns, const struct leat_message *message)
{
    struct held_message *added = NULL;
    if (!reserve_key(held, key) || !reserve_place(held) || !(added = calloc(1, sizeof *added)))
        return NULL;
    added->key = key;
    added->due_ns = due_ns;
    added->message = *message;
    held->bytes += message->len;
    held->by_key[key] = added;
    put(held, held->count++, added);
    rise(held, added);
    return added;
}

struct held_message *held_find(const struct held *held, uint32_t key)
{
    return key < held->keys ? held->by_key[key] : NULL;
}

struct held_message *held_first(const struct held *held)
{
    return held->count > 0 ? held->heap[0] : NULL;
}

void held_remove(struct held *held, struct held_message *message)
{
    struct held_message *last = held->heap[--held->count];
    if (last != message) {
        put(held, message->place, last);
        rise(held, last);
        sink(held, last);
    }
    held->by_key[message->key] = NULL;
    held->bytes -= message->message.len;
    free(message);
}

void held_fini(struct held *held)
{
    free(held->by_key);
    free(held->heap);
    *held = (struct held){0};
}
