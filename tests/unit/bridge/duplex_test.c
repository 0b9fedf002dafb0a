/* Bridges with lanes in both directions: which channels they read and write, and that neither lane keeps the other from going on
 * or from stopping. */
#include "rig.h"
#include "wait.h"

#include <criterion/criterion.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

static struct rig *rig;
static struct fake_channel *channel, *reply;
static struct fake_engine *engine;

static void set_up(void)
{
    rig = rig_new();
    channel = &rig->channels[0];
    reply = rig_reply(rig);
    engine = &rig->engine;
}

static void tear_down(void)
{
    for (size_t i = 0; i < rig->page->lane_count && bridge_has_left(rig->bridge); i++)
        cr_expect(rig_balances(rig_lane(rig, i)));
    rig_free(rig);
}

TestSuite(duplex, .init = set_up, .fini = tear_down);

static void start(uint32_t direction, bool with_reply)
{
    rig->direction = direction;
    rig->reply = with_reply;
    rig_start(rig);
}

/* One message each way: `from` the bridge reads, `to` it writes. */
static void expect_ways(struct fake_channel *from, const char *from_url, struct fake_channel *to, const char *to_url)
{
    engine_peers(engine, 1);
    fake_publish(from, 1);
    engine_await_sends(engine, 1);
    engine_complete_all(engine);
    engine_await_receives(engine, 1);
    cr_assert(engine_arrive(engine, 4, 0, 8));
    fake_await_written(to, 1);
    fake_await_acknowledged(from, 1);
    cr_assert_eq(to->written[0].number, 4);
    cr_assert_eq(rig->page->lane_count, 2);
    cr_assert(rig_lane(rig, 0)->outward && !rig_lane(rig, 1)->outward);
    cr_assert_str_eq(rig_lane(rig, 0)->channel, from_url);
    cr_assert_str_eq(rig_lane(rig, 1)->channel, to_url);
    await_true(rig_lane(rig, 0)->forwarded == 1 && rig_lane(rig, 1)->forwarded == 1);
}

Test(duplex, answers_to_what_goes_out_come_to_the_reply_channel)
{
    start(LEAT_OUT, true);
    expect_ways(channel, "fake://a", reply, "fake://r");
}

Test(duplex, answers_to_what_comes_in_are_read_from_the_reply_channel)
{
    start(LEAT_IN, true);
    expect_ways(reply, "fake://r", channel, "fake://a");
}

Test(duplex, with_a_reply_channel_the_two_ways_are_apart)
{
    start(LEAT_BOTH, true);
    expect_ways(channel, "fake://a", reply, "fake://r");
}

Test(duplex, without_one_both_ways_share_the_channel)
{
    start(LEAT_BOTH, false);
    expect_ways(channel, "fake://a", channel, "fake://a");
}

/* A `block` channel of four messages, which the outward lane gates, and whose own messages it drops. */
static void start_loop(uint32_t waits_for_peer)
{
    channel->capacity = 4;
    rig->waits_for_peer = waits_for_peer;
    rig->drops_own = true;
    start(LEAT_BOTH, false);
    engine_await_receives(engine, 16);
}

static void arrive(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        engine_await_receives(engine, 1);
        cr_assert(engine_arrive(engine, i, 0, 8));
    }
}

Test(duplex, what_came_in_makes_room_for_the_next_as_it_passes_the_outward_lane)
{
    start_loop(0);
    engine_peers(engine, 1);
    arrive(1000);
    fake_await_written(channel, 1000);
    fake_await_acknowledged(channel, 1000);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_LOOP), 1000);
    cr_assert_eq(engine_sends(engine), 0);
}

Test(duplex, what_the_pattern_drops_is_dropped_for_that_also_when_nobody_is_there)
{
    start_loop(0);
    arrive(3);
    fake_publish(channel, 1);
    fake_await_acknowledged(channel, 4);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_LOOP), 3);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_NO_PEER), 1);
}

/* Four messages are on their way out and fill the channel; sixteen have come in. */
static void fill_both_ways(void)
{
    engine_peers(engine, 1);
    fake_publish(channel, 4);
    engine_await_sends(engine, 4);
    for (uint64_t i = 0; i < 16; i++)
        cr_assert(engine_arrive(engine, i, 0, 8));
    await_true(rig_lane(rig, 1)->in_flight == 1);
}

Test(duplex, a_stop_lets_what_has_come_in_pass_although_the_channel_is_full)
{
    start_loop(LEAT_BOTH);
    fill_both_ways();
    bridge_stop(rig->bridge, wait_now() + 600 * SECOND);
    engine_complete_all(engine);
    await_true(bridge_has_left(rig->bridge));
    cr_assert_eq(channel->written_count, 16);
    cr_assert_eq(bridge_unfinished(rig->bridge), 0);
}

Test(duplex, a_stop_ends_at_its_deadline_when_nothing_moves)
{
    start_loop(LEAT_BOTH);
    fill_both_ways();
    rig_stop(rig, SECOND / 20);
    cr_assert_eq(channel->written_count, 0);
    cr_assert_eq(rig_lane(rig, 1)->dropped[LEAT_DROP_SHUTDOWN], 16);
    cr_assert_eq(rig_lane(rig, 0)->returned, 4);
    cr_assert_eq(bridge_unfinished(rig->bridge), 20);
}

Test(duplex, both_lanes_live_and_go_on_when_the_peer_was_away_and_the_channel_full)
{
    start_loop(LEAT_BOTH);
    fake_publish(channel, 4);
    arrive(1);
    await_true(rig_lane(rig, 1)->in_flight == 1);
    uint64_t out = rig_lane(rig, 0)->heartbeat_ns, in = rig_lane(rig, 1)->heartbeat_ns;
    await_true(rig_lane(rig, 0)->heartbeat_ns > out + SECOND * 3 / 2);
    await_true(rig_lane(rig, 1)->heartbeat_ns > in + SECOND * 3 / 2);
    cr_assert_eq(rig->page->state, PAGE_CONNECTING);
    cr_assert_str_eq(rig->page->reason, "none yet on wire://here; channel 'a' is read as soon as there is one");
    engine_peers(engine, 1);
    engine_await_sends(engine, 4);
    engine_complete_all(engine);
    fake_await_written(channel, 1);
    rig_await_state(rig, PAGE_RUNNING);
}

Test(duplex, says_that_it_is_itself_among_those_that_hold_a_full_channel)
{
    start_loop(LEAT_BOTH);
    fill_both_ways();
    rig_await_state(rig, PAGE_DEGRADED);
    cr_assert_str_eq(rig->page->reason,
                     "channel 'a' is full; the network waits for its readers, and this bridge is one: "
                     "a reply_channel would keep the ways apart");
    engine_complete_all(engine);
    fake_await_written(channel, 16);
    rig_await_state(rig, PAGE_RUNNING);
}

Test(duplex, waits_for_a_peer_only_in_the_directions_that_the_pattern_says)
{
    rig->waits_for_peer = LEAT_OUT;
    start(LEAT_IN, true);
    fake_publish(reply, 5);
    fake_await_acknowledged(reply, 5);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_NO_PEER), 5);
}
