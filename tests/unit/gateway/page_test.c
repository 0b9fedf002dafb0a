#include "base/page.h"
#include "base/page_peers.h"
#include "shm_folder.h"

#include <leat/plugin/pattern.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

TestSuite(page, .init = shm_folder_open, .fini = shm_folder_close);

static const char *const two[] = {"quotes", "orders"};

static const char *page_file(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/leat-gateway.%s", shm_folder, name);
    return path;
}

static uint64_t get(_Atomic uint64_t *counter)
{
    return atomic_load(counter);
}

/* ---- creating ---- */

Test(page, a_new_page_names_its_bridges_and_counts_from_zero)
{
    struct page_map map;
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    cr_assert_str_eq(map.page->name, "edge");
    cr_assert_eq(page_bridge_count(&map), 2);
    cr_assert_eq(page_find(&map, "orders"), &map.page->bridges[1]);
    cr_assert_null(page_find(&map, "order"));
    cr_assert_eq(get(&page_find(&map, "quotes")->lanes[0].read), 0);
    page_close(&map);
}

Test(page, the_mode_does_not_depend_on_the_umask)
{
    struct page_map map;
    struct stat st;
    umask(0777);
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    cr_assert_eq(stat(page_file("edge"), &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0640);
    page_close(&map);
}

Test(page, a_second_gateway_of_that_name_is_refused_while_the_first_lives)
{
    struct page_map first, second;
    cr_assert_eq(page_create(&first, NULL, "edge", two, 2), 0);
    cr_assert_eq(page_create(&second, NULL, "edge", two, 2), -EBUSY);
    cr_assert(page_is_live(NULL, "edge"));
    page_close(&first);
    cr_assert_not(page_is_live(NULL, "edge"));
    cr_assert_eq(page_create(&second, NULL, "edge", two, 2), 0);
    page_close(&second);
}

Test(page, gateways_of_different_names_live_side_by_side)
{
    struct page_map first, second;
    cr_assert_eq(page_create(&first, NULL, "edge", two, 2), 0);
    cr_assert_eq(page_create(&second, NULL, "core", two, 1), 0);
    page_close(&first);
    page_close(&second);
}

Test(page, a_workers_descriptor_does_not_keep_a_dead_gateway_alive)
{
    struct page_map map, worker;
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    int fd = page_reopen(&map);
    cr_assert_geq(fd, 0);
    cr_assert_eq(page_attach(&worker, fd), 0);
    page_close(&map);
    cr_assert_not(page_is_live(NULL, "edge"));
    page_close(&worker);
}

Test(page, of_many_that_start_at_once_one_wins)
{
    enum { RIVALS = 8 };
    pid_t rivals[RIVALS];
    int gate[2], won = 0;
    cr_assert_eq(pipe(gate), 0);
    for (int i = 0; i < RIVALS; i++) {
        rivals[i] = fork();
        if (rivals[i] == 0) {
            struct page_map map;
            char go;
            close(gate[1]);
            (void)!read(gate[0], &go, 1);
            int error = page_create(&map, NULL, "edge", two, 2);
            if (error == 0)
                pause();
            _exit(error == -EBUSY ? 7 : 1);
        }
    }
    close(gate[1]);
    for (int left = RIVALS; left > 1; left--) {
        int status;
        cr_assert_gt(wait(&status), 0);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
    for (int i = 0; i < RIVALS; i++)
        won += kill(rivals[i], SIGKILL) == 0;
    cr_assert_geq(won, 1);
    cr_assert_eq(shm_folder_count(), 1);
}

Test(page, names_that_would_leave_the_folder_or_not_fit_are_refused)
{
    struct page_map map;
    char long_name[PAGE_NAME_BYTES + 1];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[PAGE_NAME_BYTES] = '\0';
    const char *const bridges[] = {long_name};
    cr_assert_eq(page_create(&map, NULL, "../edge", two, 2), -EINVAL);
    cr_assert_eq(page_create(&map, NULL, "", two, 2), -EINVAL);
    cr_assert_eq(page_create(&map, NULL, long_name, two, 2), -ENAMETOOLONG);
    cr_assert_eq(page_create(&map, NULL, "edge", bridges, 1), -ENAMETOOLONG);
    cr_assert_eq(shm_folder_count(), 0);
}

Test(page, a_symbolic_link_is_not_followed)
{
    struct page_map map;
    cr_assert_eq(symlink("/dev/null", page_file("edge")), 0);
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), -ELOOP);
    cr_assert_eq(page_open(&map, NULL, "edge"), -ELOOP);
}

