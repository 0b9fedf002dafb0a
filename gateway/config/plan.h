/* What applying another configuration to a running gateway means: for each bridge whether it stays, starts, stops or restarts, and why.
 *
 *     the configuration that runs, the next one -> plan_make -> what `leat plan` shows and a reload does
 *
 * A bridge restarts when a key of its section says something else, wherever that key comes from (a template, ${file:}, a drop-in), or
 * when one that shares its worker does. */
#ifndef LEAT_CONFIG_PLAN_H
#define LEAT_CONFIG_PLAN_H

#include "config/config.h"

enum plan_action { PLAN_STAY = 0, PLAN_START, PLAN_STOP, PLAN_RESTART };

struct plan_step {
    char *bridge;
    enum plan_action action;
    char *
        reason; /* "receive_limit: 64MiB -> 1MiB (edge.ini:12)"; several are separated by "; "; secrets are masked; "" where it stays */
};

struct plan {
    struct plan_step *steps; /* those of the next configuration in its order, then those that stop */
    size_t count;
    char **notes; /* what changes and needs no bridge, or only takes effect later */
    size_t note_count;
    char *refusal; /* NULL; or why no reload can do this */
};

/* Zero-initialised is ready for plan_fini. Points into neither configuration afterwards. */
void plan_make(struct plan *plan, const struct config *now, const struct config *next);
void plan_fini(struct plan *plan);

const struct plan_step *plan_find(const struct plan *plan, const char *bridge);
size_t plan_count(const struct plan *plan, enum plan_action action);
bool plan_is_empty(const struct plan *plan); /* every bridge stays, and nothing is to be noted */
const char *plan_action_name(enum plan_action action);

#endif
