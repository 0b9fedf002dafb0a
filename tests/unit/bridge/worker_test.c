#include "wait.h"
#include "worker/cores.h"
#include "worker/watchdog.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static _Atomic int probes;
static _Atomic int32_t answer;
static _Atomic bool hang;

static int32_t probe(const struct leat_host *host, int64_t timeout_ns)
{
    (void)host, (void)timeout_ns;
    probes++;
    while (hang)
        pause();
    return answer;
}

static const struct plugin engine = {.table = {.name = "wire"}, .transport = {.probe = probe}};
static const struct plugin silent = {.table = {.name = "silent"}};
static struct watchdog dog;

static void start(void)
{
    watchdog_add(&dog, &silent, NULL);
    watchdog_add(&dog, &engine, NULL);
    watchdog_add(&dog, &engine, NULL);
    cr_assert_eq(dog.count, 1, "an engine that can be probed counts once");
    cr_assert_eq(watchdog_start(&dog), 0);
}

Test(watchdog, is_content_while_probes_come_back)
{
    start();
    await_true(probes >= 3);
    cr_assert_null(watchdog_stuck(&dog, wait_now()));
}

Test(watchdog, takes_an_error_that_is_no_silence_for_life)
{
    answer = -ENOMEM;
    start();
    await_true(probes >= 2);
    cr_assert_null(watchdog_stuck(&dog, wait_now()));
}

Test(watchdog, names_the_engine_whose_probe_says_that_it_is_stuck)
{
    answer = -ETIMEDOUT;
    start();
    await_true(watchdog_stuck(&dog, wait_now()) != NULL);
    cr_assert_str_eq(watchdog_stuck(&dog, wait_now()), "wire");
}

Test(watchdog, names_the_engine_whose_probe_does_not_come_back)
{
    hang = true;
    start();
    await_true(probes == 1);
    int64_t now = wait_now();
    for (int64_t last = now + 3 * SECOND; now < last; now += SECOND / 4)
        cr_assert_null(watchdog_stuck(&dog, now));
    for (int64_t last = now + 3 * SECOND; now < last; now += SECOND / 4)
        watchdog_stuck(&dog, now);
    cr_assert_str_eq(watchdog_stuck(&dog, now), "wire");
}

Test(watchdog, takes_a_process_that_was_stopped_meanwhile_for_no_silence)
{
    hang = true;
    start();
    await_true(probes == 1);
    for (int64_t now = wait_now(), hours = 0; hours < 3; hours++, now += 3600 * SECOND)
        cr_assert_null(watchdog_stuck(&dog, now));
}

Test(cores, bounds_what_the_process_is_told_of_the_machine)
{
    long all = sysconf(_SC_NPROCESSORS_ONLN);
    cores_bound(1);
    cr_assert_eq(sysconf(_SC_NPROCESSORS_ONLN), 1);
    cr_assert_str_eq(getenv("LEAT_NNG_THREADS"), "1");
    cores_bound((uint32_t)all + 5);
    cr_assert_eq(sysconf(_SC_NPROCESSORS_ONLN), all);
    cr_assert_eq(sysconf(_SC_PAGESIZE), getpagesize());
}

Test(cores, takes_four_at_most_when_nothing_is_configured)
{
    cores_bound(0);
    cr_assert_leq(sysconf(_SC_NPROCESSORS_ONLN), 4);
    cr_assert_leq(atoi(getenv("LEAT_NNG_THREADS")), 4);
}
