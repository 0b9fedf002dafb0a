/* How a bridge knows again what it has itself written into a channel that it also reads: by a mark in the tag.
 *
 *     bits 63..40   of the bridge: a hash of the gateway's name and its own, never 0
 *     bits 39..32   of this run of it: random
 *     bits 31..0    the peer that the message came from
 *
 * An application that numbers its messages, or leaves tags alone, never hits a mark; one that draws 64 random bits hits a
 * bridge's own once in 16 million messages. */
#ifndef LEAT_MARK_H
#define LEAT_MARK_H

#include <leat/message.h>
#include <leat/plugin/pattern.h>

struct mark {
    const struct leat_host *host;
    uint32_t bits;
    uint64_t since_ns;  /* when this run began: CLOCK_REALTIME */
    int64_t started_ns; /* the same moment by the host's clock, which nobody sets */
};

enum mark_kind {
    MARK_NONE = 0, /* somebody else's message */
    MARK_OWN,      /* this run's; mark_peer() says where it came from */
    MARK_OLD       /* an earlier run's: its peers are gone */
};

/* 0, or as chance_draw. `host` outlives the mark. */
int mark_init(struct mark *mark, const struct leat_host *host, const struct leat_bridge_view *bridge);

uint64_t mark_tag(const struct mark *mark, uint32_t peer);
enum mark_kind mark_of(const struct mark *mark, const struct leat_message *message);
uint32_t mark_peer(const struct leat_message *message);

#endif
