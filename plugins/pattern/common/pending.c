#include "common/pending.h"

#include "common/chance.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define SWEEP 2 /* entries of each list that a new question may end: more than it adds, so that none pile up */

/* A question. It is in one list and, while it has a key, in one chain. */
struct entry {
    uint64_t key;
    int64_t until_ns;
    uint32_t before, after; /* in its list, oldest first */
    uint32_t chain;         /* the next one with the same hash */
    bool answered;
    unsigned char value[];
};

struct list {
    uint32_t first, last;
};

struct pending {
    pthread_mutex_t lock;
    uint32_t capacity, used; /* entries from `used` on have never been touched, so that they cost no memory */
    uint32_t value_size, hash_mask;
    size_t stride;
    uint64_t first_key, drawn, key_mask;
    struct list open, over, unused;
    unsigned char *entries;
    uint32_t heads[]; /* of the chains, each one more than the entry's index, 0 for none; the entries follow */
};

static struct entry *at(const struct pending *pending, uint32_t index)
{
    return (struct entry *)(void *)(pending->entries + index * pending->stride);
}

/* ---- lists and chains -------------------------------------------------------------------------------------------- */

static void append(struct pending *pending, struct list *list, uint32_t index)
{
    struct entry *entry = at(pending, index);
    entry->before = list->last;
    entry->after = NONE;
    if (list->last == NONE)
        list->first = index;
    else
        at(pending, list->last)->after = index;
    list->last = index;
}

static void unlink_entry(struct pending *pending, struct list *list, uint32_t index)
{
    const struct entry *entry = at(pending, index);
    if (entry->before == NONE)
        list->first = entry->after;
    else
        at(pending, entry->before)->after = entry->after;
    if (entry->after == NONE)
        list->last = entry->before;
    else
        at(pending, entry->after)->before = entry->before;
}

/* Keys are consecutive numbers: their low bits spread them as well as a table can be filled. */
static uint32_t *chain_of(struct pending *pending, uint64_t key)
{
    return &pending->heads[key & pending->hash_mask];
}

static uint32_t find(struct pending *pending, uint64_t key)
{
    uint32_t next = *chain_of(pending, key);
    while (next && at(pending, next - 1)->key != key)
        next = at(pending, next - 1)->chain;
    return next ? next - 1 : NONE;
}

static void chain_in(struct pending *pending, uint32_t index)
{
    struct entry *entry = at(pending, index);
    uint32_t *head = chain_of(pending, entry->key);
    entry->chain = *head;
    *head = index + 1;
}

static void chain_out(struct pending *pending, uint32_t index)
{
    uint32_t *link = chain_of(pending, at(pending, index)->key);
    while (*link != index + 1)
        link = &at(pending, *link - 1)->chain;
    *link = at(pending, index)->chain;
}

/* ---- the life of a question -------------------------------------------------------------------------------------- */

static void forget(struct pending *pending, struct list *list, uint32_t index)
{
    chain_out(pending, index);
    unlink_entry(pending, list, index);
    append(pending, &pending->unused, index);
}

static void sweep(struct pending *pending, struct list *list, int64_t now_ns)
{
    for (int i = 0; i < SWEEP && list->first != NONE && at(pending, list->first)->until_ns <= now_ns; i++)
        forget(pending, list, list->first);
}

/* An entry that is nobody's, or NONE. */
static uint32_t take(struct pending *pending)
{
    if (pending->unused.first == NONE && pending->used < pending->capacity)
        return pending->used++;
    if (pending->unused.first == NONE && pending->over.first != NONE)
        forget(pending, &pending->over, pending->over.first);
    uint32_t index = pending->unused.last; /* the one that was used last is in the cache still */
    if (index != NONE)
        unlink_entry(pending, &pending->unused, index);
    return index;
}

/* The next key; none that is still in the table, should the count have come round so soon. */
static uint64_t draw(struct pending *pending)
{
    uint64_t key;
    do
        key = (pending->first_key + pending->drawn++) & pending->key_mask;
    while (find(pending, key) != NONE);
    return key;
}

static bool is_drawn(const struct pending *pending, uint64_t key)
{
    return key <= pending->key_mask && ((key - pending->first_key) & pending->key_mask) < pending->drawn;
}

bool pending_open(struct pending *pending, const void *value, int64_t now_ns, int64_t until_ns, uint64_t *key)
{
    pthread_mutex_lock(&pending->lock);
    sweep(pending, &pending->open, now_ns);
    sweep(pending, &pending->over, now_ns);
    uint32_t index = take(pending);
    if (index != NONE) {
        struct entry *entry = at(pending, index);
        entry->key = *key = draw(pending);
        entry->until_ns = until_ns;
        entry->answered = false;
        memcpy(entry->value, value, pending->value_size);
        chain_in(pending, index);
        append(pending, &pending->open, index);
    }
    pthread_mutex_unlock(&pending->lock);
    return index != NONE;
}

static enum leat_reason answer(struct pending *pending, uint64_t key, int64_t now_ns, bool last, void *value)
{
    uint32_t index = find(pending, key);
    if (index == NONE)
        return is_drawn(pending, key) ? LEAT_DROP_EXPIRED : LEAT_DROP_UNKNOWN;
    struct entry *entry = at(pending, index);
    if (entry->until_ns <= now_ns)
        return LEAT_DROP_EXPIRED;
    if (entry->answered)
        return LEAT_DROP_DUPLICATE;
    memcpy(value, entry->value, pending->value_size);
    if (last) {
        entry->answered = true;
        unlink_entry(pending, &pending->open, index);
        append(pending, &pending->over, index);
    }
    return LEAT_FORWARD;
}

enum leat_reason pending_answer(struct pending *pending, uint64_t key, int64_t now_ns, bool last, void *value)
{
    pthread_mutex_lock(&pending->lock);
    enum leat_reason reason = answer(pending, key, now_ns, last, value);
    pthread_mutex_unlock(&pending->lock);
    return reason;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static size_t round_up(size_t size)
{
    size_t unit = _Alignof(struct entry);
    return (size + unit - 1) / unit * unit;
}

static uint32_t chains_for(uint32_t capacity)
{
    uint32_t count = 1;
    while (count < capacity)
        count *= 2;
    return count;
}

int pending_new(struct pending **out, uint32_t capacity, uint32_t value_size, uint64_t key_mask)
{
    uint64_t first_key;
    int error = chance_draw(&first_key);
    if (error)
        return error;
    uint32_t chains = chains_for(capacity);
    size_t stride = round_up(sizeof(struct entry) + value_size);
    size_t entries_at = round_up(sizeof(struct pending) + chains * sizeof(uint32_t));
    struct pending *pending = calloc(1, entries_at + capacity * stride);
    if (!pending)
        return -ENOMEM;
    static const struct list empty = {NONE, NONE};
    pthread_mutex_init(&pending->lock, NULL);
    pending->capacity = capacity;
    pending->value_size = value_size;
    pending->hash_mask = chains - 1;
    pending->stride = stride;
    pending->first_key = first_key & key_mask;
    pending->key_mask = key_mask;
    pending->open = pending->over = pending->unused = empty;
    pending->entries = (unsigned char *)pending + entries_at;
    *out = pending;
    return 0;
}

void pending_free(struct pending *pending)
{
    if (pending)
        pthread_mutex_destroy(&pending->lock);
    free(pending);
}
