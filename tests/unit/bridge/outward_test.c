#include "rig.h"
#include "wait.h"

#include <criterion/criterion.h>
#include <leat/channel.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

static struct rig *rig;
static struct fake_channel *channel;
static struct fake_engine *engine;

static void set_up(void)
{
    rig = rig_new();
    channel = &rig->channels[0];
    engine = &rig->engine;
}

static void tear_down(void)
{
    for (size_t i = 0; i < PAGE_LANES; i++)
        if (rig->bridge && bridge_has_left(rig->bridge))
            cr_expect(rig_balances(rig_lane(rig, i)));
    rig_free(rig);
}

static void start_with_peer(void)
{
    rig_start(rig);
    engine_peers(engine, 1);
}

TestSuite(outward, .init = set_up, .fini = tear_down);

Test(outward, carries_every_message_in_order)
{
    start_with_peer();
    engine->synchronous = true;
    fake_publish(channel, 1000);
    fake_await_acknowledged(channel, 1000);
    rig_stop(rig, SECOND);
    cr_assert_eq(engine->delivered_count, 1000);
    for (uint64_t i = 0; i < 1000; i++)
        cr_assert_eq(engine->delivered[i], fake_message_len(i) ? i : UINT64_MAX);
    cr_assert_eq(rig_lane(rig, 0)->forwarded, 1000);
    cr_assert_eq(rig_lane(rig, 0)->last_sequence, 999);
    cr_assert_eq(rig_lane(rig, 0)->forwarded_bytes, engine->delivered_bytes);
}

Test(outward, puts_the_prefix_of_the_pattern_before_the_message)
{
    rig->prefix = "EURUSD ";
    start_with_peer();
    fake_publish(channel, 1);
    engine_await_sends(engine, 1);
    engine_complete(engine, 0, 0);
    cr_assert_eq(memcmp(engine->last, "EURUSD ", 7), 0);
    cr_assert_eq(engine->delivered_bytes, 7 + fake_message_len(0));
}

Test(outward, moves_the_readers_position_in_the_completion_while_the_lane_sleeps)
{
    start_with_peer();
    fake_publish(channel, 3);
    engine_await_sends(engine, 3);
    engine_complete(engine, 2, 0);
    cr_assert_eq(channel->acknowledged, 0);
    engine_complete(engine, 0, 0);
    cr_assert_eq(channel->acknowledged, 1); /* at once: engine_complete runs the completion itself */
    engine_complete(engine, 0, 0);
    cr_assert_eq(channel->acknowledged, 3);
}

Test(outward, reads_no_further_than_its_window)
{
    start_with_peer();
    fake_publish(channel, 100);
    engine_await_sends(engine, 64);
    await_true(rig_lane(rig, 0)->in_flight == 64);
    cr_assert_eq(channel->next, 64);
    for (int i = 0; i < 64; i++)
        engine_complete(engine, 0, 0);
    engine_await_sends(engine, 36);
    engine_complete_all(engine);
    fake_await_acknowledged(channel, 100);
}

Test(outward, waits_for_a_channel_that_does_not_exist_yet)
{
    channel->absent = true;
    start_with_peer();
    rig_await_state(rig, PAGE_WAITING);
    cr_assert_str_eq(rig->page->reason,
                     "channel 'a' (fake): it does not exist yet; looking for it until it can be opened");
    uint64_t beat = rig_lane(rig, 0)->heartbeat_ns;
    await_true(rig_lane(rig, 0)->heartbeat_ns > beat);
    fake_set_absent(channel, false);
    rig_await_state(rig, PAGE_RUNNING);
    cr_assert_str_eq(channel->reader_name, "leat.quotes");
}

Test(outward, reads_nothing_before_there_is_a_peer_where_the_pattern_waits_for_one)
{
    rig->waits_for_peer = LEAT_OUT;
    fake_publish(channel, 5);
    rig_start(rig);
    rig_await_state(rig, PAGE_CONNECTING);
    cr_assert_eq(rig_read(rig), 0);
    engine_peers(engine, 1);
    engine_await_sends(engine, 5);
    cr_assert_eq(rig->page->peers, 1);
    engine_complete_all(engine);
    fake_await_acknowledged(channel, 5);
}

