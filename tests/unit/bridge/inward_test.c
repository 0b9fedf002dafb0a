#include "rig.h"
#include "wait.h"

#include <criterion/criterion.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

static struct rig *rig;
static struct fake_channel *channel;
static struct fake_engine *engine;

static void set_up(void)
{
    rig = rig_new();
    rig->direction = LEAT_IN;
    channel = &rig->channels[0];
    engine = &rig->engine;
}

static void tear_down(void)
{
    if (rig->bridge && bridge_has_left(rig->bridge))
        cr_expect(rig_balances(rig_lane(rig, 0)));
    rig_free(rig);
}

static void arrive(uint64_t number, uint64_t offset, uint64_t len)
{
    engine_await_receives(engine, 1);
    cr_assert(engine_arrive(engine, number, offset, len));
}

TestSuite(inward, .init = set_up, .fini = tear_down);

Test(inward, writes_every_message_in_order)
{
    rig_start(rig);
    for (uint64_t i = 0; i < 1000; i++)
        arrive(i, 0, 8 + i % 100);
    fake_await_written(channel, 1000);
    rig_stop(rig, SECOND);
    for (uint64_t i = 0; i < 1000; i++) {
        cr_assert_eq(channel->written[i].number, i);
        cr_assert_eq(channel->written[i].len, 8 + i % 100);
        cr_assert_eq(channel->written[i].tag, 8 + i % 100);
    }
    cr_assert_eq(rig_lane(rig, 0)->forwarded, 1000);
    cr_assert_eq(bridge_unfinished(rig->bridge), 0);
}

Test(inward, keeps_sixteen_receives_posted)
{
    rig_start(rig);
    engine_await_receives(engine, 16);
    arrive(1, 0, 8);
    engine_await_receives(engine, 16);
    cr_assert_eq(engine->receive_count, 16);
}

Test(inward, leaves_out_what_the_pattern_skips)
{
    rig->prefix = "topic ";
    rig_start(rig);
    arrive(7, 6, 14);
    fake_await_written(channel, 1);
    cr_assert_eq(channel->written[0].number, 7);
    cr_assert_eq(channel->written[0].len, 8);
}

Test(inward, writes_to_the_channel_that_the_pattern_names)
{
    rig->channel_count = 3;
    rig_start(rig);
    for (uint64_t i = 0; i < 30; i++)
        arrive(i, 0, 9 + i);
    for (size_t i = 0; i < 3; i++)
        fake_await_written(&rig->channels[i], 10);
    cr_assert_eq(rig->channels[1].written[0].number, 1);
}

Test(inward, drops_a_message_that_is_shorter_than_what_is_to_be_skipped)
{
    rig->prefix = "topic ";
    rig_start(rig);
    arrive(0, 0, 3);
    arrive(7, 6, 14);
    fake_await_written(channel, 1);
    await_true(rig_dropped(rig, LEAT_DROP_MALFORMED) == 1);
}

Test(inward, drops_what_is_larger_than_the_channel_takes)
{
    channel->largest = 100;
    rig_start(rig);
    arrive(0, 0, 101);
    arrive(1, 0, 100);
    fake_await_written(channel, 1);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_OVERSIZE), 1);
    cr_assert_eq(channel->written[0].number, 1);
}

Test(inward, drops_what_is_larger_than_the_bridge_takes_although_the_engine_let_it_through)
{
    rig->receive_limit = 64;
    rig_start(rig);
    arrive(0, 0, 65);
    arrive(1, 0, 64);
    fake_await_written(channel, 1);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_OVERSIZE), 1);
    cr_assert_eq(channel->written[0].number, 1);
}

Test(inward, waits_while_the_channel_is_full_and_shows_that_it_lives)
{
    channel->full = true;
    rig_start(rig);
    arrive(5, 0, 8);
    await_true(rig_lane(rig, 0)->in_flight == 1);
    uint64_t beat = rig_lane(rig, 0)->heartbeat_ns;
    await_true(rig_lane(rig, 0)->heartbeat_ns > beat + 100000000);
    rig_await_state(rig, PAGE_DEGRADED);
    cr_assert_str_eq(rig->page->reason, "channel 'a' is full; the network waits for its readers");
    fake_set_full(channel, false);
    fake_await_written(channel, 1);
    rig_await_state(rig, PAGE_RUNNING);
}

Test(inward, says_that_nobody_reads_where_the_channel_waits_for_that)
{
    channel->full = channel->unread = true;
    rig_start(rig);
    arrive(5, 0, 8);
    rig_await_state(rig, PAGE_DEGRADED);
    cr_assert_str_eq(rig->page->reason, "nobody reads channel 'a'; the network waits until somebody does");
    fake_set_full(channel, false);
    fake_await_written(channel, 1);
    rig_await_state(rig, PAGE_RUNNING);
}

