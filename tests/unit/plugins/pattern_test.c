/* pubsub and pipeline: their rules, their sockets, and the hooks that messages pass. */
#include "plug.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const one[] = {"quotes"}, *const two[] = {"bids", "asks"}, *const three[] = {"a", "b", "c"};

static struct leat_bridge_view view(uint32_t direction, const char *const *names, uint32_t count)
{
    return (struct leat_bridge_view){.size = sizeof(struct leat_bridge_view),
                                     .direction = direction,
                                     .channel_count = count,
                                     .channel_names = names};
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

static const struct rule {
    const char *plugin;
    uint32_t direction;
    const char *const *names;
    uint32_t count;
    const char *settings, *says; /* NULL: nothing is wrong */
} rules[] = {
    {"pubsub", LEAT_OUT, one, 1, "", NULL},
    {"pubsub", LEAT_OUT, two, 2, "", NULL},
    {"pubsub", LEAT_OUT, two, 2, "prefix = %c/", NULL},
    {"pubsub", LEAT_OUT, two, 2, "prefix = x, xy", NULL},
    {"pubsub", LEAT_IN, one, 1, "topics = EUR, USD", NULL},
    {"pubsub", LEAT_IN, two, 2, "prefix = %c/", NULL},
    {"pubsub", LEAT_OUT, two, 2, "prefix = x, y, z", "blame prefix: 3 prefixes for 2 channels"},
    {"pubsub", LEAT_OUT, one, 1, "prefix = x, y", "blame prefix: 2 prefixes for 1 channel:"},
    {"pubsub", LEAT_OUT, one, 1, "prefix = %d", "blame prefix: after % only c"},
    {"pubsub", LEAT_OUT, one, 1, "prefix = x%", "blame prefix: after % only c"},
    {"pubsub", LEAT_OUT, one, 1, "topics = EUR", "blame topics: a publisher has no topics"},
    {"pubsub", LEAT_IN, two, 2, "", "blame prefix: with several channels inward each needs a prefix"},
    {"pubsub", LEAT_IN, two, 2, "prefix = x", "blame prefix: channels 'bids' and 'asks' have the same prefix 'x'"},
    {"pubsub", LEAT_IN, three, 3, "prefix = q, qu, r", "blame prefix: 'q' is the beginning of 'qu'"},
    {"pipeline", LEAT_OUT, two, 2, "queue = 100", NULL},
    {"pipeline", LEAT_IN, one, 1, "", NULL},
    {"pipeline", LEAT_IN, two, 2, "", "blame channel: pipeline cannot tell"},
    {"pipeline", LEAT_IN, one, 1, "queue = 1", "blame queue: what is pulled is never queued"},
};

Test(pattern, check_says_what_is_wrong)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        struct leat_bridge_view bridge = view(rule->direction, rule->names, rule->count);
        struct plug plug;
        plug_init(&plug, rule->plugin, rule->settings);
        int32_t result = plug.plugin->pattern->check(&plug.host, &bridge, plug.options.values);
        if (rule->says)
            cr_expect(result == -EINVAL && strstr(plug.heard, rule->says), "rule %zu: %s", i, plug.heard);
        else
            cr_expect(result == 0 && !plug.heard[0], "rule %zu: %s", i, plug.heard);
        plug_fini(&plug);
    }
}

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

static struct plug plug;
static void *instance;

static void create(const char *name, uint32_t direction, const char *const *names, uint32_t count, const char *settings)
{
    struct leat_bridge_view bridge = view(direction, names, count);
    plug_init(&plug, name, settings);
    cr_assert(plug.plugin->pattern->create(&instance, &plug.host, &bridge, plug.options.values) == 0);
}

static void destroy(void)
{
    plug.plugin->pattern->destroy(instance);
    plug_fini(&plug);
}

Test(pattern, sockets_play_the_role_of_their_direction)
{
    static const struct {
        const char *plugin;
        uint32_t direction, role, queue;
    } roles[] = {{"pubsub", LEAT_OUT, LEAT_ROLE_PUBLISHER, 8192},
                 {"pubsub", LEAT_IN, LEAT_ROLE_SUBSCRIBER, 8192},
                 {"pipeline", LEAT_OUT, LEAT_ROLE_PUSHER, 0},
                 {"pipeline", LEAT_IN, LEAT_ROLE_PULLER, 0}};
    for (size_t i = 0; i < 4; i++) {
        struct leat_socket_request request = {.size = sizeof request};
        create(roles[i].plugin, roles[i].direction, one, 1, "");
        cr_assert(plug.plugin->pattern->socket(instance, &request) == 0);
        cr_expect(request.role == roles[i].role && request.queue_messages == roles[i].queue && request.raw == 0);
        cr_expect(request.queue_bytes == 64 << 20);
        destroy();
    }
}