Test(outward, drops_and_counts_what_nobody_would_get)
{
    rig_start(rig);
    fake_publish(channel, 5);
    fake_await_acknowledged(channel, 5);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_NO_PEER), 5);
    cr_assert_eq(engine_sends(engine), 0);
}

Test(outward, counts_what_the_pattern_filters)
{
    rig->filter = 5;
    start_with_peer();
    engine->synchronous = true;
    fake_publish(channel, 100);
    fake_await_acknowledged(channel, 100);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_FILTERED), 20);
    cr_assert_eq(engine->delivered_count, 80);
}

static int64_t in_ns(int64_t ns)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND + now.tv_nsec + ns;
}

Test(outward, lets_the_newest_message_of_each_key_go_when_it_is_due)
{
    rig->hold_keys = 2;
    rig->hold_until_ns = in_ns(SECOND / 2);
    start_with_peer();
    engine->synchronous = true;
    fake_publish(channel, 99);
    await_true(rig_dropped(rig, LEAT_DROP_FILTERED) == 97);
    cr_assert_eq(rig_lane(rig, 0)->in_flight, 2);
    cr_assert_eq(engine->delivered_count, 0);
    cr_assert_eq(channel->acknowledged, 97);
    fake_await_acknowledged(channel, 99);
    cr_assert_geq(in_ns(0), rig->hold_until_ns);
    cr_assert_eq(engine->delivered_count, 2);
    cr_assert_eq(rig_lane(rig, 0)->forwarded, 2);
}

Test(outward, lets_what_is_held_go_when_it_stops)
{
    rig->hold_keys = 100;
    rig->hold_until_ns = INT64_MAX;
    start_with_peer();
    engine->synchronous = true;
    fake_publish(channel, 100); /* more than the window has slots */
    await_true(rig_lane(rig, 0)->in_flight == 100);
    rig_stop(rig, SECOND);
    cr_assert_eq(rig_lane(rig, 0)->forwarded, 100);
    cr_assert_eq(channel->acknowledged, 100);
}

Test(outward, drops_what_is_due_while_nobody_is_there)
{
    rig->hold_keys = 1;
    rig_start(rig);
    fake_publish(channel, 1);
    fake_await_acknowledged(channel, 1);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_NO_PEER), 1);
}

Test(outward, returns_what_is_held_when_it_leaves_at_once)
{
    rig->hold_keys = 1;
    rig->hold_until_ns = INT64_MAX;
    start_with_peer();
    fake_publish(channel, 3);
    await_true(rig_dropped(rig, LEAT_DROP_FILTERED) == 2);
    rig_stop(rig, 0);
    cr_assert_eq(channel->acknowledged, 2);
    cr_assert_eq(rig_lane(rig, 0)->returned, 1);
}

Test(outward, sends_what_failed_again_before_anything_new)
{
    rig->waits_for_peer = LEAT_OUT;
    start_with_peer();
    fake_publish(channel, 3);
    engine_await_sends(engine, 3);
    engine_complete(engine, 1, -ECONNRESET);
    fake_publish(channel, 1);
    engine_complete(engine, 1, -ECONNRESET);
    engine_complete(engine, 0, 0);
    for (uint32_t i = 0; i < 3; i++) {
        engine_await_sends(engine, 1);
        cr_assert_eq(engine_sends(engine), 1);
        engine_complete(engine, 0, 0);
    }
    fake_await_acknowledged(channel, 4);
    for (uint64_t i = 0; i < 3; i++)
        cr_assert_eq(engine->delivered[i], i);
}

Test(outward, tries_a_send_again_that_was_refused_at_once)
{
    rig->waits_for_peer = LEAT_OUT;
    engine->refuse_sends = 3;
    start_with_peer();
    fake_publish(channel, 2);
    engine_await_sends(engine, 1);
    engine_complete(engine, 0, 0);
    engine_await_sends(engine, 1);
    engine_complete(engine, 0, 0);
    fake_await_acknowledged(channel, 2);
    cr_assert_eq(engine->delivered[0], 0);
    cr_assert_eq(engine->delivered[1], 1);
}

