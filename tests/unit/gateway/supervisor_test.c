#include "supervisor_rig.h"

#include <leat/plugin/pattern.h>

TestSuite(supervisor, .init = rig_open, .fini = rig_close, .timeout = 60);

#define start(...) rig_start((const char *const[]){__VA_ARGS__, NULL})

static int stop(void)
{
    rig_signal(SIGTERM);
    return rig_wait();
}

/* ---- starting ---- */

Test(supervisor, every_bridge_gets_a_worker_of_its_own)
{
    start("serve-a", "serve-b");
    wait_until(rig_runs("serve-a") && rig_runs("serve-b"));
    cr_assert_neq(rig_worker("serve-a"), rig_worker("serve-b"));
    wait_until(rig_said("gateway 'test' started: 2 bridges, 2 workers"));
    wait_until(rig_said("bridge serve-a: running"));
    cr_assert_eq(stop(), 0);
}

Test(supervisor, bridges_that_name_a_worker_share_it)
{
    start("a/serve-both", "b/serve-both");
    wait_until(rig_runs("a") && rig_runs("b"));
    cr_assert_eq(rig_worker("a"), rig_worker("b"));
    cr_assert_eq(stop(), 0);
}

Test(supervisor, the_page_says_what_a_bridge_is)
{
    static struct config_url listen[] = {{"tcp://127.0.0.1:1", "tcp", "127.0.0.1:1"},
                                         {"ipc:///tmp/x", "ipc", "/tmp/x"}};
    static struct config_url dial[] = {{"ws://peer:2/q?token=7", "ws", "peer:2/q?token=7"}};
    rig_bridges[0].listen = (struct config_urls){listen, 2};
    rig_bridges[0].dial = (struct config_urls){dial, 1};
    start("serve");
    wait_until(rig_runs("serve"));
    cr_assert_str_eq(rig_bridge("serve")->pattern, "pubsub");
    cr_assert_str_eq(rig_bridge("serve")->worker, "serve");
    cr_assert_str_eq(rig_bridge("serve")->urls, "tcp://127.0.0.1:1, ipc:///tmp/x, ws://peer:2/q");
    cr_assert_eq(stop(), 0);
}

Test(supervisor, the_second_of_two_gateways_ends_with_status_69)
{
    struct page_map map;
    const char *const names[] = {"serve"};
    cr_assert_eq(page_create(&map, NULL, "test", names, 1), 0);
    start("serve");
    cr_assert_eq(rig_wait(), 69);
    cr_assert(rig_said("a gateway named 'test' runs already"));
    page_close(&map);
}

/* ---- workers that end ---- */

Test(supervisor, a_killed_workers_bridge_is_back_within_a_second_and_the_others_notice_nothing)
{
    start("serve-a", "serve-b");
    wait_until(rig_runs("serve-a") && rig_runs("serve-b"));
    pid_t other = rig_worker("serve-b");
    for (int i = 0; i < 10; i++) {
        int64_t killed_ns = clock_monotonic_ns();
        rig_kill_worker("serve-a");
        wait_until(rig_runs("serve-a"));
        cr_assert_lt(clock_monotonic_ns() - killed_ns, NS_PER_S, "kill %d", i);
    }
    cr_assert_eq(rig_worker("serve-b"), other);
    cr_assert_eq(atomic_load(&rig_bridge("serve-a")->restarts), 10);
    cr_assert(rig_said("worker of bridge 'serve-a' was killed by SIGKILL; starting it again in "));
    wait_until(rig_said("bridge serve-a: running again, "));
    cr_assert_eq(stop(), 0);
}

Test(supervisor, a_dead_workers_books_are_settled_and_go_on)
{
    start("unfinished");
    wait_until(rig_runs("unfinished"));
    struct page_lane *lane = &rig_bridge("unfinished")->lanes[0];
    wait_until(atomic_load(&lane->in_flight) == 3);
    rig_kill_worker("unfinished");
    cr_assert_eq(atomic_load(&lane->returned), 3);
    wait_until(rig_said("3 messages go back to the channel"));
    rig_signal(SIGTERM);
    cr_assert_eq(rig_wait() & ~75, 0);
}

