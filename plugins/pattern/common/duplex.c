#include "common/duplex.h"

#include <errno.h>
#include <leat/plugin/channel.h>

bool duplex_reads_own(const struct leat_bridge_view *bridge)
{
    return !bridge->reply_channel_name;
}

int32_t duplex_check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *options)
{
    (void)options;
    if (!duplex_reads_own(bridge) || (bridge->keeps & (LEAT_CHANNEL_KEEPS_METADATA | LEAT_CHANNEL_KEEPS_TAG)))
        return 0;
    host->blame(host->context, "channel",
                "this channel keeps no tags, by which the bridge would know what it has itself brought in: give the "
                "bridge a reply_channel, or let the channel keep tags where it has an option for it, as cppipc.tag = "
                "prefix");
    return -EINVAL;
}

int duplex_init(struct duplex *duplex, const struct leat_host *host, const struct leat_bridge_view *bridge)
{
    duplex->reads_own = duplex_reads_own(bridge);
    return mark_init(&duplex->mark, host, bridge);
}

enum mark_kind duplex_mark_of(const struct duplex *duplex, const struct leat_message *message)
{
    return duplex->reads_own ? mark_of(&duplex->mark, message) : MARK_NONE;
}

int32_t duplex_inward(void *of, const struct leat_packet *packet, struct leat_inward *in)
{
    const struct duplex *duplex = of;
    in->tag = mark_tag(&duplex->mark, packet->peer);
    return LEAT_FORWARD;
}
