/* Taking over the page of a gateway that was killed, and what becomes of the workers that it left behind. */
#include "base/page.h"
#include "base/process.h"
#include "shm_folder.h"

#include <leat/plugin/pattern.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

TestSuite(page_takeover, .init = shm_folder_open, .fini = shm_folder_close);

static const char *const two[] = {"quotes", "orders"};

static uint64_t get(_Atomic uint64_t *counter)
{
    return atomic_load(counter);
}

/* A gateway that created its page, did `life` to it, and was killed. */
static void live_and_die(void (*life)(struct page_map *map))
{
    pid_t pid = fork();
    if (pid == 0) {
        struct page_map map;
        if (page_create(&map, NULL, "edge", two, 2) == 0)
            life(&map);
        raise(SIGKILL);
    }
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

static void count_and_die(struct page_map *map)
{
    struct page_lane *lane = &page_find(map, "quotes")->lanes[0];
    lane->outward = 1;
    atomic_store(&lane->durable, 1);
    atomic_store(&lane->read, 100);
    atomic_store(&lane->forwarded, 90);
    atomic_store(&lane->dropped[LEAT_DROP_FILTERED], 3);
    atomic_store(&lane->in_flight, 7);
    page_set_state(map, page_find(map, "quotes"), PAGE_RUNNING, "%s", "");
}

Test(page_takeover, the_counters_of_a_killed_gateway_go_on_with_settled_books)
{
    struct page_map map;
    live_and_die(count_and_die);
    static const char *const others[] = {"news", "quotes"};
    cr_assert_eq(page_create(&map, NULL, "edge", others, 2), 0);
    struct page_bridge *bridge = page_find(&map, "quotes");
    cr_assert_eq(get(&bridge->lanes[0].read), 100);
    cr_assert_eq(get(&bridge->lanes[0].returned), 7);
    cr_assert_eq(get(&bridge->lanes[0].in_flight), 0);
    cr_assert_eq(get(&page_find(&map, "news")->lanes[0].read), 0);
    cr_assert_null(page_find(&map, "orders"));
    cr_assert_eq(atomic_load(&bridge->state), PAGE_STOPPED);
    cr_assert_eq(map.page->events[0].number, 1);
    page_close(&map);
}

Test(page_takeover, a_gateway_that_is_called_as_another_plus_new_keeps_its_page_when_that_one_starts_again)
{
    struct page_map namesake, map;
    cr_assert_eq(page_create(&namesake, NULL, "edge.new", two, 2), 0);
    live_and_die(count_and_die);
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    cr_assert(page_is_live(NULL, "edge.new"));
    cr_assert(page_is_live(NULL, "edge"));
    cr_assert_eq(shm_folder_count(), 2);
    page_close(&map);
    page_close(&namesake);
}

static void count_in_two_lanes_and_die(struct page_map *map)
{
    struct page_lane *lanes = page_find(map, "quotes")->lanes;
    for (int i = 0; i < 2; i++) {
        strcpy(lanes[i].channel, i ? "shm://quotes" : "shm://gone");
        lanes[i].outward = 1;
        atomic_store(&lanes[i].read, i ? 7 : 5);
        atomic_store(&lanes[i].forwarded, i ? 7 : 5);
    }
}

Test(page_takeover, books_go_on_only_for_the_same_channel_in_the_same_direction)
{
    struct page_map map;
    live_and_die(count_in_two_lanes_and_die);
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    struct page_bridge *bridge = page_find(&map, "quotes");
    page_set_lanes(bridge, (const struct page_lane_title[]){{"shm://quotes", true}, {"shm://quotes", false}}, 2);
    cr_assert_eq(get(&bridge->lanes[0].read), 7);
    cr_assert_eq(get(&bridge->lanes[1].read), 0);
    cr_assert_str_eq(bridge->lanes[1].channel, "shm://quotes");
    cr_assert_eq(bridge->lanes[1].outward, 0);
    page_close(&map);
}

static void stop_cleanly(struct page_map *map)
{
    count_and_die(map);
    atomic_store(&map->page->state, PAGE_STOPPED);
}

Test(page_takeover, after_a_clean_stop_the_books_are_readable_and_the_next_ones_start_at_zero)
{
    struct page_map map;
    live_and_die(stop_cleanly);
    cr_assert_eq(page_open(&map, NULL, "edge"), 0);
    cr_assert_eq(get(&page_find(&map, "quotes")->lanes[0].read), 100);
    page_close(&map);
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    cr_assert_eq(get(&page_find(&map, "quotes")->lanes[0].read), 0);
    page_close(&map);
}

/* A worker that its gateway's death does not move, only this test's. */
static pid_t orphan;

static void start_orphan(void)
{
    orphan = fork();
    if (orphan == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
}

static void leave_an_orphan(struct page_map *map)
{
    struct page_bridge *bridge = page_find(map, "quotes");
    atomic_store(&bridge->worker_start, process_start_time(orphan));
    atomic_store(&bridge->worker_pid, (uint32_t)orphan);
}

Test(page_takeover, a_worker_that_outlives_its_gateway_is_ended_before_the_next_one_starts, .timeout = 30)
{
    struct page_map map;
    start_orphan();
    live_and_die(leave_an_orphan);
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    int status;
    cr_assert_eq(waitpid(orphan, &status, WNOHANG), orphan);
    cr_assert_eq(WTERMSIG(status), SIGKILL);
    cr_assert_eq(atomic_load(&page_find(&map, "quotes")->worker_pid), 0);
    page_close(&map);
}

static void name_a_stranger(struct page_map *map)
{
    struct page_bridge *bridge = page_find(map, "quotes");
    atomic_store(&bridge->worker_start, process_start_time(orphan) + 1);
    atomic_store(&bridge->worker_pid, (uint32_t)orphan);
}

Test(page_takeover, a_process_that_only_has_the_number_of_a_worker_is_left_alone)
{
    struct page_map map;
    start_orphan();
    live_and_die(name_a_stranger);
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    cr_assert_eq(kill(orphan, 0), 0);
    cr_assert_eq(waitpid(orphan, NULL, WNOHANG), 0);
    kill(orphan, SIGKILL);
    page_close(&map);
}

static void die_in_the_middle_of_a_fork(struct page_map *map)
{
    (void)map;
    pid_t child = fork();
    if (child == 0) { /* has all that its parent had, the lock too, and cannot tell yet that it is alone */
        nanosleep(&(struct timespec){.tv_nsec = 200 * NS_PER_MS}, NULL);
        _exit(0);
    }
}

Test(page_takeover, a_child_that_a_killed_gateway_was_about_to_exec_is_not_taken_for_the_gateway)
{
    struct page_map map;
    live_and_die(die_in_the_middle_of_a_fork);
    cr_assert_eq(page_retire(NULL, "edge"), 0);
    live_and_die(die_in_the_middle_of_a_fork);
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    page_close(&map);
}

Test(page_takeover, the_orphans_of_a_dead_gateway_can_be_ended_before_the_next_one_is_checked, .timeout = 30)
{
    start_orphan();
    live_and_die(leave_an_orphan);
    cr_assert_eq(page_retire(NULL, "edge"), 0);
    cr_assert_eq(waitpid(orphan, NULL, WNOHANG), orphan);
    cr_assert_eq(page_retire(NULL, "nobody"), -ENOENT);
}

Test(page_takeover, the_workers_of_a_live_gateway_are_nobody_elses_business)
{
    struct page_map map;
    start_orphan();
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    leave_an_orphan(&map);
    cr_assert_eq(page_retire(NULL, "edge"), -EBUSY);
    cr_assert_eq(waitpid(orphan, NULL, WNOHANG), 0);
    kill(orphan, SIGKILL);
    page_close(&map);
}