Test(supervisor, what_a_dead_worker_held_of_a_channel_without_a_position_is_lost_and_said_to_be)
{
    start("unfinished-forgets");
    wait_until(rig_runs("unfinished-forgets"));
    struct page_lane *lane = &rig_bridge("unfinished-forgets")->lanes[0];
    wait_until(atomic_load(&lane->in_flight) == 3);
    rig_kill_worker("unfinished-forgets");
    cr_assert_eq(atomic_load(&lane->returned), 0);
    cr_assert_eq(atomic_load(&lane->dropped[LEAT_DROP_ERROR]), 3);
    wait_until(rig_said("3 from the channel are lost"));
    rig_signal(SIGTERM);
    cr_assert_eq(rig_wait() & ~75, 0);
}

Test(supervisor, a_worker_that_crashes_at_once_is_tried_ever_more_rarely)
{
    start("crash");
    struct page_bridge *bridge = rig_bridge("crash");
    wait_until(atomic_load(&bridge->restarts) >= 4);
    int64_t before_ns = clock_monotonic_ns();
    uint64_t restarts = atomic_load(&bridge->restarts);
    wait_until(atomic_load(&bridge->restarts) >= restarts + 1);
    cr_assert_gt(clock_monotonic_ns() - before_ns, 500 * NS_PER_MS);
    cr_assert(rig_said("worker of bridge 'crash' was killed by SIGABRT"));
    cr_assert_eq(stop(), 0);
}

Test(supervisor, a_refused_configuration_fails_the_bridge_with_the_workers_reason)
{
    start("refuse", "serve");
    struct page_bridge *bridge = rig_bridge("refuse");
    wait_until(atomic_load(&bridge->state) == PAGE_FAILED && atomic_load(&bridge->restarts) == 1);
    wait_until(strcmp(bridge->reason, "port 5555 is in use; trying again in 1 s") == 0);
    int64_t failed_ns = clock_monotonic_ns();
    wait_until(rig_said("bridge refuse: failed: port 5555 is in use; trying again in 1 s"));
    wait_until(atomic_load(&bridge->restarts) == 2);
    cr_assert_gt(clock_monotonic_ns() - failed_ns, 700 * NS_PER_MS);
    cr_assert(rig_runs("serve"));
    cr_assert_eq(stop(), 0);
}

Test(supervisor, a_worker_that_says_that_it_is_stuck_is_started_again)
{
    start("stuck");
    wait_until(atomic_load(&rig_bridge("stuck")->restarts) >= 2);
    cr_assert(rig_said("worker of bridge 'stuck' ended itself because it was stuck"));
    cr_assert_eq(stop(), 0);
}

Test(supervisor, a_silent_lane_costs_its_worker_its_life)
{
    start("silent");
    pid_t worker;
    wait_until((worker = rig_worker("silent")) != 0);
    wait_until(atomic_load(&rig_bridge("silent")->restarts) >= 1);
    cr_assert_neq(rig_worker("silent"), worker);
    cr_assert(rig_said("its lane shm://test gave no sign of life for "));
    rig_signal(SIGTERM);
    rig_signal(SIGTERM);
    rig_wait();
}

Test(supervisor, a_pause_of_the_whole_machine_is_not_taken_for_silence)
{
    start("serve");
    wait_until(rig_runs("serve"));
    pid_t worker = rig_worker("serve");
    for (int i = 0; i < 3; i++) {
        kill(worker, SIGSTOP);
        rig_signal(SIGSTOP);
        nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 500 * NS_PER_MS}, NULL);
        rig_signal(SIGCONT); /* first: it finds heartbeats that are old */
        nanosleep(&(struct timespec){.tv_nsec = 200 * NS_PER_MS}, NULL);
        kill(worker, SIGCONT);
    }
    nanosleep(&(struct timespec){.tv_nsec = 500 * NS_PER_MS}, NULL);
    cr_assert_eq(rig_worker("serve"), worker);
    cr_assert_eq(stop(), 0);
}

