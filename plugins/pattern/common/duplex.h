/* What patterns with `direction = both` have in common: what comes in is marked, so that a bridge that reads the channel it writes knows
 * it again. */
#ifndef LEAT_DUPLEX_H
#define LEAT_DUPLEX_H

#include "common/mark.h"

#include <stdbool.h>

/* The first member of such a pattern's instance. */
struct duplex {
    struct mark mark;
    bool reads_own; /* the channel that it writes is the one it reads */
};

/* Whether what comes in goes into the channel that is also read. */
bool duplex_reads_own(const struct leat_bridge_view *bridge);

/* Then it must keep tags. As leat_pattern_ops.check; `options` may be anything. */
int32_t duplex_check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *options);

/* 0, or as mark_init. There is nothing to undo. */
int duplex_init(struct duplex *duplex, const struct leat_host *host, const struct leat_bridge_view *bridge);

/* Whether a message that was read in the channel came in through this bridge; MARK_NONE where it cannot. */
enum mark_kind duplex_mark_of(const struct duplex *duplex, const struct leat_message *message);

/* As leat_pattern_ops.inward, of an instance that begins with a struct duplex: everything passes, marked. */
int32_t duplex_inward(void *self, const struct leat_packet *packet, struct leat_inward *in);

#endif
