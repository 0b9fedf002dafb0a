/* A look at the gateway's page: a private copy that several readers share and nobody changes. */
#ifndef LEAT_ADMIN_LOOK_H
#define LEAT_ADMIN_LOOK_H

#include "base/page.h"

#include <pthread.h>

/* A lane's books. MOVING: it counts faster than it can be copied, so no copy balances, and nothing is wrong. */
enum look_books { LOOK_BALANCED, LOOK_OFF, LOOK_MOVING };

struct look {
    struct page_map page;
    uint64_t time_ns; /* CLOCK_REALTIME */
    int64_t taken_ns; /* CLOCK_MONOTONIC */
    uint8_t *books;   /* enum look_books of each place's lanes, PAGE_LANES for each place */
    _Atomic unsigned users;
};

/* Where looks come from: at one gateway's page. */
struct looks {
    char gateway[PAGE_NAME_BYTES];
    pthread_mutex_t lock;
    struct look *latest;
};

void looks_init(struct looks *looks, const char *gateway);
void looks_fini(struct looks *looks);

/* The latest look when it is younger than `max_age_ns`, or else a new one; to be released. NULL when the page cannot be read, which is
 * so when there is no memory. Any thread; takes as long as copying takes, and 50 ms more where lanes are MOVING. */
struct look *looks_take(struct looks *looks, int64_t max_age_ns);
void look_release(struct look *look); /* NULL is accepted */

/* What read has more than forwarded, dropped, returned and in flight together; 0 where the books balance. */
int64_t look_lane_off(const struct page_lane *lane);

enum look_books look_books(const struct look *look, const struct page_bridge *bridge, size_t lane);
uint32_t look_lane_count(const struct page_bridge *bridge);

static inline uint64_t look_u64(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline uint32_t look_u32(const _Atomic uint32_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

#endif
