#include "bridge/window.h"

#include <criterion/criterion.h>

static struct page_lane books;
static struct doorbell bell;
static struct window window;
static uint64_t position; /* messages acknowledged */

static void acknowledge(void *reader, uint64_t cursor, uint64_t sequence)
{
    cr_assert_eq(reader, &position);
    cr_assert_eq(cursor, sequence * 16);
    position = sequence + 1;
}

static void set_up(void)
{
    window_init(&window, &books, &bell, 1000);
    window_serve(&window, &position, acknowledge);
}

static struct leat_message message(uint64_t sequence, uint64_t len)
{
    return (struct leat_message){.sequence = sequence, .cursor = sequence * 16, .len = len};
}

static uint32_t push(uint64_t sequence, uint64_t len)
{
    struct leat_message next = message(sequence, len);
    books.read++;
    return window_push(&window, &next);
}

TestSuite(window, .init = set_up);

Test(window, acknowledges_only_what_is_finished_without_a_gap)
{
    uint32_t first = push(0, 1), second = push(1, 1), third = push(2, 1);
    window_finish(&window, third, LEAT_FORWARD);
    cr_assert_eq(position, 0);
    window_finish(&window, first, LEAT_FORWARD);
    cr_assert_eq(position, 1);
    window_finish(&window, second, LEAT_FORWARD);
    cr_assert_eq(position, 3);
    cr_assert(window_is_empty(&window));
}

Test(window, acknowledges_a_dropped_message_in_its_turn)
{
    uint32_t first = push(0, 1);
    struct leat_message second = message(1, 1);
    books.read++;
    window_pass(&window, &second, LEAT_DROP_FILTERED);
    cr_assert_eq(position, 0);
    window_finish(&window, first, LEAT_FORWARD);
    cr_assert_eq(position, 2);
    cr_assert_eq(books.dropped[LEAT_DROP_FILTERED], 1);
    cr_assert_eq(books.forwarded, 1);
}

Test(window, measures_a_message_that_is_to_be_measured_when_it_is_handed_over)
{
    struct leat_message old = message(0, 1), other = message(1, 1);
    old.time_ns = other.time_ns = 1; /* of 1970 */
    window.timed = true;
    uint32_t first = window_push(&window, &old);
    window.timed = false;
    uint32_t second = window_push(&window, &other);
    window_finish(&window, first, LEAT_FORWARD);
    window_finish(&window, second, LEAT_FORWARD);
    cr_assert_eq(books.latency.count, 1);
    cr_assert_eq(books.latency.steps[PAGE_LATENCY_STEPS - 1], 1);
}

Test(window, measures_no_message_that_is_dropped)
{
    struct leat_message old = message(0, 1);
    old.time_ns = 1;
    window.timed = true;
    window_finish(&window, window_push(&window, &old), LEAT_DROP_OVERSIZE);
    cr_assert_eq(books.latency.count, 0);
}

Test(window, has_room_for_as_many_messages_as_it_has_slots)
{
    for (uint64_t i = 0; i < WINDOW_SLOTS; i++) {
        cr_assert(window_has_room(&window));
        push(i, 1);
    }
    cr_assert_not(window_has_room(&window));
    cr_assert_eq(books.in_flight, WINDOW_SLOTS);
    window_finish(&window, 0, LEAT_FORWARD);
    cr_assert(window_has_room(&window));
    cr_assert_eq(books.in_flight, WINDOW_SLOTS - 1);
}

Test(window, is_bounded_in_bytes_but_takes_one_message_of_any_size)
{
    cr_assert(window_has_room(&window));
    uint32_t giant = push(0, 1 << 20);
    cr_assert_not(window_has_room(&window));
    window_finish(&window, giant, LEAT_FORWARD);
    cr_assert(window_has_room(&window));
    push(1, 999);
    cr_assert(window_has_room(&window));
    push(2, 1);
    cr_assert_not(window_has_room(&window));
}

Test(window, sends_what_failed_again_from_the_oldest)
{
    uint32_t first = push(0, 1), second = push(1, 1);
    window_retry(&window, second);
    cr_assert(window_has_failed(&window));
    cr_assert_not(window_is_settled(&window));
    window_retry(&window, first);
    cr_assert(window_is_settled(&window));
    cr_assert_eq(window_mend(&window), (int)first);
    cr_assert_eq(window_mend(&window), (int)second);
    cr_assert_eq(window_mend(&window), -1);
    cr_assert_eq(books.in_flight, 2);
}

Test(window, returns_unfinished_messages_to_a_channel_that_kept_them)
{
    push(0, 1);
    uint32_t second = push(1, 1);
    push(2, 1);
    window_finish(&window, second, LEAT_FORWARD);
    cr_assert_eq(window_abandon(&window, true), 2);
    cr_assert_eq(books.returned, 2);
    cr_assert_eq(books.in_flight, 0);
    cr_assert_eq(books.read, books.forwarded + books.returned);
    cr_assert_eq(position, 0);
}

Test(window, counts_unfinished_messages_as_dropped_by_the_shutdown_where_the_channel_forgets)
{
    push(0, 1);
    cr_assert_eq(window_abandon(&window, false), 1);
    cr_assert_eq(books.dropped[LEAT_DROP_SHUTDOWN], 1);
    cr_assert_eq(books.returned, 0);
}

Test(window, counts_nothing_once_the_books_are_closed)
{
    uint32_t first = push(0, 1);
    window_abandon(&window, true);
    window_finish(&window, first, LEAT_FORWARD);
    cr_assert_eq(books.forwarded, 0);
    cr_assert_eq(books.in_flight, 0);
    cr_assert_eq(position, 0);
}

Test(window, acknowledges_nothing_behind_a_message_that_is_held)
{
    struct window_hold hold;
    uint32_t first = push(0, 1);
    struct leat_message second = message(1, 1);
    books.read++;
    window_hold(&window, &second, &hold);
    uint32_t third = push(2, 1);
    window_finish(&window, third, LEAT_FORWARD);
    window_finish(&window, first, LEAT_FORWARD);
    cr_assert_eq(position, 1);
    cr_assert_eq(books.in_flight, 1);
    uint32_t again = window_push_held(&window, &hold, &second);
    cr_assert_eq(position, 1);
    window_finish(&window, again, LEAT_FORWARD);
    cr_assert_eq(position, 3);
    cr_assert_eq(books.in_flight, 0);
    cr_assert_eq(books.forwarded, 3);
}

Test(window, acknowledges_a_held_message_that_is_dropped)
{
    struct window_hold older, newer;
    struct leat_message first = message(0, 1), second = message(1, 1);
    books.read += 2;
    window_hold(&window, &first, &older);
    window_drop_held(&window, &older, &first, LEAT_DROP_FILTERED);
    cr_assert_eq(position, 1);
    window_hold(&window, &second, &newer);
    cr_assert_eq(position, 1);
    window_drop_held(&window, &newer, &second, LEAT_DROP_NO_PEER);
    cr_assert_eq(position, 2);
    cr_assert_eq(books.read, books.dropped[LEAT_DROP_FILTERED] + books.dropped[LEAT_DROP_NO_PEER]);
}

Test(window, counts_what_is_held_as_unfinished)
{
    struct window_hold hold;
    struct leat_message first = message(0, 1);
    window_hold(&window, &first, &hold);
    push(1, 1);
    cr_assert_eq(window_abandon(&window, true), 2);
    cr_assert_eq(books.returned, 2);
    cr_assert_eq(books.in_flight, 0);
}
