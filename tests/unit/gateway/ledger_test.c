#include "base/page.h"
#include "base/process.h"
#include "shm_folder.h"

#include <leat/plugin/pattern.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct page_map map;
static struct page_bridge *bridge;
static struct page_lane *lane;

/* A live gateway with one outward lane: 100 read, 90 forwarded, 4 dropped, 6 in flight. */
static void run_gateway(void)
{
    static const char *const names[] = {"quotes"};
    shm_folder_open();
    cr_assert_eq(page_create(&map, NULL, "edge", names, 1), 0);
    bridge = page_find(&map, "quotes");
    lane = &bridge->lanes[0];
    snprintf(bridge->pattern, sizeof bridge->pattern, "pubsub");
    snprintf(lane->channel, sizeof lane->channel, "shm://quotes");
    lane->outward = 1;
    atomic_store(&lane->durable, 1);
    atomic_store(&bridge->lane_count, 1);
    atomic_store(&lane->read, 100);
    atomic_store(&lane->forwarded, 90);
    atomic_store(&lane->dropped[LEAT_DROP_LAPPED], 1);
    atomic_store(&lane->dropped[LEAT_DROP_NO_PEER], 3);
    atomic_store(&lane->in_flight, 6);
    page_set_state(&map, bridge, PAGE_RUNNING, "%s", "");
    atomic_store(&map.page->state, PAGE_RUNNING);
}

static void end_gateway(void)
{
    page_close(&map);
    shm_folder_close();
}

TestSuite(ledger, .init = run_gateway, .fini = end_gateway);

static const char *printed;

