#include "admin/look.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE_NS (50 * NS_PER_MS) /* for all lanes of a look together */
#define LOOK_PAUSE_NS (200 * NS_PER_US)

/* ---- the books ------------------------------------------------------------------------------------------------------- */

int64_t look_lane_off(const struct page_lane *lane)
{
    uint64_t accounted =
        look_u64(&lane->forwarded) + page_lane_dropped(lane) + look_u64(&lane->returned) + look_u64(&lane->in_flight);
    return (int64_t)(look_u64(&lane->read) - accounted);
}

/* A lane counts while it is copied: it is copied until the books balance, or nothing moves and they do not. */
static enum look_books settle(const struct page_map *copy, struct page_lane *lane, int64_t deadline_ns)
{
    enum look_books books = look_lane_off(lane) == 0 ? LOOK_BALANCED : LOOK_OFF;
    while (books != LOOK_BALANCED && clock_monotonic_ns() < deadline_ns) {
        uint64_t read = look_u64(&lane->read), forwarded = look_u64(&lane->forwarded);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_PAUSE_NS}, NULL);
        if (page_copy_lane(copy, lane) != 0)
            break;
        bool moved = read != look_u64(&lane->read) || forwarded != look_u64(&lane->forwarded);
        books = look_lane_off(lane) == 0 ? LOOK_BALANCED : moved ? LOOK_MOVING : LOOK_OFF;
    }
    return books;
}

static void settle_lanes(struct look *look)
{
    int64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    for (size_t i = 0; i < page_bridge_count(&look->page); i++) {
        struct page_bridge *bridge = &look->page.page->bridges[i];
        for (uint32_t lane = 0; lane < look_lane_count(bridge); lane++)
            look->books[i * PAGE_LANES + lane] = (uint8_t)settle(&look->page, &bridge->lanes[lane], deadline_ns);
    }
}

enum look_books look_books(const struct look *look, const struct page_bridge *bridge, size_t lane)
{
    size_t place = (size_t)(bridge - look->page.page->bridges);
    return (enum look_books)look->books[place * PAGE_LANES + lane];
}

uint32_t look_lane_count(const struct page_bridge *bridge)
{
    return look_u32(&bridge->lane_count); /* page_copy() has bounded it */
}

/* ---- taking ---------------------------------------------------------------------------------------------------------- */

static void look_free(struct look *look)
{
    page_close(&look->page);
    free(look->books);
    free(look);
}

static struct look *look_new(const char *gateway)
{
    struct look *look = calloc(1, sizeof *look);
    if (!look)
        return NULL;
    if (page_copy(&look->page, NULL, gateway) != 0) {
        free(look);
        return NULL;
    }
    look->time_ns = (uint64_t)clock_realtime_ns();
    look->taken_ns = clock_monotonic_ns();
    look->books = calloc(page_bridge_count(&look->page) + 1, PAGE_LANES);
    if (!look->books) {
        look_free(look);
        return NULL;
    }
    settle_lanes(look);
    atomic_init(&look->users, 1);
    return look;
}

void look_release(struct look *look)
{
    /* acq_rel: whoever frees it comes after everybody's last reading. */
    if (look && atomic_fetch_sub_explicit(&look->users, 1, memory_order_acq_rel) == 1)
        look_free(look);
}

void looks_init(struct looks *looks, const char *gateway)
{
    *looks = (struct looks){0};
    snprintf(looks->gateway, sizeof looks->gateway, "%s", gateway);
    pthread_mutex_init(&looks->lock, NULL);
}

void looks_fini(struct looks *looks)
{
    look_release(looks->latest);
    pthread_mutex_destroy(&looks->lock);
}

struct look *looks_take(struct looks *looks, int64_t max_age_ns)
{
    pthread_mutex_lock(&looks->lock);
    if (!looks->latest || clock_monotonic_ns() - looks->latest->taken_ns > max_age_ns) {
        look_release(looks->latest);
        looks->latest = look_new(looks->gateway);
    }
    struct look *look = looks->latest;
    if (look)
        atomic_fetch_add_explicit(&look->users, 1, memory_order_relaxed);
    pthread_mutex_unlock(&looks->lock);
    return look;
}
