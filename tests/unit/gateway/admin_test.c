#include "admin/admin.h"
#include "admin/door.h"
#include "admin/gate.h"
#include "admin/history.h"
#include "admin/metrics.h"
#include "config/admin_address.h"
#include "config/admin_keys.h"
#include "shm_folder.h"
#include "support_config.h"

#include <arpa/inet.h>
#include <math.h>
#include <sys/socket.h>

static struct page_map map;
static struct page_bridge *bridge;

/* A gateway with a bridge that runs one outward lane. */
static void run_gateway(void)
{
    static const char *const names[] = {"quotes"};
    shm_folder_open();
    cr_assert_eq(page_create(&map, NULL, "edge", names, 1), 0);
    bridge = page_find(&map, "quotes");
    snprintf(bridge->lanes[0].channel, sizeof bridge->lanes[0].channel, "shm://quotes");
    bridge->lanes[0].outward = 1;
    atomic_store(&bridge->lane_count, 1);
    page_set_state(&map, bridge, PAGE_RUNNING, "%s", "");
}

static void end_gateway(void)
{
    page_close(&map);
    shm_folder_close();
}

TestSuite(admin, .init = run_gateway, .fini = end_gateway);

/* ---- who may ask ----------------------------------------------------------------------------------------------------- */

Test(admin, a_secret_is_the_same_only_when_all_of_it_is)
{
    cr_assert(gate_same_secret("secret", "secret"));
    static const char *const others[] = {"", "s", "secre", "secrets", "Secret", "secresecret", "secretsecret"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_expect(!gate_same_secret(others[i], "secret"), "%s", others[i]);
}

Test(admin, a_host_is_plain_when_no_web_page_can_have_made_it_up)
{
    static const char *const plain[] = {"localhost",   "LOCALHOST:9464", "127.0.0.1",
                                        "10.0.0.1:80", "[::1]",          "[fe80::1]:9464"};
    static const char *const made_up[] = {"",     "example.org", "localhost.example.org", "127.0.0.1.example.org",
                                          "[::1", "[x]"};
    cr_expect(gate_is_plain_host(NULL));
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        cr_expect(gate_is_plain_host(plain[i]), "%s", plain[i]);
    for (size_t i = 0; i < sizeof made_up / sizeof *made_up; i++)
        cr_expect(!gate_is_plain_host(made_up[i]), "%s", made_up[i]);
}

Test(admin, who_takes_too_long_is_shut_out_and_who_was_served_is_not)
{
    struct door door;
    int slow[2], served[2];
    char byte;
    door_init(&door);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, slow), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, served), 0);
    struct door_place *slow_place = door_enter(&door, slow[0]), *place = door_enter(&door, served[0]);
    int64_t before_ns = clock_monotonic_ns() + 1;
    while (clock_monotonic_ns() <= before_ns)
        ;
    door_served(&door, place);
    door_shut(&door, before_ns);
    cr_expect_eq(recv(slow[1], &byte, 1, MSG_DONTWAIT), 0, "it has been shut");
    cr_expect_eq(recv(served[1], &byte, 1, MSG_DONTWAIT), -1, "it stays open");
    door_leave(&door, slow_place);
    door_leave(&door, place);
    door_fini(&door);
}

/* ---- addresses ------------------------------------------------------------------------------------------------------- */

static bool is_address(const char *url, bool loopback)
{
    struct admin_address address;
    char *problem = admin_address_parse(url, &address);
    bool fits = !problem && address.loopback == loopback;
    free(problem);
    return fits;
}

Test(admin, an_address_is_in_numbers_and_known_as_this_hosts_own_or_not)
{
    cr_expect(is_address("http://127.0.0.1:9464", true));
    cr_expect(is_address("http://127.9.9.9:1/", true));
    cr_expect(is_address("http://localhost:9464", true));
    cr_expect(is_address("http://[::1]:65535", true));
    cr_expect(is_address("http://[::ffff:127.0.0.1]:9464", true));
    cr_expect(is_address("http://0.0.0.0:9464", false));
    cr_expect(is_address("http://[::]:9464", false));
    cr_expect(is_address("http://192.0.2.1:9464", false));
}