Test(page, another_users_file_is_never_taken_over, .disabled = false)
{
    struct page_map map;
    int fd = open(page_file("edge"), O_CREAT | O_RDWR, 0666);
    if (geteuid() != 0 || fchown(fd, 12345, 12345) != 0)
        cr_skip_test("needs root");
    close(fd);
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), -EPERM);
}

/* ---- books ---- */

Test(page, settling_returns_what_an_outward_lane_with_a_stored_position_held)
{
    struct page_lane lane = {.outward = 1, .durable = 1};
    atomic_store(&lane.read, 10);
    atomic_store(&lane.forwarded, 6);
    atomic_store(&lane.dropped[LEAT_DROP_LAPPED], 1);
    atomic_store(&lane.in_flight, 2);
    cr_assert_eq(page_lane_settle(&lane), 3);
    cr_assert_eq(get(&lane.returned), 3);
    cr_assert_eq(get(&lane.in_flight), 0);
    cr_assert_eq(page_lane_settle(&lane), 0);
}

Test(page, settling_books_what_an_outward_lane_without_a_stored_position_held_as_lost)
{
    struct page_lane lane = {.outward = 1};
    atomic_store(&lane.read, 10);
    atomic_store(&lane.forwarded, 6);
    cr_assert_eq(page_lane_settle(&lane), 4);
    cr_assert_eq(get(&lane.dropped[LEAT_DROP_ERROR]), 4);
    cr_assert_eq(get(&lane.returned), 0);
}

Test(page, settling_books_what_an_inward_lane_held_as_lost)
{
    struct page_lane lane = {.outward = 0};
    atomic_store(&lane.read, 10);
    atomic_store(&lane.forwarded, 9);
    cr_assert_eq(page_lane_settle(&lane), 1);
    cr_assert_eq(get(&lane.dropped[LEAT_DROP_ERROR]), 1);
    cr_assert_eq(get(&lane.returned), 0);
}

Test(page, what_was_forwarded_has_been_read)
{
    struct page_lane lane = {.outward = 1};
    atomic_store(&lane.read, 10);
    atomic_store(&lane.forwarded, 11);
    cr_assert_eq(page_lane_settle(&lane), 0);
    cr_assert_eq(get(&lane.read), 11);
}

/* ---- states and events ---- */

Test(page, a_state_is_an_event_only_when_it_changes)
{
    struct page_map map;
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    struct page_bridge *bridge = page_find(&map, "quotes");
    page_set_state(&map, bridge, PAGE_WAITING, "channel %s is not there", "quotes");
    page_set_state(&map, bridge, PAGE_WAITING, "channel %s is not there", "quotes");
    page_set_state(&map, bridge, PAGE_WAITING, "no permission");
    page_set_state(&map, bridge, PAGE_RUNNING, "%s", "");
    cr_assert_eq(get(&map.page->events_written), 3);
    cr_assert_str_eq(map.page->events[0].text, "waiting: channel quotes is not there");
    cr_assert_str_eq(map.page->events[1].text, "waiting: no permission");
    cr_assert_str_eq(map.page->events[2].text, "running");
    cr_assert_str_eq(map.page->events[2].bridge, "quotes");
    cr_assert_str_empty(bridge->reason);
    page_close(&map);
}

