/* bus and pair: what comes in never goes back to where it came from. */
#include "plug.h"

#include <criterion/criterion.h>
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define HOUR INT64_C(3600000000000)

static const char *const one[] = {"chat"};
static struct plug plug;
static void *instance;
static int64_t (*monotonic)(void *context); /* the host's clock, where a test replaces it */

static struct leat_bridge_view view(const char *name, const char *reply_channel)
{
    return (struct leat_bridge_view){.size = sizeof(struct leat_bridge_view),
                                     .direction = LEAT_BOTH,
                                     .channel_count = 1,
                                     .channel_names = one,
                                     .reply_channel_name = reply_channel,
                                     .gateway_name = "edge",
                                     .name = name,
                                     .keeps = LEAT_CHANNEL_KEEPS_METADATA};
}

static void create_as(const char *plugin, const struct leat_bridge_view *bridge, const char *settings)
{
    plug_init(&plug, plugin, settings);
    cr_assert(plug.plugin->pattern->create(&instance, &plug.host, bridge, plug.options.values) == 0);
}

static void create(const char *plugin, const char *settings)
{
    struct leat_bridge_view bridge = view("chat", NULL);
    create_as(plugin, &bridge, settings);
}

static void destroy(void)
{
    plug.plugin->pattern->destroy(instance);
    plug_fini(&plug);
}

/* What a peer says, as it stands in the channel. */
static uint64_t come_in(uint32_t peer)
{
    struct leat_packet packet = {.data = NULL, .header_len = 4, .peer = peer};
    struct leat_inward in = {0};
    uint32_t word = htobe32(peer);
    memcpy(packet.header, &word, 4);
    cr_assert(plug.plugin->pattern->inward(instance, &packet, &in) == LEAT_FORWARD);
    cr_assert(in.channel == 0 && in.skip == 0);
    return in.tag;
}

static uint64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int32_t go_out_at(uint64_t tag, uint64_t time_ns, struct leat_outward *out)
{
    struct leat_message message = {.data = "x", .len = 1, .tag = tag, .time_ns = time_ns};
    *out = (struct leat_outward){0};
    return plug.plugin->pattern->outward(instance, 0, &message, out);
}

static int32_t go_out(uint64_t tag, struct leat_outward *out)
{
    return go_out_at(tag, wall_ns(), out);
}

static void expect_sent_to_all(uint64_t tag)
{
    struct leat_outward out;
    cr_assert(go_out(tag, &out) == LEAT_FORWARD && out.header_len == 0 && out.prefix_len == 0, "tag %lx", tag);
}

static void expect_loop(uint64_t tag)
{
    struct leat_outward out;
    cr_assert(go_out(tag, &out) == LEAT_DROP_LOOP && out.header_len == 0, "tag %lx", tag);
}

/* ---- rules and sockets ------------------------------------------------------------------------------------------- */

static void expect_blame(const char *plugin, const struct leat_bridge_view *bridge, const char *settings,
                         const char *says)
{
    plug_init(&plug, plugin, settings);
    int32_t result = plug.plugin->pattern->check(&plug.host, bridge, plug.options.values);
    cr_assert(result == (says ? -EINVAL : 0), "%s", plug.heard);
    cr_assert(says ? strstr(plug.heard, says) != NULL : plug.heard[0] == 0, "%s", plug.heard);
    plug_fini(&plug);
}

Test(duplex, needs_tags_only_where_it_reads_what_it_writes)
{
    for (int i = 0; i < 2; i++) {
        const char *plugin = i ? "pair" : "bus";
        struct leat_bridge_view same = view("chat", NULL), apart = view("chat", "answers");
        expect_blame(plugin, &same, "", NULL);
        expect_blame(plugin, &apart, "", NULL);
        same.keeps = apart.keeps = 0;
        expect_blame(plugin, &same, "", "blame channel: this channel keeps no tags");
        expect_blame(plugin, &apart, "", NULL);
    }
}

Test(duplex, what_is_not_read_again_cannot_be_forwarded)
{
    struct leat_bridge_view same = view("chat", NULL), apart = view("chat", "answers");
    expect_blame("bus", &same, "forward = yes", NULL);
    expect_blame("bus", &apart, "forward = yes", "blame forward: what peers say goes into the reply_channel");
}

