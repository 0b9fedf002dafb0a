#include "common/duplex.h"

#include <leat/plugin/channel.h>

bool duplex_reads_own(const struct leat_bridge_view *bridge)
{
    return !bridge->reply_channel_name;
}

int32_t duplex_check(const struct leat_host *host, const struct leat_bridge_view *bridge)
{
    if (!duplex_reads_own(bridge) || (bridge->keeps & (LEAT_CHANNEL_KEEPS_METADATA | LEAT_CHANNEL_KEEPS_TAG)))
        return 0;
    host->blame(host->context, "channel",
                "this channel keeps no tags, by which the bridge would know what it has itself brought in: give the "
                "bridge a reply_channel");
    return -EINVAL;
}