Test(inward, makes_a_removed_channel_anew_and_loses_nothing)
{
    rig_start(rig);
    arrive(0, 0, 8);
    fake_await_written(channel, 1);
    fake_remove(channel);
    arrive(1, 0, 8);
    fake_await_written(channel, 2);
    cr_assert_eq(channel->written[1].number, 1);
    cr_assert_eq(channel->opened, 2);
}

Test(inward, tries_again_until_its_channel_can_be_made)
{
    channel->absent = true;
    rig_start(rig);
    rig_await_state(rig, PAGE_WAITING);
    cr_assert(strstr(rig->page->reason, "No space left on device"));
    cr_assert_eq(engine->receive_count, 0);
    fake_set_absent(channel, false);
    arrive(0, 0, 8);
    fake_await_written(channel, 1);
}

Test(inward, goes_on_after_a_receive_that_failed)
{
    rig_start(rig);
    engine_await_receives(engine, 16);
    engine_fail_receive(engine, -EPROTO);
    arrive(3, 0, 8);
    fake_await_written(channel, 1);
    engine_await_receives(engine, 16);
}

Test(inward, shows_that_it_has_nobody_to_listen_to_where_it_dials)
{
    rig->dials = true;
    rig_start(rig);
    rig_await_state(rig, PAGE_CONNECTING);
    engine_peers(engine, 1);
    rig_await_state(rig, PAGE_RUNNING);
}

Test(inward, writes_what_it_has_received_before_it_stops)
{
    channel->full = true;
    rig_start(rig);
    engine_await_receives(engine, 16);
    for (uint64_t i = 0; i < 16; i++)
        arrive(i, 0, 8);
    bridge_stop(rig->bridge, wait_now() + 10 * SECOND);
    fake_set_full(channel, false);
    await_true(bridge_has_left(rig->bridge));
    cr_assert_eq(channel->written_count, 16);
    cr_assert_eq(engine->receive_count, 0);
}

Test(inward, counts_what_it_could_not_write_in_time_as_dropped_by_the_shutdown)
{
    channel->full = true;
    rig_start(rig);
    engine_await_receives(engine, 16);
    for (uint64_t i = 0; i < 10; i++)
        arrive(i, 0, 8);
    await_true(rig_lane(rig, 0)->in_flight == 1);
    rig_stop(rig, SECOND / 20);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_SHUTDOWN), 10);
    cr_assert_eq(bridge_unfinished(rig->bridge), 10);
    cr_assert_str_eq(rig->page->reason, "stopped, 10 messages unfinished");
    engine_arrive(engine, 11, 0, 8);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_SHUTDOWN), 11);
    cr_assert_eq(bridge_unfinished(rig->bridge), 11);
}

Test(inward, writes_what_senders_push_while_it_stops_until_its_receives_are_used_up)
{
    rig_start(rig);
    engine_await_receives(engine, 16);
    bridge_stop(rig->bridge, wait_now() + 10 * SECOND);
    for (uint64_t i = 0; i < 16; i++) {
        cr_assert(engine_arrive(engine, i, 0, 8));
        fake_await_written(channel, i + 1); /* it has caught up, and does not leave */
    }
    await_true(bridge_has_left(rig->bridge));
    cr_assert_eq(channel->written_count, 16);
    cr_assert_eq(bridge_unfinished(rig->bridge), 0);
}

Test(inward, a_pattern_that_returns_nonsense_costs_its_messages_and_nothing_else)
{
    static const struct {
        struct rig_whim whim;
        uint32_t dropped;
    } cases[] = {
        {{.reason = INT32_MIN}, LEAT_DROP_ERROR},
        {{.reason = -22}, LEAT_DROP_ERROR},
        {{.reason = LEAT_REASON_COUNT}, LEAT_DROP_ERROR},
        {{.reason = INT32_MAX}, LEAT_DROP_ERROR},
        {{.channel = 1}, LEAT_DROP_MALFORMED},
        {{.channel = UINT32_MAX}, LEAT_DROP_MALFORMED},
        {{.skip = 9}, LEAT_DROP_MALFORMED},
        {{.skip = UINT64_MAX}, LEAT_DROP_MALFORMED},
    };
    rig->whim = &cases[0].whim;
    rig_start(rig);
    for (uint64_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        __atomic_store_n(&rig->whim, &cases[i].whim, __ATOMIC_SEQ_CST);
        uint64_t before = rig_dropped(rig, cases[i].dropped);
        arrive(i, 0, 8);
        await_true(rig_dropped(rig, cases[i].dropped) == before + 1);
    }
    cr_assert_eq(channel->written_count, 0);
}

Test(inward, shares_its_socket_with_an_outward_lane)
{
    rig->direction = LEAT_BOTH;
    rig_start(rig);
    engine_peers(engine, 1);
    fake_publish(channel, 1);
    engine_await_sends(engine, 1);
    engine_complete_all(engine);
    arrive(4, 0, 8);
    fake_await_written(channel, 1);
    cr_assert_eq(rig->page->lane_count, 2);
    await_true(rig_lane(rig, 0)->forwarded == 1 && rig_lane(rig, 1)->forwarded == 1);
}