Test(page, the_newest_events_push_out_the_oldest)
{
    struct page_map map;
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    for (int i = 1; i <= PAGE_EVENTS + 5; i++)
        page_note(&map, NULL, "event %d", i);
    cr_assert_eq(get(&map.page->events[4].number), PAGE_EVENTS + 5);
    cr_assert_str_eq(map.page->events[4].text, "event 133");
    cr_assert_str_eq(map.page->events[5].text, "event 6");
    page_close(&map);
}

static void *note_much(void *map)
{
    for (int i = 0; i < 1000; i++)
        page_note(map, "quotes", "thread");
    return NULL;
}

Test(page, events_of_many_threads_all_get_a_number)
{
    struct page_map map;
    pthread_t threads[4];
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, note_much, &map), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(get(&map.page->events_written), 4000);
    for (uint64_t i = 0; i < PAGE_EVENTS; i++)
        cr_assert_gt(get(&map.page->events[i].number), 0);
    page_close(&map);
}

Test(page, states_and_reasons_have_names)
{
    cr_assert_str_eq(page_state_name(PAGE_DEGRADED), "degraded");
    cr_assert_str_eq(page_state_name(4711), "unknown");
    for (uint32_t reason = 0; reason < LEAT_REASON_COUNT; reason++)
        cr_assert_not_null(page_reason_name(reason));
    cr_assert_str_eq(page_reason_name(LEAT_DROP_SLOW_PEER), "slow_peer");
    cr_assert_str_eq(page_reason_name(LEAT_REASON_COUNT), "unknown");
}

/* ---- hostile pages ---- */

static void spoil(off_t at, const void *bytes, size_t len)
{
    int fd = open(page_file("edge"), O_RDWR);
    cr_assert_eq(pwrite(fd, bytes, len, at), (ssize_t)len);
    close(fd);
}

static void make_stopped_page(void)
{
    struct page_map map;
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    page_close(&map);
}

Test(page, what_is_not_a_page_is_refused)
{
    struct page_map map;
    make_stopped_page();
    spoil(offsetof(struct page, magic), "garbage!", 8);
    cr_assert_eq(page_open(&map, NULL, "edge"), -EBADMSG);
    cr_assert_eq(page_copy(&map, NULL, "edge"), -EBADMSG);
}

Test(page, a_page_of_another_version_is_refused_by_that_name)
{
    struct page_map map;
    uint32_t version = PAGE_VERSION + 1;
    make_stopped_page();
    spoil(offsetof(struct page, version), &version, sizeof version);
    cr_assert_eq(page_open(&map, NULL, "edge"), -EPROTO);
}

Test(page, a_header_that_promises_more_than_the_file_holds_is_refused)
{
    struct page_map map;
    make_stopped_page();
    uint32_t capacity = 3;
    spoil(offsetof(struct page, bridge_capacity), &capacity, sizeof capacity);
    cr_assert_eq(page_open(&map, NULL, "edge"), -EBADMSG);
}

Test(page, a_page_of_another_layout_is_refused)
{
    struct page_map map;
    make_stopped_page();
    uint32_t bytes = sizeof(struct page_bridge) - 128;
    spoil(offsetof(struct page, bridge_bytes), &bytes, sizeof bytes);
    cr_assert_eq(page_open(&map, NULL, "edge"), -EBADMSG);
}

Test(page, an_empty_or_cut_file_is_refused)
{
    struct page_map map;
    make_stopped_page();
    cr_assert_eq(truncate(page_file("edge"), (off_t)sizeof(struct page) + 100), 0);
    cr_assert_eq(page_copy(&map, NULL, "edge"), -EBADMSG);
    cr_assert_eq(truncate(page_file("edge"), 0), 0);
    cr_assert_eq(page_copy(&map, NULL, "edge"), -EBADMSG);
}

Test(page, a_page_that_nobody_understands_is_replaced_by_its_owner)
{
    struct page_map map;
    make_stopped_page();
    spoil(0, "garbage!", 8);
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    cr_assert_eq(page_bridge_count(&map), 2);
    cr_assert_eq(shm_folder_count(), 1);
    page_close(&map);
}