Test(duplex, sockets_play_their_role)
{
    static const struct {
        const char *plugin, *settings;
        uint32_t role, raw;
    } roles[] = {{"bus", "", LEAT_ROLE_BUS, 1},
                 {"pair", "", LEAT_ROLE_PAIR0, 0},
                 {"pair", "version = 0", LEAT_ROLE_PAIR0, 0},
                 {"pair", "version = 1", LEAT_ROLE_PAIR1, 0}};
    for (size_t i = 0; i < 4; i++) {
        struct leat_socket_request request = {.size = sizeof request};
        create(roles[i].plugin, roles[i].settings);
        cr_assert(plug.plugin->pattern->socket(instance, &request) == 0);
        cr_expect(request.role == roles[i].role && request.raw == roles[i].raw, "%zu", i);
        destroy();
    }
}

Test(duplex, a_pair_waits_for_its_peer_and_a_bus_does_not)
{
    const struct leat_pattern_ops *bus = plug_load("bus")->pattern, *pair = plug_load("pair")->pattern;
    cr_assert(bus->duplex == 1 && pair->duplex == 1 && bus->directions == 0 && pair->directions == 0);
    cr_assert(bus->waits_for_peer == 0 && pair->waits_for_peer == LEAT_BOTH);
}

/* ---- hooks ------------------------------------------------------------------------------------------------------- */

Test(duplex, what_came_in_does_not_go_out_again)
{
    for (int i = 0; i < 2; i++) {
        create(i ? "pair" : "bus", "");
        expect_loop(come_in(7));
        expect_loop(come_in(0));
        expect_loop(come_in(UINT32_MAX));
        destroy();
    }
}

Test(duplex, an_applications_messages_go_to_all_whatever_their_tag)
{
    static const uint64_t tags[] = {0, 1, 7, UINT32_MAX, 12345678901234, UINT64_MAX};
    for (int i = 0; i < 4; i++) {
        create(i / 2 ? "pair" : "bus", i == 1 ? "forward = yes" : "");
        for (size_t k = 0; k < sizeof tags / sizeof tags[0]; k++)
            expect_sent_to_all(tags[k]);
        destroy();
    }
}

Test(duplex, a_forwarded_message_goes_to_all_but_the_peer_it_came_from)
{
    static const uint8_t pipe[] = {0x12, 0x34, 0x56, 0x78};
    struct leat_outward out;
    create("bus", "forward = yes");
    cr_assert(go_out(come_in(0x12345678), &out) == LEAT_FORWARD);
    cr_assert(out.header_len == 4 && memcmp(out.header, pipe, 4) == 0);
    expect_loop(come_in(0)); /* whoever that was, it must not come back */
    destroy();
}

Test(duplex, what_an_earlier_run_brought_in_is_known_again)
{
    static const char *const settings[] = {"", "forward = yes"};
    for (int i = 0; i < 600; i++) { /* more than there are numbers of a run */
        create("bus", settings[i % 2]);
        uint64_t before = come_in(7);
        destroy();
        create("bus", settings[i % 2]);
        struct leat_message message = {.tag = before, .time_ns = 1000};
        struct leat_outward out = {0};
        cr_assert(plug.plugin->pattern->outward(instance, 0, &message, &out) == LEAT_DROP_LOOP);
        destroy();
    }
}

static int64_t an_hour_later(void *context)
{
    return monotonic(context) + HOUR;
}

/* An hour more by the clock that nobody sets, and none by the wall's. */
Test(duplex, a_clock_that_was_set_back_stops_no_forwarding)
{
    struct leat_outward out;
    create("bus", "forward = yes");
    uint64_t tag = come_in(7);
    monotonic = plug.host.now_ns;
    plug.host.now_ns = an_hour_later;
    cr_expect(go_out_at(tag, wall_ns() - (uint64_t)HOUR / 2, &out) == LEAT_FORWARD && out.header_len == 4);
    cr_expect(go_out_at(tag, wall_ns() - 2 * (uint64_t)HOUR, &out) == LEAT_DROP_LOOP);
    destroy();
}

Test(duplex, what_another_bridge_brought_in_is_carried_on)
{
    struct leat_bridge_view others[] = {view("mesh", NULL), view("chat", NULL), view("", NULL), view("chatedge", NULL)};
    others[1].gateway_name = "core";
    others[3].gateway_name = "";
    for (size_t i = 0; i < 4; i++) {
        create_as("bus", &others[i], "");
        uint64_t tag = come_in(7);
        destroy();
        create("bus", "");
        expect_sent_to_all(tag);
        destroy();
        create("pair", "");
        expect_sent_to_all(tag);
        destroy();
    }
}

Test(duplex, with_a_reply_channel_tags_are_free)
{
    struct leat_bridge_view apart = view("chat", "answers");
    for (int i = 0; i < 2; i++) {
        create_as(i ? "pair" : "bus", &apart, "");
        expect_sent_to_all(come_in(7));
        destroy();
    }
}
