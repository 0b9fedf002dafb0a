#include "common/sp_stats.h"

#include <string.h>

static nng_stat *child_of(nng_stat *node, const char *name)
{
    for (nng_stat *child = nng_stat_child(node); child; child = nng_stat_next(child))
        if (strcmp(nng_stat_name(child), name) == 0)
            return child;
    return NULL;
}

uint64_t sp_stats_value(nng_stat *node, const char *name)
{
    nng_stat *child = child_of(node, name);
    return child ? nng_stat_value(child) : 0;
}

nng_stat *sp_stats_find(nng_stat *all, const char *kind, uint32_t id)
{
    for (nng_stat *node = nng_stat_child(all); node; node = nng_stat_next(node))
        if (strcmp(nng_stat_name(node), kind) == 0 && (uint32_t)sp_stats_value(node, "id") == id)
            return node;
    return NULL;
}