/* ---- stopping ---- */

Test(supervisor, sigterm_drains_and_leaves_no_process)
{
    start("serve-a", "serve-b");
    wait_until(rig_runs("serve-a") && rig_runs("serve-b"));
    pid_t worker = rig_worker("serve-a");
    cr_assert_eq(stop(), 0);
    cr_assert_not(rig_process_lives(worker));
    cr_assert_eq(atomic_load(&rig_page()->state), PAGE_STOPPED);
    cr_assert_eq(atomic_load(&rig_bridge("serve-a")->state), PAGE_STOPPED);
    cr_assert(rig_said("stopped; everything was finished"));
}

Test(supervisor, sigint_stops_as_sigterm_does)
{
    start("serve");
    wait_until(rig_runs("serve"));
    rig_signal(SIGINT);
    cr_assert_eq(rig_wait(), 0);
    cr_assert(rig_said("stopping on SIGINT"));
}

Test(supervisor, what_is_left_is_said_in_numbers_and_in_the_exit_status)
{
    start("unfinished");
    wait_until(atomic_load(&rig_bridge("unfinished")->lanes[0].in_flight) == 3);
    cr_assert_eq(stop(), 75);
    cr_assert(rig_said("shm://test: read 10 = forwarded 7 + dropped 0 + returned 3"));
}

Test(supervisor, a_worker_that_does_not_end_is_killed_after_the_drain_time)
{
    start("stubborn");
    wait_until(rig_runs("stubborn"));
    pid_t worker = rig_worker("stubborn");
    int64_t asked_ns = clock_monotonic_ns();
    cr_assert_eq(stop(), 75);
    cr_assert_geq(clock_monotonic_ns() - asked_ns, 500 * NS_PER_MS);
    cr_assert_lt(clock_monotonic_ns() - asked_ns, 5 * NS_PER_S);
    cr_assert_not(rig_process_lives(worker));
    cr_assert(rig_said("it did not finish in time"));
}

Test(supervisor, a_second_signal_stops_at_once)
{
    rig_config.gateway.drain_ns = 600 * NS_PER_S;
    start("stubborn");
    wait_until(rig_runs("stubborn"));
    rig_signal(SIGTERM);
    wait_until(rig_said("stopping on SIGTERM"));
    rig_signal(SIGTERM);
    cr_assert_eq(rig_wait(), 75);
}

Test(supervisor, a_bridge_that_waits_for_its_restart_does_not_delay_the_stop)
{
    rig_config.gateway.backoff_max_ns = 600 * NS_PER_S;
    start("refuse");
    wait_until(atomic_load(&rig_bridge("refuse")->restarts) == 1);
    cr_assert_eq(stop(), 0);
}

Test(supervisor, sighup_without_a_file_to_read_changes_nothing)
{
    start("serve");
    wait_until(rig_runs("serve"));
    pid_t worker = rig_worker("serve");
    rig_signal(SIGHUP);
    wait_until(rig_said("was started without a configuration file"));
    cr_assert_eq(rig_worker("serve"), worker);
    cr_assert_eq(stop(), 0);
}

Test(supervisor, workers_end_when_the_supervisor_is_killed)
{
    start("serve-a", "serve-b");
    wait_until(rig_runs("serve-a") && rig_runs("serve-b"));
    pid_t workers[] = {rig_worker("serve-a"), rig_worker("serve-b")};
    rig_signal(SIGKILL);
    cr_assert_eq(rig_wait(), -SIGKILL);
    cr_assert_not(page_is_live(NULL, "test"));
    wait_until(!rig_process_lives(workers[0]) && !rig_process_lives(workers[1]));
}
