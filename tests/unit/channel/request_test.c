/* Questions and answers over two channels: what a requester hands out, and what it never does. */
#include "request_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(request, .init = fixture_open, .fini = fixture_close, .timeout = 60);

static void shuffle(uint64_t *values, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)random() % i;
        uint64_t value = values[i - 1];
        values[i - 1] = values[j], values[j] = value;
    }
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

Test(request, a_question_gets_its_answer)
{
    for_each_policy(policy)
    {
        struct ends ends = ends_open(policy);
        pthread_t thread;
        pthread_create(&thread, NULL, serve, ends.replier);
        for (uint64_t number = 10000; number-- > 0;) {
            struct leat_message message;
            cr_assert(request(ends.requester, number, &message, PATIENCE_NS) == 0);
            cr_assert(number_in(&message) == number + 1);
        }
        pthread_join(thread, NULL);
        cr_expect(leat_requester_ignored(ends.requester) == 0);
        ends_close(ends);
    }
}

#define MANY 700u

Test(request, many_are_open_and_their_answers_come_in_any_order)
{
    for_each_policy(policy)
    {
        struct ends ends = ends_open(policy);
        uint64_t tags[MANY], numbers[MANY], number;
        for (uint64_t i = 0; i < MANY; i++) {
            tags[i] = ask(ends.requester, i, PATIENCE_NS);
            numbers[i] = i;
            cr_assert(hear(ends.replier, &number) == tags[i] && number == i);
        }
        shuffle(numbers, MANY);
        for (uint64_t i = 0; i < MANY; i++)
            answer(ends.replier, tags[numbers[i]], numbers[i]);
        for (uint64_t i = 0; i < MANY; i++)
            must_receive(ends.requester, tags[numbers[i]], numbers[i]);
        must_hear_nothing(ends.requester);
        ends_close(ends);
    }
}

Test(request, an_answer_that_comes_while_another_is_waited_for_is_kept)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    uint64_t number, tags[3];
    for (uint64_t i = 0; i < 3; i++) {
        tags[i] = ask(ends.requester, i, PATIENCE_NS);
        cr_assert(hear(ends.replier, &number) == tags[i]);
    }
    for (uint64_t i = 3; i-- > 0;)
        answer(ends.replier, tags[i], i);
    struct leat_message message;
    cr_assert(request(ends.requester, 7, &message, MS_NS) == LEAT_ETIMEDOUT); /* nobody answers that one */
    for (uint64_t i = 3; i-- > 0;)
        must_receive(ends.requester, tags[i], i); /* in the order of their arrival */
    must_hear_nothing(ends.requester);
    ends_close(ends);
}

Test(request, an_answer_in_time_that_is_looked_at_late_counts)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    uint64_t number, tag = ask(ends.requester, 1, 2 * SECOND_NS);
    cr_assert(hear(ends.replier, &number) == tag);
    answer(ends.replier, tag, 2);
    sleep(3);
    must_receive(ends.requester, tag, 2);
    ends_close(ends);
}

Test(request, an_answer_that_is_too_large_says_how_large_and_is_gone)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    uint64_t number, tag = ask(ends.requester, 1, PATIENCE_NS);
    struct leat_message message;
    hear(ends.replier, &number);
    cr_assert(leat_reply(ends.replier, tag, buffer, 100, 0) == 0);
    cr_assert(leat_requester_receive(ends.requester, buffer, 99, &message, 0) == LEAT_ETOOBIG);
    cr_assert(message.tag == tag && message.len == 100);
    must_hear_nothing(ends.requester);
    answer(ends.replier, tag, 2);
    must_hear_nothing(ends.requester);
    ends_close(ends);
}

Test(request, a_question_may_be_too_large)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    struct leat_message message;
    void *large = calloc(1, 64 << 10);
    uint64_t tag;
    cr_expect(leat_requester_send(ends.requester, large, 64 << 10, SECOND_NS, &tag) == LEAT_ETOOBIG);
    cr_expect(leat_request(ends.requester, large, 64 << 10, buffer, sizeof buffer, &message, SECOND_NS) ==
              LEAT_ETOOBIG);
    cr_expect(message.len == 0);
    free(large);
    ends_close(ends);
}

Test(request, a_question_has_a_time_limit)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    struct leat_message message;
    uint64_t tag;
    cr_expect(leat_requester_send(ends.requester, "", 0, LEAT_FOREVER, &tag) == -EINVAL);
    cr_expect(leat_survey(ends.requester, "", 0, LEAT_FOREVER, &tag) == -EINVAL);
    cr_expect(request(ends.requester, 1, &message, LEAT_FOREVER) == -EINVAL);
    cr_expect(leat_replier_next(ends.replier, buffer, sizeof buffer, &message, 0) == LEAT_EAGAIN);
    ends_close(ends);
}

Test(request, the_question_whose_limit_comes_first_times_out_first)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    int64_t limits[] = {9, 3, 7, 1, 8, 2, 6, 4, 5};
    uint64_t tags[10];
    for (size_t i = 0; i < 9; i++)
        tags[limits[i]] = ask(ends.requester, i, limits[i] * 10 * MS_NS);
    for (size_t i = 1; i <= 9; i++)
        must_time_out(ends.requester, tags[i]);
    must_hear_nothing(ends.requester);
    ends_close(ends);
}

