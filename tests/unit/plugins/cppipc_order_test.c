/* What message ids tell of losses and repetitions. */
#include "cppipc/order.h"

#include <criterion/criterion.h>

static struct order order;

static void begin(bool many)
{
    order_init(&order, many);
}

/* Takes ids first..last, all of which are new. */
static void take(uint32_t first, uint32_t last)
{
    for (uint32_t id = first; id != last + 1; id++)
        cr_assert(order_take(&order, id), "%u", id);
}

static void expect_lost(uint64_t lost)
{
    cr_expect_eq(order_tell_lost(&order), lost);
}

Test(cppipc_order, ids_in_order_tell_nothing)
{
    begin(false);
    take(7, 5000);
    expect_lost(0);
    cr_expect(order_tell_duplicates(&order) == 0);
}

Test(cppipc_order, a_gap_in_a_route_is_lost_at_once_and_told_once)
{
    begin(false);
    take(10, 20);
    take(31, 31);
    expect_lost(10);
    expect_lost(0);
    take(100000, 100000);
    expect_lost(100000 - 32);
}

Test(cppipc_order, what_comes_again_is_left_out)
{
    begin(false);
    take(0, 300);
    for (uint32_t id = 150; id <= 300; id++)
        cr_expect(!order_take(&order, id));
    cr_expect(order_tell_duplicates(&order) == 151);
    cr_expect(order_tell_duplicates(&order) == 0);
    expect_lost(0);
}

Test(cppipc_order, ids_that_overtake_each_other_in_a_channel_are_not_lost)
{
    begin(true);
    take(0, 0);
    for (uint32_t id = 1; id < 10000; id += 3) {
        take(id + 2, id + 2);
        take(id, id);
        take(id + 1, id + 1);
    }
    order_settle(&order);
    expect_lost(0);
}

Test(cppipc_order, in_a_channel_an_id_is_lost_a_second_after_256_later_ones_have_come)
{
    begin(true);
    take(0, 9);
    take(11, 10 + ORDER_PATIENCE - 1);
    order_tick(&order);
    take(10 + ORDER_PATIENCE, 5000);
    order_tick(&order);
    expect_lost(0);
    order_tick(&order);
    expect_lost(1);
}

Test(cppipc_order, in_a_channel_an_id_is_lost_when_very_many_later_ones_have_come)
{
    begin(true);
    take(0, 9);
    take(11, 10 + ORDER_LIMIT - 1);
    expect_lost(0);
    take(10 + ORDER_LIMIT, 10 + ORDER_LIMIT);
    expect_lost(1);
}

Test(cppipc_order, in_a_channel_an_id_is_lost_when_nothing_is_under_way)
{
    begin(true);
    take(0, 9);
    take(13, 13);
    expect_lost(0);
    order_settle(&order);
    expect_lost(3);
}

Test(cppipc_order, what_was_counted_in_vain_comes_off_the_next_losses)
{
    begin(true);
    take(0, 9);
    take(13, 13);
    order_settle(&order);
    expect_lost(3);
    take(11, 12);
    expect_lost(0);
    take(19, 19);
    order_settle(&order);
    expect_lost(3); /* 14 to 18, less the two */
}

Test(cppipc_order, a_large_gap_in_a_channel_is_told_without_looking_at_each)
{
    begin(true);
    take(0, 9);
    take(2000000000, 2000000000);
    expect_lost(2000000000 - 10 - ORDER_LIMIT + 1);
    take(2000000000 - 1, 2000000000 - 1);
    order_settle(&order);
    expect_lost(ORDER_LIMIT - 2);
}

Test(cppipc_order, ids_wrap)
{
    for (int many = 0; many < 2; many++) {
        begin(many);
        take(UINT32_MAX - 700, 700);
        order_settle(&order);
        expect_lost(0);
        cr_expect(!order_take(&order, UINT32_MAX - 50), "a repetition from before the wrap");
        begin(many);
        take(UINT32_MAX - 9, UINT32_MAX - 5);
        take(4, 4);
        order_settle(&order);
        expect_lost(9);
    }
}

Test(cppipc_order, counters_that_begin_anew_are_no_loss_and_no_repetition)
{
    begin(false);
    take(100000, 101000);
    take(0, 100);
    expect_lost(0);
    cr_expect(order_tell_duplicates(&order) == 0);
    take(103, 103);
    expect_lost(2);
    begin(true);
    take(3000000000, 3000000500);
    take(0, 1000);
    order_settle(&order);
    expect_lost(0);
}

Test(cppipc_order, one_that_was_very_late_is_delivered_and_comes_off_the_losses)
{
    begin(true);
    take(0, 9);
    take(11, 100000);
    expect_lost(1);
    take(10, 10);
    cr_expect(!order_take(&order, 10), "once");
    take(100001, 100003);
    take(100006, 100006);
    order_settle(&order);
    expect_lost(1); /* 100004 and 100005, less the one */
}

Test(cppipc_order, what_is_of_no_use_is_lost_once)
{
    begin(false);
    order_spoil(&order, 3);
    expect_lost(1);
    take(4, 6);
    order_spoil(&order, 7);
    take(8, 8);
    expect_lost(1);
    cr_expect(!order_spoil(&order, 8));
    expect_lost(0);
    cr_expect(order_tell_duplicates(&order) == 1);
}

Test(cppipc_order, what_a_predecessor_had_in_its_hands_is_lost)
{
    begin(false);
    order_continue(&order, 70);
    cr_expect(!order_take(&order, 69), "it had been counted");
    take(71, 80);
    expect_lost(1);
    order_init(&order, true);
    order_continue(&order, 0);
    take(0, 5);
    order_settle(&order);
    expect_lost(0);
}

Test(cppipc_order, before_the_first_message_nothing_is_missing)
{
    begin(true);
    order_settle(&order);
    take(500, 500);
    take(498, 499);
    take(501, 505);
    order_settle(&order);
    expect_lost(0);
    cr_expect(order.found == 0);
}