Test(admin, what_is_no_address_is_refused)
{
    static const char *const wrong[] = {"",
                                        "http://",
                                        "127.0.0.1:9464",
                                        "https://127.0.0.1:9464",
                                        "http://127.0.0.1",
                                        "http://127.0.0.1:0",
                                        "http://127.0.0.1:65536",
                                        "http://127.0.0.1:99999999999",
                                        "http://example.org:80",
                                        "http://[::1:80",
                                        "http://::1:80",
                                        "http://127.0.0.1:80/x",
                                        "http://127.0.0.1:80x",
                                        "http://:80",
                                        "http://[]:80"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect(!is_address(wrong[i], true) && !is_address(wrong[i], false), "%s", wrong[i]);
}

/* ---- history --------------------------------------------------------------------------------------------------------- */

/* A look when `forwarded` messages have been, a second after the one before; all long ago, because a recent one is taken again. */
static struct look *look_after(struct looks *looks, uint64_t forwarded)
{
    static int64_t second;
    atomic_store(&bridge->lanes[0].read, forwarded);
    atomic_store(&bridge->lanes[0].forwarded, forwarded);
    struct look *look = looks_take(looks, -1);
    cr_assert_not_null(look);
    second++;
    look->taken_ns = (second - 1000000) * NS_PER_S;
    look->time_ns = (uint64_t)(second * NS_PER_S);
    return look;
}

Test(admin, history_has_the_rate_of_each_second_and_forgets_the_oldest)
{
    struct looks looks;
    struct history *history = history_new();
    looks_init(&looks, "edge");
    struct look *before = look_after(&looks, 0);
    for (uint64_t second = 1; second <= HISTORY_SECONDS + 10; second++) {
        struct look *now = look_after(&looks, second * (second + 1) / 2);
        history_add(history, before, now);
        look_release(before);
        before = now;
    }
    struct history_stretch *all = history_read(history, "quotes", 0);
    cr_assert_eq(all->count, HISTORY_SECONDS);
    for (size_t i = 0; i < all->count; i++)
        cr_assert_float_eq(all->values[HISTORY_MESSAGES_OUT][i], (float)(i + 11), 0.01F);
    cr_assert(isnan(all->values[HISTORY_LATENCY_P99][0]), "there were no samples");
    struct history_stretch *last = history_read(history, NULL, all->times_ns[all->count - 2]);
    cr_assert_eq(last->count, 1);
    cr_assert_null(history_read(history, "nobody", 0));
    free(all);
    free(last);
    look_release(before);
    looks_fini(&looks);
    history_free(history);
}

Test(admin, a_counter_that_begins_anew_makes_no_rate_below_zero)
{
    struct looks looks;
    struct history *history = history_new();
    looks_init(&looks, "edge");
    struct look *before = look_after(&looks, 1000), *now = look_after(&looks, 7);
    history_add(history, before, now);
    struct history_stretch *stretch = history_read(history, "quotes", 0);
    cr_assert_float_eq(stretch->values[HISTORY_MESSAGES_OUT][0], 7.0F, 0.01F);
    free(stretch);
    look_release(before);
    look_release(now);
    looks_fini(&looks);
    history_free(history);
}

/* ---- metrics --------------------------------------------------------------------------------------------------------- */

Test(admin, labels_are_escaped)
{
    struct looks looks;
    snprintf(bridge->lanes[0].channel, sizeof bridge->lanes[0].channel, "shm://a\"b\\c");
    looks_init(&looks, "edge");
    struct look *look = looks_take(&looks, 0);
    char *text = metrics_text(look);
    cr_assert_not_null(strstr(text, "channel=\"shm://a\\\"b\\\\c\"}"), "%s", text);
    free(text);
    look_release(look);
    looks_fini(&looks);
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

/* A listening socket at a port of the kernel's choice, and its URL. */
static int take_port(char *url, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, bytes), 0);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    snprintf(url, size, "http://127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

/* The first bytes of the answer to a question, or nothing. */
static const char *answer(const char *url, const char *question)
{
    static char text[64];
    struct admin_address address;
    free(admin_address_parse(url, &address));
    text[0] = '\0';
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)&address.socket, address.socket_bytes) == 0 &&
        send(fd, question, strlen(question), MSG_NOSIGNAL) > 0) {
        ssize_t got = recv(fd, text, sizeof text - 1, 0);
        text[got > 0 ? got : 0] = '\0';
    }
    close(fd);
    return text;
}

#define HEALTH "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

Test(admin, an_address_that_is_taken_is_tried_again_and_answers_when_it_is_free)
{
    char url[64];
    struct admin *admin;
    int taken = take_port(url, sizeof url);
    struct config_gateway gateway = {.name = "edge", .admin = url, .admin_token = ""};
    cr_assert_eq(admin_start(&admin, &gateway), 0);
    close(taken);
    wait_until(strncmp(answer(url, HEALTH), "HTTP/1.1 200", 12) == 0);
    admin_stop(admin);
}

Test(admin, a_reload_moves_it_or_leaves_it_where_it_was)
{
    char first[64], taken_url[64];
    struct admin *admin;
    int fd = take_port(first, sizeof first), taken = take_port(taken_url, sizeof taken_url);
    close(fd);
    struct config_gateway none = {.name = "edge", .admin = "", .admin_token = ""}, there = none, elsewhere = none;
    there.admin = first;
    elsewhere.admin = taken_url;
    cr_assert_eq(admin_start(&admin, &none), 0);
    cr_assert_eq(admin_reload(admin, &there), 0);
    cr_assert_eq(strncmp(answer(first, HEALTH), "HTTP/1.1 200", 12), 0);
    cr_assert_lt(admin_reload(admin, &elsewhere), 0);
    cr_assert_eq(strncmp(answer(first, HEALTH), "HTTP/1.1 200", 12), 0, "it is where it was");
    cr_assert_eq(admin_reload(admin, &none), 0);
    cr_assert_str_eq(answer(first, HEALTH), "");
    admin_stop(admin);
    close(taken);
}
