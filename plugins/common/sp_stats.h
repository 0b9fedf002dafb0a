/* Reading nng's statistics tree. nng's own finder for a socket returns the first one whatever is asked for (1.5), so nodes
 * are matched by their `id` child here. */
#ifndef LEAT_SP_STATS_H
#define LEAT_SP_STATS_H

#include <nng/nng.h>

/* The node named `kind` ("pipe", "listener", "socket") with that id below `all`, or NULL. */
nng_stat *sp_stats_find(nng_stat *all, const char *kind, uint32_t id);

/* The value of a node's child; 0 when there is none. */
uint64_t sp_stats_value(nng_stat *node, const char *child);

#endif
