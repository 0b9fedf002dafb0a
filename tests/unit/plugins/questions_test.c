/* reqrep and survey: the way back of each question, and what becomes of answers that have none. */
#include "plug.h"

#include <criterion/criterion.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

static const char *const one[] = {"orders"};
static struct plug plug;
static void *instance;
static int64_t clock_ns = 77 * SECOND; /* what the host says the time is */

static int64_t fake_clock(void *context)
{
    (void)context;
    return clock_ns;
}

static struct leat_bridge_view view(uint32_t direction)
{
    return (struct leat_bridge_view){.size = sizeof(struct leat_bridge_view),
                                     .direction = direction,
                                     .channel_count = 1,
                                     .channel_names = one,
                                     .reply_channel_name = "orders.replies",
                                     .gateway_name = "edge",
                                     .name = "orders",
                                     .keeps = LEAT_CHANNEL_KEEPS_METADATA};
}

static void create(const char *name, uint32_t direction, const char *settings)
{
    struct leat_bridge_view bridge = view(direction);
    plug_init(&plug, name, settings);
    plug.host.now_ns = fake_clock;
    cr_assert(plug.plugin->pattern->create(&instance, &plug.host, &bridge, plug.options.values) == 0);
}

static void destroy(void)
{
    plug.plugin->pattern->destroy(instance);
    plug_fini(&plug);
}

static int32_t come_in(const void *header, uint32_t len, uint64_t *tag)
{
    struct leat_packet packet = {.data = NULL, .header_len = len, .peer = 1};
    struct leat_inward in = {0};
    memcpy(packet.header, header, len < LEAT_HEADER_MAX ? len : LEAT_HEADER_MAX);
    int32_t reason = plug.plugin->pattern->inward(instance, &packet, &in);
    *tag = in.tag;
    cr_assert(in.channel == 0 && in.skip == 0);
    return reason;
}

static int32_t go_out_of(uint64_t tag, uint64_t time_ns, struct leat_outward *out)
{
    struct leat_message message = {.data = "x", .len = 1, .tag = tag, .time_ns = time_ns};
    *out = (struct leat_outward){0};
    return plug.plugin->pattern->outward(instance, 0, &message, out);
}

static uint64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)(now.tv_sec * SECOND + now.tv_nsec);
}

static int32_t go_out(uint64_t tag, struct leat_outward *out)
{
    return go_out_of(tag, wall_ns(), out);
}

/* A peer's header: its pipe, `hops` words of devices, and the request's id. Returns its length. */
static uint32_t header_of(uint8_t *header, uint32_t pipe, uint32_t hops, uint32_t id)
{
    for (uint32_t i = 0; i < hops + 2; i++) {
        uint32_t word = htobe32(i == 0 ? pipe : i <= hops ? 1000 + i : id | 0x80000000);
        memcpy(header + 4 * (size_t)i, &word, 4);
    }
    return (hops + 2) * 4;
}

/* A question of a remote peer, as the local replier sees it: its tag. */
static uint64_t remote_question(uint32_t pipe, uint32_t hops, uint32_t id)
{
    uint8_t header[LEAT_HEADER_MAX];
    uint64_t tag;
    uint32_t len = header_of(header, pipe, hops, id);
    cr_assert(come_in(header, len, &tag) == LEAT_FORWARD);
    return tag;
}

static void expect_way_back(uint64_t tag, uint32_t pipe, uint32_t hops, uint32_t id)
{
    uint8_t header[LEAT_HEADER_MAX];
    struct leat_outward out;
    uint32_t len = header_of(header, pipe, hops, id);
    cr_assert(go_out(tag, &out) == LEAT_FORWARD);
    cr_assert(out.header_len == len && memcmp(out.header, header, len) == 0 && out.prefix_len == 0);
}

/* ---- rules and sockets ------------------------------------------------------------------------------------------- */

Test(questions, are_refused_on_channels_without_tags)
{
    for (int i = 0; i < 2; i++) {
        struct leat_bridge_view bridge = view(LEAT_IN);
        plug_init(&plug, i ? "survey" : "reqrep", "");
        cr_assert(plug.plugin->pattern->check(&plug.host, &bridge, plug.options.values) == 0 && !plug.heard[0]);
        bridge.keeps = LEAT_CHANNEL_KEEPS_ORIGIN | LEAT_CHANNEL_DURABLE;
        cr_assert(plug.plugin->pattern->check(&plug.host, &bridge, plug.options.values) == -EINVAL);
        cr_assert(strstr(plug.heard, "blame channel: ") && strstr(plug.heard, "tag"), "%s", plug.heard);
        plug_fini(&plug);
    }
}

