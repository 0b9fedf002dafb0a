/* What the ids of messages tell: which were lost, and which come a second time. Every message of a cpp-ipc channel has an id, one more
 * than that of the one sent before it, whoever sent it; they wrap after 2^32.
 *
 * In a route they come in order: a gap is lost at once. In a channel a sender takes an id first and writes its message when there is
 * room: ids of several come in another order. One that is missing is lost when ORDER_PATIENCE later ones have come and a second or two
 * have passed, when ORDER_LIMIT later ones have come, or when the ring is empty. What comes after all was counted in vain, and takes one
 * off the next losses. */
#ifndef LEAT_CPPIPC_ORDER_H
#define LEAT_CPPIPC_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#define ORDER_PATIENCE 256u
#define ORDER_LIMIT 32768u
#define ORDER_HISTORY 65536u /* ids of which is known whether they have come */

struct order {
    bool many; /* ids of several senders */
    bool started;
    bool strayed;     /* `stray` is the id of a message that came from beyond the history */
    uint32_t next;    /* one more than the highest id that has come */
    uint32_t settled; /* ids before it have come, or count as lost */
    uint32_t marked;  /* `next` of the last tick */
    uint32_t known;   /* so many ids before `next` are after the first one; at most ORDER_HISTORY */
    uint32_t stray;
    uint32_t duplicates; /* not told yet */
    uint64_t lost;       /* not told yet */
    uint64_t found;      /* counted as lost in vain */
    uint64_t came[ORDER_HISTORY / 64];
};

void order_init(struct order *order, bool many);
/* Everything before `next` has come already, to a predecessor. */
void order_continue(struct order *order, uint32_t next);
/* A message has come. False: a second time; it is counted and to be left out. */
bool order_take(struct order *order, uint32_t id);
/* It has come and is of no use: it counts as lost. False: a second time, as order_take. */
bool order_spoil(struct order *order, uint32_t id);
/* A second has passed. */
void order_tick(struct order *order);
/* Nothing is under way: what is missing now is lost. */
void order_settle(struct order *order);

/* What is to be told with the next message; told once. */
uint64_t order_tell_lost(struct order *order);
uint32_t order_tell_duplicates(struct order *order);

#endif
