/* Which lanes a bridge has, and what they are called. */
#include "config/lanes.h"

#include <criterion/criterion.h>

static struct config_url channels[] = {{.text = "x://a"}, {.text = "x://b"}}, reply[] = {{.text = "x://r"}};

static const struct {
    enum config_direction direction;
    size_t channels, replies;
    struct page_lane_title lanes[3]; /* channel NULL: no more */
} bridges[] = {
    {CONFIG_OUT, 2, 0, {{"x://a", true}, {"x://b", true}}},
    {CONFIG_OUT, 1, 1, {{"x://a", true}, {"x://r", false}}},
    {CONFIG_IN, 2, 0, {{"x://a", false}}},
    {CONFIG_IN, 1, 1, {{"x://r", true}, {"x://a", false}}},
    {CONFIG_BOTH, 1, 0, {{"x://a", true}, {"x://a", false}}},
    {CONFIG_BOTH, 1, 1, {{"x://a", true}, {"x://r", false}}},
};

Test(lanes, outward_ones_stand_first_and_the_reply_channel_goes_the_other_way)
{
    for (size_t i = 0; i < sizeof(bridges) / sizeof(*bridges); i++) {
        const struct config_bridge bridge = {.direction = bridges[i].direction,
                                             .channels = {channels, bridges[i].channels},
                                             .reply = {reply, bridges[i].replies}};
        struct page_lane_title titles[PAGE_LANES];
        const size_t count = lanes_titles(&bridge, titles);
        for (size_t lane = 0; lane < count; lane++) {
            cr_assert_not_null(bridges[i].lanes[lane].channel, "bridge %zu has %zu lanes", i, count);
            cr_expect_str_eq(titles[lane].channel, bridges[i].lanes[lane].channel);
            cr_expect_eq(titles[lane].outward, bridges[i].lanes[lane].outward);
        }
        cr_expect_null(bridges[i].lanes[count].channel, "bridge %zu lacks a lane", i);
    }
}