Test(questions, sockets_are_raw_and_play_the_role_of_their_direction)
{
    static const struct {
        const char *plugin;
        uint32_t direction, role;
    } roles[] = {{"reqrep", LEAT_IN, LEAT_ROLE_REPLIER},
                 {"reqrep", LEAT_OUT, LEAT_ROLE_REQUESTER},
                 {"survey", LEAT_IN, LEAT_ROLE_RESPONDENT},
                 {"survey", LEAT_OUT, LEAT_ROLE_SURVEYOR}};
    for (size_t i = 0; i < 4; i++) {
        struct leat_socket_request request = {.size = sizeof request};
        create(roles[i].plugin, roles[i].direction, "");
        cr_assert(plug.plugin->pattern->socket(instance, &request) == 0);
        cr_expect(request.role == roles[i].role && request.raw == 1, "%zu", i);
        destroy();
    }
}

Test(questions, only_a_requester_waits_for_a_peer)
{
    const struct leat_pattern_ops *reqrep = plug_load("reqrep")->pattern, *survey = plug_load("survey")->pattern;
    cr_assert(reqrep->answers == 1 && survey->answers == 1 && !reqrep->duplex && !survey->duplex);
    cr_assert(reqrep->waits_for_peer == LEAT_OUT && survey->waits_for_peer == 0);
}

/* ---- from peers -------------------------------------------------------------------------------------------------- */

Test(questions, a_thousand_at_once_are_answered_in_any_order)
{
    uint64_t tags[1000];
    create("reqrep", LEAT_IN, "");
    for (uint32_t i = 0; i < 1000; i++)
        tags[i] = remote_question(1 + i % 50, i % 15, 5000 + i / 50);
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t which = i * 389 % 1000;
        expect_way_back(tags[which], 1 + which % 50, which % 15, 5000 + which / 50);
    }
    destroy();
}

Test(questions, the_same_request_asked_again_is_another_question)
{
    create("reqrep", LEAT_IN, "");
    uint64_t first = remote_question(7, 0, 1), again = remote_question(7, 0, 1);
    cr_assert(first != again);
    expect_way_back(again, 7, 0, 1);
    expect_way_back(first, 7, 0, 1);
    destroy();
}

Test(questions, a_second_answer_to_a_request_goes_nowhere)
{
    struct leat_outward out;
    create("reqrep", LEAT_IN, "");
    uint64_t tag = remote_question(7, 0, 1);
    expect_way_back(tag, 7, 0, 1);
    cr_assert(go_out(tag, &out) == LEAT_DROP_DUPLICATE && out.header_len == 0);
    destroy();
}

Test(questions, every_answer_to_a_survey_goes_back_until_the_time_limit)
{
    struct leat_outward out;
    create("survey", LEAT_IN, "timeout = 2s");
    uint64_t tag = remote_question(7, 1, 1);
    for (int i = 0; i < 20; i++)
        expect_way_back(tag, 7, 1, 1);
    clock_ns += 2 * SECOND;
    cr_assert(go_out(tag, &out) == LEAT_DROP_EXPIRED);
    destroy();
}

Test(questions, a_late_answer_has_expired_and_a_wrong_one_is_unknown)
{
    struct leat_outward out;
    create("reqrep", LEAT_IN, "timeout = 2s");
    uint64_t tag = remote_question(7, 0, 1);
    clock_ns += 2 * SECOND - 1;
    cr_assert(go_out(tag + 1, &out) == LEAT_DROP_UNKNOWN && go_out(0, &out) == LEAT_DROP_UNKNOWN);
    uint64_t other = remote_question(7, 0, 2);
    clock_ns += 1;
    cr_assert(go_out(tag, &out) == LEAT_DROP_EXPIRED);
    expect_way_back(other, 7, 0, 2);
    destroy();
}

