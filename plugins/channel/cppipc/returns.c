#include "cppipc/returns.h"

#include <stdlib.h>

struct returned {
    struct returned *next;
    struct pool pool;
    uint32_t chunk;
};

static void discard(struct returns *returns, struct returned *returned)
{
    segment_close(&returned->pool.segment);
    free(returned);
    atomic_fetch_sub_explicit(&returns->count, 1, memory_order_relaxed);
}

bool returns_hand(struct returns *returns, const struct pool *pool, uint32_t chunk)
{
    if (atomic_load_explicit(&returns->count, memory_order_relaxed) >= RETURNS_MAX)
        return false;
    struct returned *returned = calloc(1, sizeof *returned);
    if (returned == NULL || segment_again(&returned->pool.segment, &pool->segment) != 0) {
        free(returned);
        return false;
    }
    returned->pool.class_bytes = pool->class_bytes;
    returned->chunk = chunk;
    atomic_fetch_add_explicit(&returns->count, 1, memory_order_relaxed);
    returned->next = atomic_load_explicit(&returns->handed, memory_order_relaxed);
    /* release: with returns_try's acquire */
    while (!atomic_compare_exchange_weak_explicit(&returns->handed, &returned->next, returned, memory_order_release,
                                                  memory_order_relaxed))
        ;
    return true;
}

/* Moves what was handed over to what is kept. */
static void take_over(struct returns *returns)
{
    struct returned *next;
    for (struct returned *one = atomic_exchange_explicit(&returns->handed, NULL, memory_order_acquire); one != NULL;
         one = next) {
        next = one->next;
        one->next = returns->kept;
        returns->kept = one;
    }
}

static bool is_same_pool(const struct returned *a, const struct returned *b)
{
    return a->pool.segment.device == b->pool.segment.device && a->pool.segment.inode == b->pool.segment.inode;
}

/* A lock that was not to be had costs some ms: it is tried for one chunk, and not for each. */
bool returns_try(struct returns *returns)
{
    const struct returned *stuck = NULL;
    take_over(returns);
    for (struct returned **link = &returns->kept; *link != NULL;) {
        struct returned *one = *link;
        bool try = stuck == NULL || !is_same_pool(one, stuck);
        if (try && (segment_has_faulted(&one->pool.segment) || pool_release(&one->pool, one->chunk))) {
            *link = one->next;
            discard(returns, one);
            continue;
        }
        if (try)
            stuck = one;
        link = &one->next;
    }
    return returns->kept != NULL;
}

void returns_free(struct returns *returns)
{
    take_over(returns);
    while (returns->kept != NULL) {
        struct returned *one = returns->kept;
        returns->kept = one->next;
        discard(returns, one);
    }
}
