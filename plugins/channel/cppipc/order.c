#include "cppipc/order.h"

#include <string.h>

/* Ids that have gone so far, and to a lower number, did not wrap: they began anew. */
#define RESTART_DISTANCE (UINT32_C(1) << 24)

void order_init(struct order *order, bool many)
{
    *order = (struct order){.many = many};
}

/* ---- what has come -------------------------------------------------------------------------------------------------- */

static uint64_t *word_of(struct order *order, uint32_t id)
{
    return &order->came[id % ORDER_HISTORY / 64];
}

static uint64_t bit_of(uint32_t id)
{
    return UINT64_C(1) << (id % 64);
}

static bool has_come(struct order *order, uint32_t id)
{
    return (*word_of(order, id) & bit_of(id)) != 0;
}

static void settle_until(struct order *order, uint32_t id)
{
    for (; (int32_t)(id - order->settled) > 0; order->settled++)
        order->lost += !has_come(order, order->settled);
}

/* ---- what follows from it ------------------------------------------------------------------------------------------- */

static bool begin(struct order *order, uint32_t id)
{
    memset(order->came, 0, sizeof order->came);
    *word_of(order, id) |= bit_of(id);
    order->started = true;
    order->strayed = false;
    order->next = order->settled = order->marked = id + 1;
    order->known = 1;
    return true;
}

void order_continue(struct order *order, uint32_t next)
{
    begin(order, next - 1);
}

/* Room for the ids from `next` to `id`, the highest now. */
static void advance(struct order *order, uint32_t id)
{
    uint32_t gap = id - order->next, steps = gap + 1, patience = order->many ? ORDER_LIMIT : 0;
    if (gap > patience) { /* beyond what is waited for: no need to look at each */
        settle_until(order, order->next);
        order->lost += gap - patience;
        order->settled = order->next + (gap - patience);
    }
    if (steps >= ORDER_HISTORY)
        memset(order->came, 0, sizeof order->came);
    for (uint32_t i = 0; i < steps && steps < ORDER_HISTORY; i++)
        *word_of(order, order->next + i) &= ~bit_of(order->next + i);
    *word_of(order, id) |= bit_of(id);
    order->next = id + 1;
    order->known = steps < ORDER_HISTORY - order->known ? order->known + steps : ORDER_HISTORY;
    settle_until(order, order->next - patience);
}

/* From far behind: either one that was very late, or counters that began anew. What follows it tells. */
static bool take_stray(struct order *order, uint32_t id)
{
    uint32_t steps = id - order->stray;
    if (order->strayed && steps == 0) {
        order->duplicates++;
        return false;
    }
    if (order->strayed && steps < ORDER_HISTORY) {
        begin(order, order->stray);
        advance(order, id);
        return true;
    }
    order->strayed = true;
    order->stray = id;
    return true;
}

static bool take_late(struct order *order, uint32_t id)
{
    if (has_come(order, id)) {
        order->duplicates++;
        return false;
    }
    *word_of(order, id) |= bit_of(id);
    if (order->next - id <= order->known && (int32_t)(id - order->settled) < 0)
        order->found++;
    return true;
}

bool order_take(struct order *order, uint32_t id)
{
    uint32_t ahead = id - order->next;
    if (!order->started)
        return begin(order, id);
    bool forward = ahead <= INT32_MAX;
    if (forward && id < order->next && ahead > RESTART_DISTANCE)
        return begin(order, id);
    if (!forward && order->next - id > ORDER_HISTORY)
        return take_stray(order, id);
    order->found += order->strayed;
    order->strayed = false;
    if (!forward)
        return take_late(order, id);
    advance(order, id);
    return true;
}

bool order_spoil(struct order *order, uint32_t id)
{
    bool new = order_take(order, id);
    order->lost += new;
    return new;
}

void order_tick(struct order *order)
{
    if (order->many && order->started)
        settle_until(order, order->marked - ORDER_PATIENCE);
    order->marked = order->next;
}

void order_settle(struct order *order)
{
    if (order->started)
        settle_until(order, order->next);
}

uint64_t order_tell_lost(struct order *order)
{
    uint64_t back = order->found < order->lost ? order->found : order->lost;
    uint64_t lost = order->lost - back;
    order->found -= back;
    order->lost = 0;
    return lost;
}

uint32_t order_tell_duplicates(struct order *order)
{
    uint32_t duplicates = order->duplicates;
    order->duplicates = 0;
    return duplicates;
}
