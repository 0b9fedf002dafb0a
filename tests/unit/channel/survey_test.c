/* Surveys over two channels: every answer until the deadline. */
#include "request_fixture.h"

#include <stdlib.h>

TestSuite(survey, .init = fixture_open, .fini = fixture_close, .timeout = 60);

Test(survey, a_survey_takes_every_answer_until_its_deadline)
{
    for_each_policy(policy)
    {
        struct ends ends = ends_open(policy);
        struct leat_replier *second = replier_on();
        uint64_t tag = survey(ends.requester, 2 * SECOND_NS), number;
        struct leat_message message;
        cr_assert(hear(ends.replier, &number) == tag && hear(second, &number) == tag);
        for (uint64_t i = 0; i < 20; i++)
            answer(i % 2 ? second : ends.replier, tag, i);
        for (uint64_t i = 0; i < 20; i++) {
            cr_assert(survey_next(ends.requester, tag, &message, LEAT_FOREVER) == 0);
            cr_assert(message.tag == tag && number_in(&message) == i);
        }
        cr_assert(survey_next(ends.requester, tag, &message, 0) == LEAT_EAGAIN);
        cr_assert(survey_next(ends.requester, tag, &message, LEAT_FOREVER) == LEAT_ETIMEDOUT);
        must_be_ignored(ends, tag);
        cr_assert(survey_next(ends.requester, tag, &message, 0) == -EINVAL);
        leat_replier_close(second);
        ends_close(ends);
    }
}

Test(survey, surveys_and_questions_do_not_take_each_others_answers)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    uint64_t first = survey(ends.requester, PATIENCE_NS), second = survey(ends.requester, PATIENCE_NS);
    uint64_t plain = ask(ends.requester, 5, PATIENCE_NS);
    struct leat_message message;
    for (uint64_t i = 0; i < 5; i++) {
        answer(ends.replier, second, 200 + i);
        answer(ends.replier, first, 100 + i);
    }
    answer(ends.replier, plain, 6);
    must_receive(ends.requester, plain, 6);
    must_hear_nothing(ends.requester);
    for (uint64_t i = 0; i < 5; i++) {
        cr_assert(survey_next(ends.requester, first, &message, 0) == 0 && number_in(&message) == 100 + i);
        cr_assert(survey_next(ends.requester, second, &message, 0) == 0 && number_in(&message) == 200 + i);
    }
    cr_assert(survey_next(ends.requester, plain, &message, 0) == -EINVAL);
    leat_requester_forget(ends.requester, first);
    must_be_ignored(ends, first);
    ends_close(ends);
}

Test(survey, a_survey_answer_that_is_too_large_leaves_the_others)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    uint64_t tag = survey(ends.requester, PATIENCE_NS);
    struct leat_message message;
    cr_assert(leat_reply(ends.replier, tag, buffer, 100, 0) == 0);
    answer(ends.replier, tag, 2);
    cr_assert(leat_survey_next(ends.requester, tag, buffer, 8, &message, 0) == LEAT_ETOOBIG && message.len == 100);
    cr_assert(leat_survey_next(ends.requester, tag, buffer, 8, &message, 0) == 0 && number_in(&message) == 2);
    ends_close(ends);
}

Test(survey, what_is_kept_is_bounded)
{
    options.capacity_bytes = 4 << 20;
    struct ends ends = ends_open(LEAT_OVERWRITE);
    uint64_t tag = survey(ends.requester, PATIENCE_NS), answers = 0;
    struct leat_message message;
    void *large = calloc(1, 1 << 20);
    for (int i = 0; i < 70; i++) {
        cr_assert(leat_reply(ends.replier, tag, large, 1 << 20, 0) == 0);
        must_hear_nothing(ends.requester);
    }
    cr_assert(leat_requester_ignored(ends.requester) == 7); /* 64 MiB hold 63 of them and their envelopes */
    while (leat_survey_next(ends.requester, tag, large, 1 << 20, &message, 0) == 0)
        answers++;
    cr_assert(answers == 63);
    free(large);
    ends_close(ends);
}
