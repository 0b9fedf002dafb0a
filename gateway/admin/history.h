/* What happened lately: a quarter of an hour at a second each, for the gateway and each of its bridges. It lives in the supervisor
 * alone, so that a person who opens the status page sees where a trouble began; Prometheus is for longer.
 *
 * Rates are differences of two looks at counters, so they are exact, however long a second was. */
#ifndef LEAT_ADMIN_HISTORY_H
#define LEAT_ADMIN_HISTORY_H

#include "admin/look.h"

#define HISTORY_SECONDS 900
#define HISTORY_BRIDGES_MAX 512 /* of more, the first so many have a history of their own: 39 KiB each */

enum history_series {
    HISTORY_MESSAGES_OUT, /* each second, as all rates */
    HISTORY_BYTES_OUT,
    HISTORY_MESSAGES_IN,
    HISTORY_BYTES_IN,
    HISTORY_DROPPED, /* by lanes, for whatever reason */
    HISTORY_LOST,    /* by sockets, for peers that were too slow */
    HISTORY_IN_FLIGHT,
    HISTORY_PEERS,
    HISTORY_LATENCY_P50, /* nanoseconds, of this second's messages */
    HISTORY_LATENCY_P99,
    HISTORY_STATE, /* enum page_state */
    HISTORY_SERIES
};

struct history;

struct history *history_new(void); /* NULL: no memory */
void history_free(struct history *history);

/* Adds the time between two looks, `before` the earlier one. */
void history_add(struct history *history, const struct look *before, const struct look *now);

/* A stretch of it. A value that there was not is NAN: a latency without messages, a bridge before it existed. */
struct history_stretch {
    size_t count;
    uint64_t *times_ns;            /* CLOCK_REALTIME of each end of a second, in order */
    float *values[HISTORY_SERIES]; /* `count` of each */
    uint64_t memory[];
};

/* Everything later than `after_ns`, of a bridge, or of the gateway when `bridge` is NULL; to be freed with free(). NULL when that bridge has
 * no history, or there is no memory. Any thread. */
struct history_stretch *history_read(struct history *history, const char *bridge, uint64_t after_ns);

struct history_stretch *history_nothing(void); /* of no second; NULL: no memory */

const char *history_series_name(enum history_series series);

#endif
