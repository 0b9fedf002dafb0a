/* What receiver.c and place.c share: a receiver, and what it holds among all receivers of its channel. */
#ifndef LEAT_CPPIPC_PLACE_H
#define LEAT_CPPIPC_PLACE_H

#include "cppipc/assembly.h"
#include "cppipc/holding.h"
#include "cppipc/leftover.h"
#include "cppipc/order.h"
#include "cppipc/ring.h"

#include <leat/plugin/host.h>

/* What was said last, and when. */
struct saying {
    int64_t not_before_ns;
    uint64_t count;
};

struct receiver {
    const struct leat_host *host;
    const struct cppipc_options *options;
    char name[CPPIPC_FILE_MAX];
    struct cppipc_where where;

    struct handle handle;
    struct attendant *attendant;
    struct pools pools;
    struct leftover leftover;
    struct holding holding;
    bool holds; /* `holding` is open */

    struct ring_reader ring;
    _Atomic uint32_t awaited_bit, awaited_cursor; /* what the attendant's thread looks for */
    bool held_up;                                 /* at `held_up_at`, since then */
    uint32_t held_up_at;
    int64_t held_up_since_ns;

    struct order order;
    struct assembly assembly;
    _Alignas(16) struct cppipc_message slot; /* looked at last; a small message is lent from here */
    struct payload payload;                  /* any other one from here */
    bool at_hand;                            /* it is not done with yet, and */
    struct pool *pool;                       /* NULL: none */
    uint32_t chunk;                          /* its chunk neither */
    uint32_t spilled;                        /* partials whose first pieces were taken for want of room */
    uint32_t unneeded;                       /* messages since it had to be that large */
    uint64_t sequence;
    uint64_t ticked_ns; /* wall clock */

    struct saying kicked, unusable;
};

__attribute__((format(printf, 3, 4))) void place_say(const struct receiver *receiver, int32_t level, const char *format,
                                                     ...);
/* How many there are to tell of; 0: it is too early. */
uint64_t place_may_say(struct saying *saying);

/* Goes on with the place of a predecessor that was killed, so that what was sent meanwhile is not lost as far as the ring reaches. */
void place_inherit(struct receiver *receiver);
/* Takes a place, also again when ours was taken away. 0, or -EBUSY: there is none. */
int place_take(struct receiver *receiver);
/* Something was missed: what has begun before now may be without its first part. */
void place_doubt(struct receiver *receiver);

/* For a successor: where we are. */
void place_note_cursor(const struct receiver *receiver);
/* Before ring_take. */
void place_note_slot(const struct receiver *receiver);
/* After a forced push of which we were not the victim the place still is ours. */
void place_note_epoch(const struct receiver *receiver);
/* What the lane has released counts: what comes before is a repetition. */
void place_note_released(const struct receiver *receiver);

#endif