Test(outward, drops_what_can_never_be_sent)
{
    rig->waits_for_peer = LEAT_OUT;
    start_with_peer();
    fake_publish(channel, 2);
    engine_await_sends(engine, 2);
    engine_complete(engine, 0, -EMSGSIZE);
    engine_complete(engine, 0, -EINVAL);
    fake_await_acknowledged(channel, 2);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_OVERSIZE), 1);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_ERROR), 1);
}

Test(outward, counts_a_message_that_was_overwritten_under_it_once)
{
    channel->lap_chance = 300;
    engine->synchronous = true;
    start_with_peer();
    fake_publish(channel, 2000);
    fake_await_read(channel, 2000);
    rig_stop(rig, SECOND);
    cr_assert_gt(channel->laps, 0);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_LAPPED), channel->laps);
    cr_assert_eq(rig_read(rig), 2000 - channel->pending_lost);
    cr_assert_eq(engine->delivered_count, 2000 - channel->pending_lost - channel->laps);
}

Test(outward, comes_back_to_a_channel_that_was_removed)
{
    start_with_peer();
    fake_publish(channel, 2);
    engine_await_sends(engine, 2);
    fake_remove(channel);
    engine_complete_all(engine);
    await_true(channel->opened == 2);
    fake_publish(channel, 1);
    engine_await_sends(engine, 1);
    engine_complete_all(engine);
    fake_await_acknowledged(channel, 3);
}

Test(outward, keeps_a_removed_channels_reader_until_its_messages_are_through)
{
    start_with_peer();
    fake_publish(channel, 2);
    engine_await_sends(engine, 2);
    uint64_t beat = rig_lane(rig, 0)->heartbeat_ns;
    fake_remove(channel);
    await_true(rig_lane(rig, 0)->heartbeat_ns > beat + 100000000);
    cr_assert_eq(channel->closed, 0);
    engine_complete_all(engine);
    await_true(channel->closed == 1);
    cr_assert_eq(channel->acknowledged, 2);
}

Test(outward, finishes_what_is_in_flight_when_it_is_stopped)
{
    start_with_peer();
    fake_publish(channel, 10);
    engine_await_sends(engine, 10);
    bridge_stop(rig->bridge, wait_now() + 10 * SECOND);
    rig_await_state(rig, PAGE_STOPPING);
    engine_complete_all(engine);
    await_true(bridge_has_left(rig->bridge));
    cr_assert_eq(bridge_unfinished(rig->bridge), 0);
    cr_assert_eq(channel->closed, 1);
}

Test(outward, returns_what_is_unfinished_at_the_deadline)
{
    start_with_peer();
    fake_publish(channel, 10);
    engine_await_sends(engine, 10);
    engine_complete(engine, 3, 0);
    rig_stop(rig, SECOND / 20);
    cr_assert_eq(bridge_unfinished(rig->bridge), 9);
    cr_assert_eq(rig_lane(rig, 0)->returned, 9);
    cr_assert_eq(rig_lane(rig, 0)->in_flight, 0);
    cr_assert_eq(channel->acknowledged, 0);
    engine_complete_all(engine);
    cr_assert_eq(channel->acknowledged, 0); /* the successor has the cursor now */
}

Test(outward, drops_what_is_unfinished_where_the_channel_forgets)
{
    rig->volatile_reader = true;
    start_with_peer();
    fake_publish(channel, 10);
    engine_await_sends(engine, 10);
    rig_stop(rig, SECOND / 20);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_SHUTDOWN), 10);
}

Test(outward, drops_what_is_unfinished_where_this_reader_has_no_position)
{
    channel->forgets = true;
    start_with_peer();
    fake_publish(channel, 10);
    engine_await_sends(engine, 10);
    cr_assert_not(page_lane_resumes(rig_lane(rig, 0)));
    rig_stop(rig, SECOND / 20);
    cr_assert_eq(rig_dropped(rig, LEAT_DROP_SHUTDOWN), 10);
    cr_assert_eq(rig_lane(rig, 0)->returned, 0);
    cr_assert_eq(bridge_unfinished(rig->bridge), 10);
}

