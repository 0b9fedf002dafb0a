/* What patterns with `direction = both` have in common: whether they read what they write, and what follows from it. */
#ifndef LEAT_DUPLEX_H
#define LEAT_DUPLEX_H

#include <errno.h>
#include <leat/plugin/pattern.h>
#include <stdbool.h>

/* Whether what comes in goes into the channel that is also read. */
bool duplex_reads_own(const struct leat_bridge_view *bridge);

/* Then it must keep tags. As leat_pattern_ops.check. */
int32_t duplex_check(const struct leat_host *host, const struct leat_bridge_view *bridge);

#endif
