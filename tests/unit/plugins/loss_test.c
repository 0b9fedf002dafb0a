/* plugins/common/sp_loss.h against a pipe whose truth is known: a queue of a certain length that drops the oldest. */
#include "common/sp_loss.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define QUEUE 10u
#define ROOM (QUEUE + 1) /* and one that is being written */

struct truth {
    uint64_t offered, sent, queued, lost;
};

static void offer(struct truth *truth, uint64_t count)
{
    truth->offered += count;
    truth->queued += count;
    if (truth->queued > ROOM) {
        truth->lost += truth->queued - ROOM;
        truth->queued = ROOM;
    }
}

static void write_out(struct truth *truth, uint64_t count)
{
    count = count < truth->queued ? count : truth->queued;
    truth->queued -= count;
    truth->sent += count;
}

static void look(struct sp_loss *loss, const struct truth *truth)
{
    sp_loss_look(loss, ROOM, truth->offered, truth->offered, truth->sent);
    cr_assert(loss->lost <= truth->lost && truth->lost <= loss->possible, "%lu <= %lu <= %lu",
              (unsigned long)loss->lost, (unsigned long)truth->lost, (unsigned long)loss->possible);
    cr_assert_eq(loss->offered, loss->sent + loss->lost + sp_loss_queued(loss));
}

Test(loss, a_pipe_whose_queue_never_overflows_has_lost_nothing)
{
    struct truth truth = {0};
    struct sp_loss loss = {0};
    for (int turn = 0; turn < 100; turn++) {
        offer(&truth, 5);
        write_out(&truth, turn % 2 ? 6 : 4);
        look(&loss, &truth);
    }
    cr_assert_eq(loss.possible, 0);
}

Test(loss, what_overflows_while_a_pipe_stands_still_is_known_exactly)
{
    struct truth truth = {0};
    struct sp_loss loss = {0};
    look(&loss, &truth);
    for (int turn = 0; turn < 100; turn++) {
        offer(&truth, 3);
        look(&loss, &truth);
        cr_assert_eq(loss.lost, truth.lost);
    }
    cr_assert_eq(sp_loss_queued(&loss), ROOM);
}

Test(loss, a_pipe_that_has_caught_up_is_known_exactly_once_it_is_idle)
{
    struct truth truth = {0};
    struct sp_loss loss = {0};
    for (int turn = 0; turn < 100; turn++) {
        offer(&truth, 50);
        write_out(&truth, 4);
        look(&loss, &truth);
    }
    for (int turn = 0; turn < 8; turn++) {
        offer(&truth, 1);
        write_out(&truth, ROOM);
        look(&loss, &truth);
    }
    cr_assert(!sp_loss_is_doubtful(&loss) && !sp_loss_is_doubtful(&loss) && sp_loss_is_doubtful(&loss));
    sp_loss_nothing_waits(&loss);
    cr_assert_eq(loss.lost, truth.lost);
    cr_assert_eq(sp_loss_queued(&loss), 0);
}

Test(loss, what_waits_in_a_queue_is_not_taken_for_lost)
{
    struct truth truth = {0};
    struct sp_loss loss = {0};
    offer(&truth, 5);
    for (int turn = 0; turn < 10; turn++) {
        look(&loss, &truth);
        cr_assert(!sp_loss_is_doubtful(&loss));
    }
    cr_assert_eq(loss.lost, 0);
    cr_assert_eq(sp_loss_queued(&loss), 5);
}

Test(loss, every_account_has_the_truth_between_its_bounds)
{
    srandom(1);
    for (int pipe = 0; pipe < 200; pipe++) {
        struct truth truth = {0};
        struct sp_loss loss = {0};
        long offers = 1 + random() % 30, writes = 1 + random() % 30;
        for (int turn = 0; turn < 200; turn++) {
            offer(&truth, (uint64_t)(random() % offers));
            write_out(&truth, (uint64_t)(random() % writes));
            if (random() % 3 == 0)
                look(&loss, &truth);
        }
    }
}

Test(loss, what_was_written_before_the_account_began_is_put_before_it)
{
    struct sp_loss loss = {0};
    sp_loss_look(&loss, ROOM, 3, 3, 5);
    cr_assert_eq(loss.offered, 5);
    sp_loss_look(&loss, ROOM, 13, 13, 15);
    cr_assert(loss.lost == 0 && sp_loss_queued(&loss) == 0);
}

Test(loss, what_was_offered_after_the_end_of_a_pipe_is_not_lost)
{
    struct sp_loss loss = {0};
    sp_loss_look(&loss, ROOM, 100, 100, 98);
    sp_loss_end(&loss, ROOM, 5000, 99);
    cr_assert_eq(loss.lost, 0);
    cr_assert_leq(sp_loss_queued(&loss), ROOM);
}

Test(loss, an_older_look_changes_nothing)
{
    struct sp_loss loss = {0};
    sp_loss_look(&loss, ROOM, 100, 100, 60);
    struct sp_loss before = loss;
    sp_loss_look(&loss, ROOM, 90, 100, 50);
    cr_assert(loss.lost == before.lost && loss.sent == before.sent && loss.offered == before.offered);
}
