/* How long to wait before a worker that ended is started again. */
#ifndef LEAT_SUPERVISOR_BACKOFF_H
#define LEAT_SUPERVISOR_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* A worker that has served so long starts from the shortest wait again. */
#define BACKOFF_FORGIVEN_NS INT64_C(1000000000)

struct backoff {
    int64_t min_ns, max_ns;
    uint32_t failures; /* in a row, each soon after its start */
};

/* Counts one more end of a worker that lived `life_ns` and says how long to wait: the shortest wait, doubled with each failure
 * in a row, give or take an eighth of it by `random`, so that workers that died together do not start together.
 *
 * A worker that never `served` is a configuration or a plugin that does not work: its waits grow up to max_ns. One that did is
 * promised to its peers to be back within a second, however often an engine crashes under them: it waits twice
 * min_ns at most. */
int64_t backoff_next_ns(struct backoff *backoff, int64_t life_ns, bool served, uint32_t random);

#endif