Test(page, counts_and_texts_of_a_copy_are_in_bounds_whatever_the_page_says)
{
    struct page_map map, copy;
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    atomic_store(&map.page->bridge_count, 4000000000u);
    for (size_t i = 0; i < 2; i++) {
        memset(map.page->bridges[i].name, '\033', sizeof map.page->bridges[i].name);
        memset(map.page->bridges[i].reason, 0xff, sizeof map.page->bridges[i].reason);
        memset(map.page->bridges[i].lanes[3].channel, 'c', PAGE_NAME_BYTES);
        atomic_store(&map.page->bridges[i].lane_count, 4000000000u);
    }
    cr_assert_eq(page_copy(&copy, NULL, "edge"), 0);
    cr_assert_eq(page_bridge_count(&copy), 2);
    cr_assert_eq(strlen(copy.page->bridges[1].name), PAGE_NAME_BYTES - 1);
    cr_assert_eq(copy.page->bridges[1].name[0], ' ');
    cr_assert_eq(copy.page->bridges[1].reason[0], '?');
    cr_assert_eq(strlen(copy.page->bridges[1].lanes[3].channel), PAGE_NAME_BYTES - 1);
    cr_assert_eq(atomic_load(&copy.page->bridges[1].lane_count), PAGE_LANES);
    page_close(&copy);
    page_close(&map);
}

Test(page, texts_of_peers_in_a_copy_are_in_bounds_whatever_the_page_says)
{
    struct page_map map, copy;
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    struct page_peer *peer = &map.page->bridges[1].peers_shown[PAGE_PEERS - 1];
    memset(peer, '\033', sizeof *peer);
    atomic_store(&peer->changes, 2);
    cr_assert_eq(page_copy(&copy, NULL, "edge"), 0);
    peer = &copy.page->bridges[1].peers_shown[PAGE_PEERS - 1];
    cr_assert_eq(strlen(peer->address), sizeof peer->address - 1);
    cr_assert_eq(peer->name[0], ' ');
    page_close(&copy);

    atomic_store(&map.page->bridges[1].peers_shown[PAGE_PEERS - 1].changes, 3); /* its writer died over it */
    cr_assert_eq(page_copy(&copy, NULL, "edge"), 0);
    cr_assert_eq(copy.page->bridges[1].peers_shown[PAGE_PEERS - 1].id, 0);
    page_close(&copy);
    page_close(&map);
}

/* ---- peers ---- */

static void show_peer(struct page_bridge *bridge, uint32_t id)
{
    struct page_peer *peer = page_peer_place(bridge);
    page_peer_begin(peer);
    peer->id = id;
    peer->until_ns = 0;
    snprintf(peer->address, sizeof peer->address, "peer-%u", id);
    page_peer_end(peer);
}

Test(page, a_peer_that_left_keeps_its_place_until_another_one_needs_it)
{
    struct page_map map;
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    struct page_bridge *bridge = page_find(&map, "quotes");
    for (uint32_t id = 1; id <= PAGE_PEERS; id++)
        show_peer(bridge, id);
    cr_assert_null(page_peer_place(bridge));
    struct page_peer *left = page_peer_find(bridge, 7);
    page_peer_leave(left);
    cr_assert_null(page_peer_find(bridge, 7));
    cr_assert_eq(left->id, 7);
    show_peer(bridge, 100);
    cr_assert_eq(page_peer_find(bridge, 100), left);
    page_close(&map);
}

Test(page, when_a_worker_is_gone_its_peers_are_too)
{
    struct page_map map;
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    struct page_bridge *bridge = page_find(&map, "quotes");
    show_peer(bridge, 1);
    atomic_store(&bridge->peers, 1);
    page_peers_leave(bridge);
    cr_assert_gt(bridge->peers_shown[0].until_ns, 0);
    cr_assert_eq(atomic_load(&bridge->peers), 0);
    page_close(&map);
}

struct turning {
    struct page_bridge *bridge;
    atomic_bool over;
};

