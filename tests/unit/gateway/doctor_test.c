/* What `leat doctor` says of a gateway, by its page. */
#include "base/page.h"
#include "base/page_file.h"
#include "base/process.h"
#include "shm_folder.h"

#include <leat/plugin/pattern.h>

#include <sys/mman.h>
#include <sys/wait.h>

#define DAY_NS (86400 * NS_PER_S)

static struct page_map map;
static struct page_bridge *bridge;

static void run_gateway(void)
{
    static const char *const names[] = {"quotes"};
    shm_folder_open();
    setenv("LEAT_PLUGIN_DIR", LEAT_NO_PLUGINS, 1); /* no channels: only what the page says */
    cr_assert_eq(page_create(&map, NULL, "edge", names, 1), 0);
    bridge = page_find(&map, "quotes");
    snprintf(bridge->pattern, sizeof bridge->pattern, "pubsub");
    atomic_store(&bridge->lane_count, 1);
    snprintf(bridge->lanes[0].channel, sizeof bridge->lanes[0].channel, "shm://quotes");
    page_set_state(&map, bridge, PAGE_RUNNING, "%s", "");
    atomic_store(&map.page->state, PAGE_RUNNING);
}

static void end_gateway(void)
{
    page_close(&map);
    shm_folder_close();
}

TestSuite(doctor, .init = run_gateway, .fini = end_gateway);

static char printed[65536];

/* Its exit status. */
static int doctor(void)
{
    char *argv[] = {"leat", "doctor", NULL};
    int out = memfd_create("out", MFD_CLOEXEC);
    const struct process_fd fds[] = {{out, STDOUT_FILENO}, {out, STDERR_FILENO}};
    const struct process_spec spec = {.path = LEAT_COMMAND, .argv = argv, .fds = fds, .fd_count = 2};
    struct process process;
    siginfo_t end;
    cr_assert_eq(process_spawn(&process, &spec), 0);
    cr_assert_eq(waitid(P_PIDFD, (id_t)process.pidfd, &end, WEXITED), 0);
    ssize_t len = pread(out, printed, sizeof printed - 1, 0);
    printed[len > 0 ? len : 0] = '\0';
    close(out);
    close(process.pidfd);
    return end.si_status;
}

static bool says(const char *text)
{
    return strstr(printed, text) != NULL;
}

Test(doctor, a_gateway_with_nothing_wrong_is_good)
{
    cr_expect_eq(doctor(), 0, "%s", printed);
    cr_expect(says("good     gateway edge: live, and its books balance"), "%s", printed);
}

Test(doctor, a_bridge_that_has_failed_is_an_error_with_its_reason)
{
    page_set_state(&map, bridge, PAGE_FAILED, "port %d is taken", 5555);
    cr_expect_eq(doctor(), 1);
    cr_expect(says("error    bridge edge/quotes: it has failed, and nothing passes: port 5555 is taken"), "%s",
              printed);
    page_set_state(&map, bridge, PAGE_DEGRADED, "the channel is full");
    cr_expect_eq(doctor(), 1);
    cr_expect(says("warning  bridge edge/quotes: for ") && says(": the channel is full"), "%s", printed);
}

Test(doctor, books_that_do_not_balance_are_an_error)
{
    atomic_store(&bridge->lanes[0].read, 7);
    atomic_store(&bridge->lanes[0].forwarded, 5);
    cr_expect_eq(doctor(), 1);
    cr_expect(says("the books of lane shm://quotes do not balance: 2 messages"), "%s", printed);
}

Test(doctor, a_worker_that_was_started_again_lately_is_a_warning)
{
    atomic_store(&bridge->restarts, 3);
    atomic_store(&bridge->worker_pid, (uint32_t)getpid());
    atomic_store(&bridge->worker_start, process_start_time(getpid()));
    cr_expect_eq(doctor(), 1);
    cr_expect(says("its worker has been started again 3 times"), "%s", printed);
}

Test(doctor, a_certificate_is_told_a_month_before_it_expires)
{
    const int64_t now_ns = clock_realtime_ns();
    atomic_store(&bridge->certificate_expires_ns, (uint64_t)(now_ns + 31 * DAY_NS));
    cr_expect_eq(doctor(), 0, "%s", printed);
    atomic_store(&bridge->certificate_expires_ns, (uint64_t)(now_ns + 5 * DAY_NS + NS_PER_S * 3600));
    cr_expect_eq(doctor(), 1);
    cr_expect(says("warning  bridge edge/quotes: a certificate that it uses expires in 5 days"), "%s", printed);
    atomic_store(&bridge->certificate_expires_ns, (uint64_t)(now_ns - 2 * DAY_NS - NS_PER_S));
    doctor();
    cr_expect(says("error    bridge edge/quotes: a certificate that it uses expired 2 days ago"), "%s", printed);
}

Test(doctor, a_reload_that_failed_is_told_until_one_succeeds)
{
    snprintf(map.page->reload_failure, sizeof map.page->reload_failure, "bridge b cannot listen");
    atomic_store(&map.page->reload_failed_ns, 5);
    cr_expect_eq(doctor(), 1);
    cr_expect(says("its last reload failed, and the configuration from before is in force: bridge b cannot listen"),
              "%s", printed);
    atomic_store(&map.page->reloaded_ns, 6);
    cr_expect_eq(doctor(), 0);
}

/* The rate is what happens between two looks: the peer's books are moved on meanwhile by a child. */
Test(doctor, a_slow_consumer_is_told_with_its_pace_and_the_option_to_set)
{
    struct page_peer *peer = &bridge->peers_shown[0];
    peer->id = 9;
    peer->counted = peer->may_lose = 1;
    peer->lost_since_ns = (uint64_t)(clock_realtime_ns() - 90 * NS_PER_S);
    snprintf(peer->address, sizeof peer->address, "10.0.0.9:4000");
    atomic_store(&peer->traffic.lost, 1234000);
    atomic_store(&bridge->peers_losing, 1);
    atomic_store(&bridge->queue_messages, 512);
    pid_t child = fork();
    if (child == 0)
        for (;;) {
            nanosleep(&(struct timespec){.tv_nsec = 10 * NS_PER_MS}, NULL);
            atomic_fetch_add(&peer->traffic.offered, 100);
            atomic_fetch_add(&peer->traffic.sent, 10);
        }
    int status = doctor();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    cr_expect_eq(status, 1);
    cr_expect(says("warning  bridge edge/quotes: peer 10.0.0.9:4000 takes ") &&
                  says("messages a second, and has lost 1.23M, for 9"),
              "%s", printed);
    cr_expect_not(says("takes 0 of"), "%s", printed);
    cr_expect(says("pubsub.slow_consumer = wait") && says("pubsub.queue (now 512"), "%s", printed);
}

Test(doctor, a_gateway_that_died_is_told_with_what_to_do)
{
    char remedy[256];
    page_close(&map);
    snprintf(remedy, sizeof remedy, "rm %s/leat-gateway.edge", shm_folder);
    cr_expect_eq(doctor(), 1);
    cr_expect(says("error    gateway edge: pid ") && says(" ended without stopping") && says(remedy), "%s", printed);
}

Test(doctor, what_is_no_page_is_told)
{
    char path[256];
    snprintf(path, sizeof path, "%s/leat-gateway.odd", shm_folder);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    cr_expect_eq(doctor(), 1);
    cr_expect(says("error    gateway odd: what stands in the place of its page is none"), "%s", printed);
}
