#include "config/lanes.h"

struct lanes lanes_of(const struct config_bridge *bridge)
{
    const enum lanes_end reply = bridge->reply.count > 0 ? LANES_REPLY : LANES_NONE;
    switch (bridge->direction) {
    case CONFIG_OUT:
        return (struct lanes){.read = LANES_CHANNELS, .written = reply};
    case CONFIG_IN:
        return (struct lanes){.read = reply, .written = LANES_CHANNELS};
    case CONFIG_BOTH:
        return (struct lanes){.read = LANES_CHANNELS, .written = reply != LANES_NONE ? reply : LANES_CHANNELS};
    }
    return (struct lanes){LANES_NONE, LANES_NONE};
}

static const struct config_urls *urls_of(const struct config_bridge *bridge, enum lanes_end end)
{
    static const struct config_urls none;
    return end == LANES_CHANNELS ? &bridge->channels : end == LANES_REPLY ? &bridge->reply : &none;
}

size_t lanes_titles(const struct config_bridge *bridge, struct page_lane_title titles[PAGE_LANES])
{
    const struct lanes lanes = lanes_of(bridge);
    const struct config_urls *read = urls_of(bridge, lanes.read), *written = urls_of(bridge, lanes.written);
    size_t count = 0;
    for (size_t i = 0; i < read->count && count < PAGE_LANES; i++)
        titles[count++] = (struct page_lane_title){read->items[i].text, true};
    if (written->count > 0 && count < PAGE_LANES)
        titles[count++] = (struct page_lane_title){written->items[0].text, false};
    return count;
}
