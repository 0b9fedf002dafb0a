#include "base/clock.h"
#include "supervisor/backoff.h"
#include "supervisor/limiter.h"

#include <criterion/criterion.h>

#define MIN_NS (100 * NS_PER_MS)
#define MAX_NS (10 * NS_PER_S)

static struct backoff fresh(void)
{
    return (struct backoff){.min_ns = MIN_NS, .max_ns = MAX_NS};
}

/* A wait without its jitter: the draw 0 takes an eighth of it away. */
static int64_t next_ns(struct backoff *backoff, int64_t life_ns, bool served)
{
    struct backoff lowest = *backoff;
    int64_t low_ns = backoff_next_ns(&lowest, life_ns, served, 0);
    backoff_next_ns(backoff, life_ns, served, 0);
    return low_ns * 8 / 7;
}

Test(backoff, the_first_wait_is_the_shortest)
{
    struct backoff backoff = fresh();
    cr_assert_eq(next_ns(&backoff, 0, false), MIN_NS);
}

Test(backoff, waits_double_up_to_the_longest_for_a_worker_that_never_served)
{
    struct backoff backoff = fresh();
    for (int64_t expected = MIN_NS; expected < MAX_NS; expected *= 2)
        cr_assert_eq(next_ns(&backoff, 0, false), expected);
    cr_assert_leq(next_ns(&backoff, 0, false), MAX_NS);
    cr_assert_geq(next_ns(&backoff, 0, false), MAX_NS * 7 / 8);
    for (int i = 0; i < 100; i++)
        cr_assert_leq(backoff_next_ns(&backoff, 0, false, UINT32_MAX - (uint32_t)i), MAX_NS);
}

Test(backoff, a_worker_that_served_for_a_second_starts_from_the_shortest_wait_again)
{
    struct backoff backoff = fresh();
    for (int i = 0; i < 5; i++)
        next_ns(&backoff, 0, false);
    cr_assert_eq(next_ns(&backoff, NS_PER_S, true), MIN_NS);
    cr_assert_eq(next_ns(&backoff, NS_PER_S, true), MIN_NS);
}

Test(backoff, a_long_life_without_service_forgives_nothing)
{
    struct backoff backoff = fresh();
    next_ns(&backoff, 0, false);
    cr_assert_eq(next_ns(&backoff, 10 * NS_PER_S, false), 2 * MIN_NS);
}

Test(backoff, a_worker_that_served_is_back_within_a_second_however_often_it_dies)
{
    struct backoff backoff = fresh();
    for (int i = 0; i < 200; i++)
        cr_assert_lt(backoff_next_ns(&backoff, 50 * NS_PER_MS, true, UINT32_MAX / 200 * (uint32_t)i), 250 * NS_PER_MS);
}

Test(backoff, the_jitter_is_at_most_an_eighth_and_spreads)
{
    int64_t least = INT64_MAX, most = 0;
    for (uint32_t random = 0; random < 1000; random++) {
        struct backoff backoff = fresh();
        int64_t wait_ns = backoff_next_ns(&backoff, 0, false, random * 4294967u);
        least = wait_ns < least ? wait_ns : least;
        most = wait_ns > most ? wait_ns : most;
    }
    cr_assert_geq(least, MIN_NS * 7 / 8);
    cr_assert_leq(most, MIN_NS * 9 / 8);
    cr_assert_gt(most - least, MIN_NS / 8);
}

Test(backoff, equal_limits_and_zero_are_taken_as_they_are)
{
    struct backoff none = {0}, equal = {.min_ns = 80, .max_ns = 80};
    cr_assert_eq(backoff_next_ns(&none, 0, false, 12345), 0);
    for (uint32_t i = 0; i < 10; i++)
        cr_assert_leq(backoff_next_ns(&equal, 0, false, i), 80);
}

/* ---- limiter ---- */

static int lines_in(struct limiter *limiter, int64_t from_ns, int64_t until_ns, int64_t every_ns)
{
    int lines = 0;
    for (int64_t now_ns = from_ns; now_ns < until_ns; now_ns += every_ns)
        if (limiter_is_open(limiter, now_ns)) {
            limiter_wrote(limiter, now_ns);
            lines++;
        } else {
            limiter->held_back++;
        }
    return lines;
}

Test(limiter, the_first_lines_pass_and_then_ever_fewer)
{
    struct limiter limiter = {0};
    int64_t start_ns = 1000 * NS_PER_S;
    int first_minute = lines_in(&limiter, start_ns, start_ns + 60 * NS_PER_S, 100 * NS_PER_MS);
    int second_hour = lines_in(&limiter, start_ns + 3600 * NS_PER_S, start_ns + 7200 * NS_PER_S, 100 * NS_PER_MS);
    cr_assert(first_minute >= 8 && first_minute <= 12, "%d lines", first_minute);
    cr_assert(second_hour >= 11 && second_hour <= 30, "%d lines", second_hour);
    cr_assert_gt(limiter.held_back, 0);
}

Test(limiter, after_a_quiet_time_everything_is_new)
{
    struct limiter limiter = {0};
    int64_t start_ns = 1000 * NS_PER_S;
    lines_in(&limiter, start_ns, start_ns + 10 * NS_PER_S, 100 * NS_PER_MS);
    int64_t later_ns = start_ns + 200 * NS_PER_S;
    cr_assert_eq(lines_in(&limiter, later_ns, later_ns + 4, 1), 4);
}