Test(request, only_so_many_are_open_at_once)
{
    options.capacity_bytes = 8 << 20;
    struct ends ends = ends_open(LEAT_OVERWRITE);
    uint64_t first = ask(ends.requester, 0, PATIENCE_NS), last = first, refused;
    for (uint64_t i = 1; i < LEAT_QUESTIONS_MAX; i++)
        last = ask(ends.requester, i, PATIENCE_NS - (int64_t)(i % 1000));
    cr_assert(leat_requester_send(ends.requester, "", 0, PATIENCE_NS, &refused) == LEAT_EAGAIN);
    answer(ends.replier, last, 5);
    must_receive(ends.requester, last, 5);
    ask(ends.requester, 0, PATIENCE_NS);
    leat_requester_forget(ends.requester, first);
    ask(ends.requester, 0, PATIENCE_NS);
    cr_assert(leat_requester_send(ends.requester, "", 0, PATIENCE_NS, &refused) == LEAT_EAGAIN);
    ends_close(ends);
}

/* ---- what is never seen ----------------------------------------------------------------------------------------- */

Test(request, a_late_answer_is_never_seen)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    uint64_t tag = ask(ends.requester, 1, MS_NS);
    must_time_out(ends.requester, tag);
    must_be_ignored(ends, tag);
    tag = ask(ends.requester, 1, MS_NS);
    usleep(2000);
    answer(ends.replier, tag, 99); /* late, though nobody was told yet that the time is up */
    must_time_out(ends.requester, tag);
    ends_close(ends);
}

Test(request, a_doubled_answer_is_never_seen)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    struct leat_message message;
    uint64_t tag = ask(ends.requester, 1, PATIENCE_NS);
    answer(ends.replier, tag, 2);
    must_receive(ends.requester, tag, 2);
    must_be_ignored(ends, tag);

    tag = ask(ends.requester, 1, PATIENCE_NS); /* and when both are there before anybody looks */
    answer(ends.replier, tag, 3);
    answer(ends.replier, tag, 4);
    cr_assert(request(ends.requester, 7, &message, MS_NS) == LEAT_ETIMEDOUT);
    must_receive(ends.requester, tag, 3);
    must_hear_nothing(ends.requester);
    ends_close(ends);
}

Test(request, an_answer_for_somebody_else_is_never_seen)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    struct leat_requester *other = requester_on();
    uint64_t theirs = ask(other, 1, PATIENCE_NS), ours = ask(ends.requester, 2, PATIENCE_NS);
    cr_assert(theirs != ours);
    must_be_ignored(ends, theirs);
    answer(ends.replier, ours, 3);
    must_receive(ends.requester, ours, 3);
    must_receive(other, theirs, 99);
    leat_requester_close(other);
    ends_close(ends);
}

Test(request, tags_that_nobody_drew_are_never_seen)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    uint64_t tag = ask(ends.requester, 1, PATIENCE_NS);
    uint64_t hostile[] = {0, UINT64_MAX, tag - 1, tag + 1, tag + LEAT_QUESTIONS_MAX, tag - LEAT_QUESTIONS_MAX, ~tag};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        must_be_ignored(ends, hostile[i]);
    for (int i = 0; i < 20000; i++)
        answer(ends.replier, (uint64_t)random() << 33 ^ (uint64_t)random() << 11, 9);
    answer(ends.replier, tag, 2);
    must_receive(ends.requester, tag, 2);
    ends_close(ends);
}

Test(request, a_forgotten_question_takes_no_answer)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    struct leat_message message;
    uint64_t tag = ask(ends.requester, 1, PATIENCE_NS), kept = ask(ends.requester, 2, PATIENCE_NS);
    leat_requester_forget(ends.requester, tag);
    must_be_ignored(ends, tag);
    answer(ends.replier, kept, 2);
    cr_assert(request(ends.requester, 7, &message, MS_NS) == LEAT_ETIMEDOUT);
    leat_requester_forget(ends.requester, kept); /* with its answer */
    leat_requester_forget(ends.requester, 12345);
    must_hear_nothing(ends.requester);
    ends_close(ends);
}

/* Random work on many questions at once, against what a plain array says must come of them. */
Test(request, whatever_the_order_each_question_ends_once)
{
    options.capacity_bytes = 1 << 20;
    struct ends ends = ends_open(LEAT_OVERWRITE);
    static uint64_t tags[1000];
    size_t open = 0, answered = 0, received = 0, asked = 0;
    for (int round = 0; round < 50; round++) {
        for (; open < 1000; open++, asked++)
            tags[open] = ask(ends.requester, open, PATIENCE_NS + random() % 1000);
        shuffle(tags, open);
        for (size_t end = open - (size_t)random() % 990; open > end; open--, answered++)
            answer(ends.replier, tags[open - 1], tags[open - 1]);
        for (size_t end = open - 3; open > end; open--, asked--)
            leat_requester_forget(ends.requester, tags[open - 1]);
        for (struct leat_message message; receive(ends.requester, &message, 0) == 0; received++)
            cr_assert(number_in(&message) == message.tag);
        cr_assert(received == answered);
    }
    cr_assert(asked == answered + open);
    cr_assert(leat_requester_ignored(ends.requester) == 0);
    ends_close(ends);
}