/* `leat ledger` with two more words; what it says on both streams, and its exit status. */
static int ledger(char *first, char *second)
{
    static char text[65536];
    char *argv[] = {"leat", "ledger", first, first ? second : NULL, NULL};
    int out = memfd_create("out", MFD_CLOEXEC);
    const struct process_fd fds[] = {{out, STDOUT_FILENO}, {out, STDERR_FILENO}};
    const struct process_spec spec = {.path = LEAT_COMMAND, .argv = argv, .fds = fds, .fd_count = 2};
    struct process process;
    siginfo_t end;
    cr_assert_eq(process_spawn(&process, &spec), 0);
    cr_assert_eq(waitid(P_PIDFD, (id_t)process.pidfd, &end, WEXITED), 0);
    ssize_t len = pread(out, text, sizeof text - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    printed = text;
    close(out);
    close(process.pidfd);
    cr_assert_eq(end.si_code, CLD_EXITED, "%s", text);
    return end.si_status;
}

static bool says(const char *text)
{
    return strstr(printed, text) != NULL;
}

Test(ledger, books_that_balance_are_shown_with_status_0)
{
    cr_assert_eq(ledger(NULL, NULL), 0);
    cr_assert(says("gateway edge: live"), "%s", printed);
    cr_assert(says("quotes: running, 0 peers, 0 restarts"), "%s", printed);
    cr_assert(says("  LANE             STATE   READ FORWARDED DROPPED RETURNED IN FLIGHT  BOOKS\n"
                   "  out shm://quotes stopped  100        90       4        0         6  ok\n"
                   "    dropped: 1 lapped, 3 no_peer\n"),
              "%s", printed);
}

Test(ledger, books_that_do_not_balance_are_status_1)
{
    atomic_store(&lane->read, 102);
    cr_assert_eq(ledger("edge", NULL), 1);
    cr_assert(says("OFF BY +2"), "%s", printed);
    cr_assert_eq(ledger("edge", "--json"), 1);
    cr_assert(says("\"off_by\":\t2") && says("\"balanced\":\tfalse"), "%s", printed);
}

Test(ledger, json_names_every_counter)
{
    cr_assert_eq(ledger("--json", NULL), 0);
    cr_assert(says("\"gateway\":\t\"edge\"") && says("\"life\":\t\"live\""), "%s", printed);
    cr_assert(says("\"read\":\t100") && says("\"forwarded\":\t90") && says("\"in_flight\":\t6"), "%s", printed);
    cr_assert(says("\"no_peer\":\t3") && says("\"slow_peer\":\t0") && says("\"dropped_total\":\t4"), "%s", printed);
}

/* One that is counted and has lost, one of whose transport nobody knows anything. */
static void show_peers(void)
{
    struct page_peer *slow = &bridge->peers_shown[0], *unknown = &bridge->peers_shown[1];
    slow->id = 7;
    slow->counted = slow->may_lose = unknown->may_lose = 1;
    slow->queued = 3;
    snprintf(slow->address, sizeof slow->address, "192.0.2.7:4000");
    snprintf(slow->name, sizeof slow->name, "desk.example");
    atomic_store(&slow->traffic.offered, 100);
    atomic_store(&slow->traffic.sent, 60);
    atomic_store(&slow->traffic.lost, 37);
    unknown->id = 8;
    unknown->until_ns = 1;
    snprintf(unknown->address, sizeof unknown->address, "inproc://x");
    atomic_store(&unknown->traffic.offered, 100);
}

Test(ledger, each_peer_has_books_and_what_nobody_knows_is_unknown)
{
    show_peers();
    cr_assert_eq(ledger(NULL, NULL), 0);
    cr_assert(says("  PEER                          OFFERED    SENT    LOST  QUEUED RECEIVED\n"
                   "  192.0.2.7:4000 (desk.example)     100      60      37       3        0\n"
                   "  inproc://x                        100 unknown unknown unknown  unknown  left "),
              "%s", printed);
    cr_assert_eq(ledger("--json", NULL), 0);
    cr_assert(says("\"lost\":\t37") && says("\"lost\":\tnull") && says("\"name\":\t\"desk.example\""), "%s", printed);
}

Test(ledger, nobody_is_a_peer_of_a_dead_gateway)
{
    show_peers();
    atomic_store(&bridge->peers, 1);
    page_close(&map);
    cr_assert_eq(ledger(NULL, NULL), 0);
    cr_assert(says("stopped, 0 peers") &&
                  says("192.0.2.7:4000 (desk.example)     100      60      37       3        0  left "),
              "%s", printed);
}

Test(ledger, a_peers_books_that_do_not_balance_are_status_1)
{
    show_peers();
    atomic_store(&bridge->peers_shown[0].traffic.sent, 58);
    cr_assert_eq(ledger(NULL, NULL), 1);
    cr_assert(says("OFF BY +2"), "%s", printed);
    cr_assert_eq(ledger("--json", NULL), 1);
}

Test(ledger, a_place_without_a_bridge_is_not_shown)
{
    bridge->name[0] = '\0';
    cr_assert_eq(ledger(NULL, NULL), 0);
    cr_assert_not(says("out shm"));
    cr_assert_eq(ledger("--json", NULL), 0);
    cr_assert(says("\"bridges\":\t[]"), "%s", printed);
}

Test(ledger, latencies_are_told_as_shares)
{
    for (int i = 0; i < 100; i++)
        page_latency_add(&lane->latency, i == 99 ? 2000000 : 10000);
    cr_assert_eq(ledger(NULL, NULL), 0);
    cr_assert(says("    latency: half within 10.2 us, 99 % within 10.2 us, all within 2 ms (100 measured)\n"), "%s",
              printed);
    cr_assert_eq(ledger("--json", NULL), 0);
    cr_assert(says("\"max_ns\":\t2000000"), "%s", printed);
}

Test(ledger, what_the_workers_of_a_dead_gateway_held_counts_as_returned)
{
    atomic_store(&lane->in_flight, 2); /* as a worker that is killed in the middle of counting leaves it */
    page_close(&map);
    cr_assert_eq(ledger(NULL, NULL), 0);
    cr_assert(says("gateway edge: dead"), "%s", printed);
    cr_assert(says("stopped  100        90       4        6         0  ok"), "%s", printed);
}

Test(ledger, the_books_of_a_stopped_gateway_stay_readable)
{
    atomic_store(&map.page->state, PAGE_STOPPED);
    page_close(&map);
    cr_assert_eq(ledger(NULL, NULL), 0);
    cr_assert(says("gateway edge: stopped"), "%s", printed);
}

Test(ledger, with_several_gateways_the_one_that_runs_is_meant_or_one_must_be_named)
{
    static const char *const names[] = {"x"};
    struct page_map other;
    cr_assert_eq(page_create(&other, NULL, "core", names, 1), 0);
    cr_assert_eq(ledger(NULL, NULL), 64);
    cr_assert(says("core\nedge\n"), "%s", printed);
    page_close(&other);
    cr_assert_eq(ledger(NULL, NULL), 0);
    cr_assert(says("gateway edge"), "%s", printed);
    cr_assert_eq(ledger("edge", NULL), 0);
}

Test(ledger, a_gateway_that_never_ran_is_status_66)
{
    cr_assert_eq(ledger("nobody", NULL), 66);
    cr_assert(says("no gateway named 'nobody' has run here"), "%s", printed);
}

Test(ledger, a_hostile_page_is_shown_without_harm)
{
    memset(bridge, 0x9b, sizeof *bridge);
    atomic_store(&map.page->bridge_count, UINT32_MAX);
    cr_assert_eq(ledger("edge", NULL), 1);
    cr_assert_not(says("\x9b"));
    cr_assert_eq(ledger("edge", "--json"), 1);
    cr_assert_not(says("\x9b"));
}