Test(outward, gives_several_channels_lanes_of_their_own_on_one_socket)
{
    rig->channel_count = 3;
    start_with_peer();
    for (size_t i = 0; i < 3; i++)
        fake_publish(&rig->channels[i], 500);
    for (bool more = true; more;) {
        engine_complete(engine, 0, 0);
        more = false;
        for (size_t i = 0; i < 3; i++)
            more |= __atomic_load_n(&rig->channels[i].acknowledged, __ATOMIC_SEQ_CST) < 500;
    }
    rig_stop(rig, SECOND);
    cr_assert_eq(rig->page->lane_count, 3);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(rig_lane(rig, i)->forwarded, 500);
    cr_assert_str_eq(rig_lane(rig, 1)->channel, "fake://b");
}

Test(outward, a_pattern_that_returns_nonsense_costs_its_messages_and_nothing_else)
{
    static const struct rig_whim whims[] = {
        {.reason = INT32_MIN},
        {.reason = -22},
        {.reason = LEAT_REASON_COUNT},
        {.reason = INT32_MAX},
        {.header_len = LEAT_HEADER_MAX + 1},
        {.prefix_len = UINT64_MAX},
    };
    rig->whim = &whims[0];
    start_with_peer();
    for (uint64_t i = 0; i < sizeof whims / sizeof *whims; i++) {
        __atomic_store_n(&rig->whim, &whims[i], __ATOMIC_SEQ_CST);
        fake_publish(channel, 1);
        fake_await_acknowledged(channel, i + 1);
        cr_assert_eq(rig_dropped(rig, LEAT_DROP_ERROR), i + 1, "whim %d", (int)i);
    }
    cr_assert_eq(engine_sends(engine), 0);
}

Test(outward, says_when_the_engine_has_closed_the_socket_by_itself)
{
    start_with_peer();
    fake_publish(channel, 1);
    engine_await_sends(engine, 1);
    cr_assert_not(bridge_is_broken(rig->bridge));
    engine_complete(engine, 0, -EBADF);
    cr_assert(bridge_is_broken(rig->bridge));
    cr_assert_eq(channel->acknowledged, 0);
}

/* The durable name of a bridge's reader. */
static void name_of(char *name, char *gateway, char *bridge)
{
    set_up();
    rig->gateway = gateway;
    rig->name = bridge;
    rig_start(rig);
    await_true(__atomic_load_n(&channel->opened, __ATOMIC_SEQ_CST) == 1);
    cr_assert_leq(strlen(channel->reader_name), LEAT_READER_NAME_MAX);
    strcpy(name, channel->reader_name);
    tear_down();
}

Test(bridge, no_two_bridges_share_a_durable_name_wherever_their_dots_stand)
{
    char one[128], other[128];
    name_of(one, "a", "b-c_d");
    cr_assert_str_eq(one, "a.b-c_d");
    name_of(one, "a", "b.c");
    name_of(other, "a.b", "c");
    cr_assert_str_neq(one, other);
    cr_assert_eq(strncmp(one, "a.b.c-", 6), 0);
}

Test(bridge, long_names_that_differ_at_their_end_have_durable_names_that_differ)
{
    char long_one[] = "a-bridge-whose-name-is-as-long-as-a-name-can-be-in-a-page-1st";
    char long_two[] = "a-bridge-whose-name-is-as-long-as-a-name-can-be-in-a-page-2nd";
    char one[128], other[128];
    name_of(one, "leat", long_one);
    name_of(other, "leat", long_two);
    cr_assert_str_neq(one, other);
    cr_assert_eq(strncmp(one, "leat.a-bridge-whose-name-", 25), 0);
}

Test(bridge, goes_on_with_the_endpoint_that_could_not_be_attached, .init = set_up, .fini = tear_down)
{
    rig_build(rig);
    engine->attach_error = -EADDRINUSE;
    cr_assert_eq(bridge_attach(rig->bridge, rig->explain, sizeof rig->explain), -EADDRINUSE);
    cr_assert_str_eq(rig->explain, "cannot listen at wire://here: the address is taken");
    engine->attach_error = 0;
    cr_assert_eq(bridge_attach(rig->bridge, rig->explain, sizeof rig->explain), 0);
}