Test(questions, an_answer_to_a_worker_that_has_died_is_unknown_to_the_next)
{
    struct leat_outward out;
    create("reqrep", LEAT_IN, "");
    uint64_t before = remote_question(7, 0, 1);
    destroy();
    create("reqrep", LEAT_IN, "");
    for (uint32_t i = 0; i < 100; i++)
        remote_question(7, 0, i);
    cr_assert(go_out(before, &out) == LEAT_DROP_UNKNOWN);
    destroy();
}

Test(questions, more_than_may_be_open_are_turned_away)
{
    uint8_t header[LEAT_HEADER_MAX];
    uint64_t tags[3], tag;
    create("reqrep", LEAT_IN, "pending = 3");
    for (uint32_t i = 0; i < 3; i++)
        tags[i] = remote_question(7, 0, i);
    uint32_t len = header_of(header, 7, 0, 3);
    cr_assert(come_in(header, len, &tag) == LEAT_DROP_SLOW_PEER);
    expect_way_back(tags[1], 7, 0, 1);
    cr_assert(come_in(header, len, &tag) == LEAT_FORWARD);
    expect_way_back(tag, 7, 0, 3);
    expect_way_back(tags[0], 7, 0, 0);
    destroy();
}

Test(questions, without_a_proper_way_back_are_malformed)
{
    static const struct {
        const char *bytes;
        uint32_t len;
    } headers[] = {{"", 0},
                   {"\x80\0\0\1", 4},                  /* no pipe */
                   {"\0\0\0\7\x80\0\0", 7},            /* half a word */
                   {"\0\0\0\7\0\0\x80\0\0\1", 10},     /* and a half behind it */
                   {"\0\0\0\7\0\0\0\1", 8},            /* no end */
                   {"\0\0\0\7\x80\0\0\1\0\0\0\1", 12}, /* goes on behind its end */
                   {"\0\0\0\7\x80\0\0\1", LEAT_HEADER_MAX + 4}};
    for (int i = 0; i < 2; i++) {
        create(i ? "survey" : "reqrep", LEAT_IN, "");
        for (size_t k = 0; k < sizeof headers / sizeof headers[0]; k++) {
            uint8_t header[LEAT_HEADER_MAX] = {0};
            uint64_t tag;
            memcpy(header, headers[k].bytes, headers[k].len <= LEAT_HEADER_MAX ? headers[k].len : 8);
            cr_expect(come_in(header, headers[k].len, &tag) == LEAT_DROP_MALFORMED, "header %zu", k);
        }
        destroy();
    }
}

/* ---- to peers ---------------------------------------------------------------------------------------------------- */

/* A local question with that tag: the header under which it leaves. */
static struct leat_outward local_question(uint64_t tag)
{
    struct leat_outward out;
    cr_assert(go_out(tag, &out) == LEAT_FORWARD);
    cr_assert(out.header_len == 4 && (out.header[0] & 0x80));
    return out;
}

static void expect_answer(const struct leat_outward *question, int32_t reason, uint64_t tag)
{
    uint64_t got;
    int32_t result = come_in(question->header, question->header_len, &got);
    cr_assert(result == reason, "%d, not %d", result, reason);
    if (reason == LEAT_FORWARD)
        cr_assert(got == tag);
}

Test(questions, answers_come_back_under_the_tag_of_whoever_asked)
{
    static struct leat_outward asked[1000];
    create("reqrep", LEAT_OUT, "");
    for (uint64_t i = 0; i < 1000; i++)
        asked[i] = local_question(UINT64_MAX - i);
    for (uint64_t i = 0; i < 1000; i++)
        expect_answer(&asked[i * 389 % 1000], LEAT_FORWARD, UINT64_MAX - i * 389 % 1000);
    destroy();
}

Test(questions, two_requesters_with_one_tag_have_a_question_each)
{
    create("reqrep", LEAT_OUT, "");
    struct leat_outward one_asks = local_question(5), other_asks = local_question(5);
    cr_assert(memcmp(one_asks.header, other_asks.header, 4) != 0);
    expect_answer(&other_asks, LEAT_FORWARD, 5);
    expect_answer(&other_asks, LEAT_DROP_DUPLICATE, 0);
    expect_answer(&one_asks, LEAT_FORWARD, 5);
    destroy();
}