Test(pattern, a_subscriber_asks_for_every_prefix_with_every_topic)
{
    static const char *const expected[] = {"bids/EUR", "bids/USD", "asks/EUR", "asks/USD"};
    struct leat_socket_request request = {.size = sizeof request};
    create("pubsub", LEAT_IN, two, 2, "prefix = %c/\ntopics = EUR, USD");
    plug.plugin->pattern->socket(instance, &request);
    for (size_t i = 0; i < 4; i++)
        cr_assert(strcmp(request.topics[i], expected[i]) == 0, "%s", request.topics[i]);
    cr_assert(!request.topics[4]);
    destroy();
}

Test(pattern, a_subscriber_without_topics_takes_everything)
{
    struct leat_socket_request request = {.size = sizeof request};
    create("pubsub", LEAT_IN, one, 1, "");
    plug.plugin->pattern->socket(instance, &request);
    cr_assert(request.topics[0] && !*request.topics[0] && !request.topics[1]);
    destroy();
}

/* ---- hooks ------------------------------------------------------------------------------------------------------- */

static void expect_prefix(uint32_t channel, const char *prefix)
{
    struct leat_message message = {.data = "x", .len = 1};
    struct leat_outward out = {0};
    cr_assert(plug.plugin->pattern->outward(instance, channel, &message, &out) == LEAT_FORWARD);
    cr_expect(out.prefix_len == strlen(prefix) && memcmp(out.prefix, prefix, out.prefix_len) == 0, "channel %u: %.*s",
              channel, (int)out.prefix_len, (const char *)out.prefix);
    cr_expect(out.header_len == 0);
}

Test(pattern, a_publisher_puts_each_channels_prefix_before_its_messages)
{
    create("pubsub", LEAT_OUT, two, 2, "prefix = 100%% %c/");
    expect_prefix(0, "100% bids/");
    expect_prefix(1, "100% asks/");
    destroy();
    create("pubsub", LEAT_OUT, two, 2, "prefix = x, y");
    expect_prefix(0, "x");
    expect_prefix(1, "y");
    destroy();
    create("pubsub", LEAT_OUT, one, 1, "");
    expect_prefix(0, "");
    destroy();
}

static void expect_inward(const char *bytes, int32_t reason, uint32_t channel, uint64_t skip)
{
    char copy[64];
    struct leat_packet packet = {.data = copy, .len = strlen(bytes)};
    struct leat_inward in = {0};
    strcpy(copy, bytes);
    int32_t result = plug.plugin->pattern->inward(instance, &packet, &in);
    cr_expect(result == reason, "'%s': %d", bytes, result);
    if (reason == LEAT_FORWARD)
        cr_expect(in.channel == channel && in.skip == skip && in.tag == 0, "'%s': %u %lu", bytes, in.channel, in.skip);
}

Test(pattern, a_subscriber_finds_the_channel_by_its_prefix_and_strips_it)
{
    create("pubsub", LEAT_IN, two, 2, "prefix = %c/");
    expect_inward("bids/EUR 1", LEAT_FORWARD, 0, 5);
    expect_inward("asks/EUR 2", LEAT_FORWARD, 1, 5);
    expect_inward("asks/", LEAT_FORWARD, 1, 5);
    expect_inward("asks", LEAT_DROP_FILTERED, 0, 0);
    expect_inward("", LEAT_DROP_FILTERED, 0, 0);
    expect_inward("other", LEAT_DROP_FILTERED, 0, 0);
    destroy();
}

Test(pattern, a_prefix_stays_where_it_is_not_to_be_stripped)
{
    create("pubsub", LEAT_IN, one, 1, "prefix = q/\nstrip = no");
    expect_inward("q/x", LEAT_FORWARD, 0, 0);
    expect_inward("x", LEAT_DROP_FILTERED, 0, 0);
    destroy();
}

Test(pattern, without_a_prefix_everything_comes_in_whole)
{
    create("pubsub", LEAT_IN, one, 1, "");
    expect_inward("", LEAT_FORWARD, 0, 0);
    expect_inward("anything", LEAT_FORWARD, 0, 0);
    destroy();
}

Test(pattern, pipeline_waits_for_a_peer_and_passes_everything_as_it_is)
{
    const struct leat_pattern_ops *ops = plug_load("pipeline")->pattern;
    cr_assert(ops->waits_for_peer == LEAT_OUT && !ops->outward && !ops->inward);
    cr_assert(plug_load("pubsub")->pattern->waits_for_peer == 0);
}