/* One place, and two peers that have it in turn. */
static void *take_turns(void *of)
{
    struct turning *turning = of;
    struct page_peer *peer = &turning->bridge->peers_shown[0];
    for (uint32_t turn = 0; !atomic_load(&turning->over); turn++) {
        page_peer_begin(peer);
        peer->id = 1 + turn % 2;
        memset(peer->address, 'a' + (int)(turn % 2), sizeof peer->address - 1);
        page_peer_end(peer);
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
    return NULL;
}

Test(page, a_peer_in_a_copy_is_one_and_not_two)
{
    struct page_map map, copy;
    pthread_t thread;
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    struct turning turning = {.bridge = page_find(&map, "quotes")};
    cr_assert_eq(pthread_create(&thread, NULL, take_turns, &turning), 0);
    for (int i = 0; i < 2000; i++) {
        cr_assert_eq(page_copy(&copy, NULL, "edge"), 0);
        const struct page_peer *peer = &page_find(&copy, "quotes")->peers_shown[0];
        char expected = peer->id == 0 ? '\0' : peer->id == 1 ? 'a' : 'b';
        cr_assert_eq(peer->address[0], expected);
        cr_assert_eq(peer->address[sizeof peer->address - 2], expected);
        page_close(&copy);
    }
    atomic_store(&turning.over, true);
    pthread_join(thread, NULL);
    page_close(&map);
}

/* ---- latency ---- */

Test(page, latency_steps_have_no_gaps)
{
    cr_assert_eq(page_latency_step(0), 0);
    cr_assert_eq(page_latency_step(UINT64_MAX), PAGE_LATENCY_STEPS - 1);
    for (size_t step = 1; step < PAGE_LATENCY_STEPS; step++) {
        cr_assert_eq(page_latency_step(page_latency_bound_ns(step)), step);
        cr_assert_eq(page_latency_step(page_latency_bound_ns(step) - 1), step - 1);
    }
}

Test(page, a_share_of_latencies_is_known_to_a_fifth)
{
    struct page_latency latency = {0};
    for (uint64_t us = 1; us <= 1000; us++)
        page_latency_add(&latency, us * 1000);
    uint64_t half = page_latency_share_ns(&latency, 0.5), most = page_latency_share_ns(&latency, 0.99);
    cr_assert(half >= 500000 && half <= 600000, "%lu", (unsigned long)half);
    cr_assert(most >= 990000 && most <= 1000000, "%lu", (unsigned long)most);
    cr_assert_eq(page_latency_share_ns(&latency, 1), 1000000);
    cr_assert_eq(get(&latency.max_ns), 1000000);
    cr_assert_eq(get(&latency.count), 1000);
    cr_assert_eq(get(&latency.sum_ns), UINT64_C(500500000));
}

Test(page, a_lane_of_a_copy_can_be_read_once_more)
{
    struct page_map map, copy;
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
    cr_assert_eq(page_copy(&copy, NULL, "edge"), 0);
    atomic_store(&page_find(&map, "orders")->lanes[1].read, 42);
    struct page_lane *lane = &page_find(&copy, "orders")->lanes[1];
    cr_assert_eq(get(&lane->read), 0);
    cr_assert_eq(page_copy_lane(&copy, lane), 0);
    cr_assert_eq(get(&lane->read), 42);
    cr_assert_eq(truncate(page_file("edge"), 0), 0);
    cr_assert_eq(page_copy_lane(&copy, lane), -EBADMSG);
    page_close(&copy);
    page_close(&map);
}

static int join(const char *name, void *text)
{
    return strcat(strcat(text, name), " ") == NULL;
}

Test(page, the_gateways_of_a_folder_are_listed_by_name)
{
    struct page_map edge, core;
    char names[64] = "";
    cr_assert_eq(page_create(&edge, NULL, "edge", two, 2), 0);
    cr_assert_eq(page_create(&core, NULL, "core", two, 2), 0);
    cr_assert_eq(page_list(NULL, join, names), 0);
    cr_assert_str_eq(names, "core edge ");
    page_close(&edge);
    page_close(&core);
}