Test(questions, every_respondent_is_heard_until_the_time_limit)
{
    create("survey", LEAT_OUT, "timeout = 2s");
    struct leat_outward asked = local_question(5), other = local_question(6);
    cr_assert(memcmp(asked.header, other.header, 4) != 0);
    for (int i = 0; i < 20; i++)
        expect_answer(&asked, LEAT_FORWARD, 5);
    clock_ns += 2 * SECOND;
    expect_answer(&asked, LEAT_DROP_EXPIRED, 0);
    destroy();
}

Test(questions, an_answer_that_nobody_asked_for_is_unknown)
{
    create("reqrep", LEAT_OUT, "");
    struct leat_outward asked = local_question(5), never = asked;
    never.header[2] ^= 0x40;
    expect_answer(&never, LEAT_DROP_UNKNOWN, 0);
    expect_answer(&asked, LEAT_FORWARD, 5);
    destroy();
}

Test(questions, that_have_waited_too_long_are_not_asked_any_more)
{
    struct leat_outward out;
    create("reqrep", LEAT_OUT, "timeout = 10s");
    uint64_t now = wall_ns();
    cr_assert(go_out_of(1, now - 10 * SECOND, &out) == LEAT_DROP_EXPIRED);
    cr_assert(go_out_of(1, 0, &out) == LEAT_DROP_EXPIRED);
    cr_assert(go_out_of(1, now - 4 * SECOND, &out) == LEAT_FORWARD);
    clock_ns += 6 * SECOND; /* and ten after it was published */
    expect_answer(&out, LEAT_DROP_EXPIRED, 0);
    destroy();
}

Test(questions, from_before_the_clock_was_set_back_are_new)
{
    struct leat_outward out;
    create("reqrep", LEAT_OUT, "timeout = 10s");
    cr_assert(go_out_of(1, wall_ns() + 3600 * SECOND, &out) == LEAT_FORWARD);
    clock_ns += 10 * SECOND - 1;
    expect_answer(&out, LEAT_FORWARD, 1);
    destroy();
}

Test(questions, an_answer_with_a_wrong_header_is_malformed)
{
    uint64_t tag;
    create("reqrep", LEAT_OUT, "");
    struct leat_outward asked = local_question(5);
    cr_expect(come_in("", 0, &tag) == LEAT_DROP_MALFORMED);
    cr_expect(come_in(asked.header, 3, &tag) == LEAT_DROP_MALFORMED);
    cr_expect(come_in("\0\0\0\1\x80\0\0\1", 8, &tag) == LEAT_DROP_MALFORMED);
    asked.header[0] &= 0x7f;
    cr_expect(come_in(asked.header, 4, &tag) == LEAT_DROP_MALFORMED);
    destroy();
}

Test(questions, no_more_are_asked_than_may_be_open)
{
    struct leat_outward out;
    create("reqrep", LEAT_OUT, "pending = 2");
    struct leat_outward first = local_question(1);
    local_question(2);
    cr_assert(go_out(3, &out) == LEAT_DROP_SLOW_PEER);
    expect_answer(&first, LEAT_FORWARD, 1);
    local_question(3);
    destroy();
}

/* ---- whatever comes ---------------------------------------------------------------------------------------------- */

Test(questions, random_headers_and_tags_harm_nothing)
{
    static const char *const names[] = {"reqrep", "survey"};
    srandom(11);
    for (uint32_t kind = 0; kind < 4; kind++) {
        create(names[kind / 2], kind % 2 ? LEAT_IN : LEAT_OUT, "pending = 100");
        for (int i = 0; i < 50000; i++) {
            uint8_t header[LEAT_HEADER_MAX];
            struct leat_outward out;
            uint64_t tag = 0;
            for (size_t k = 0; k < sizeof header; k++)
                header[k] = (uint8_t)random();
            clock_ns += random() % SECOND / 10;
            int32_t reason = come_in(header, (uint32_t)random() % (LEAT_HEADER_MAX + 8), &tag);
            cr_assert(reason >= 0 && reason < LEAT_REASON_COUNT);
            reason = go_out(random() % 2 ? tag : (uint64_t)random(), &out);
            cr_assert(reason >= 0 && reason < LEAT_REASON_COUNT && out.header_len <= LEAT_HEADER_MAX);
        }
        destroy();
    }
}
