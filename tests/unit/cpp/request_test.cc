#include "folder.hpp"

#include <leat/leat.hpp>

#include <criterion/criterion.h>

#include <stdexcept>
#include <thread>

using namespace std::chrono_literals;

/* Answers `count` questions with what was asked, on a thread of its own. */
static std::thread echo(leat::replier &replier, int count)
{
    return std::thread([&replier, count] {
        leat::letter question;
        for (int left = count; left > 0 && replier.next(question, 10s); left--)
            replier.reply(question.info.tag, question.data());
    });
}

Test(cpp_request, a_question_gets_its_answer)
{
    folder shm;
    leat::replier replier("orders", "orders.replies");
    leat::requester requester("orders", "orders.replies");
    std::thread answering = echo(replier, 1);
    const auto answer = requester.request(std::string("buy"), 10s);
    answering.join();
    cr_assert(answer.has_value());
    cr_expect(answer->data().text() == "buy" && answer->info.data == answer->content.data());
}

Test(cpp_request, a_question_that_nobody_answers_ends_with_its_limit)
{
    folder shm;
    leat::requester requester("orders", "orders.replies");
    cr_expect(!requester.request(std::string("buy"), 1ms));
}

Test(cpp_request, many_questions_may_be_open)
{
    folder shm;
    leat::replier replier("orders", "orders.replies");
    leat::requester requester("orders", "orders.replies");
    const auto first = requester.send(std::string("first"), 10s), second = requester.send(std::string("second"), 10s);
    std::thread answering = echo(replier, 2);
    leat::letter answer;
    cr_assert(requester.receive(answer, 10s) == leat::requester::outcome::answered);
    cr_expect(answer.info.tag == *first && answer.data().text() == "first");
    cr_assert(requester.receive(answer, 10s) == leat::requester::outcome::answered);
    cr_expect(answer.info.tag == *second && answer.data().text() == "second");
    answering.join();
    cr_expect(requester.receive(answer, 0ns) == leat::requester::outcome::nothing);
}

Test(cpp_request, an_expired_question_is_told)
{
    folder shm;
    leat::requester requester("orders", "orders.replies");
    const auto tag = requester.send(std::string("buy"), 1ms);
    leat::letter answer;
    cr_assert(requester.receive(answer, 10s) == leat::requester::outcome::expired);
    cr_expect(answer.info.tag == *tag);
}

Test(cpp_request, a_survey_hands_out_every_answer)
{
    folder shm;
    leat::replier one("roll", "roll.replies"), two("roll", "roll.replies");
    leat::requester surveyor("roll", "roll.replies");
    std::thread first = echo(one, 1), second = echo(two, 1);
    std::size_t seen = 0;
    const auto answers = surveyor.survey(
        std::string("who?"), 1s, [&seen](const leat::letter &letter) { seen += letter.data().text() == "who?"; });
    first.join();
    second.join();
    cr_expect(answers == 2u && seen == 2);
}

Test(cpp_request, an_exception_ends_a_survey)
{
    folder shm;
    leat::replier replier("roll", "roll.replies");
    leat::requester surveyor("roll", "roll.replies");
    std::thread answering = echo(replier, 1);
    const auto refuse = [](const leat::letter &) { throw std::runtime_error("no"); };
    cr_expect_throw(surveyor.survey(std::string("who?"), 10s, refuse), std::runtime_error);
    answering.join();
}
