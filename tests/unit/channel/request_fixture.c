#include "request_fixture.h"

#include <string.h>

unsigned char buffer[4096];

struct leat_requester *requester_on(void)
{
    struct leat_requester *requester;
    int rc = leat_requester_open(&requester, "q", "a", &options);
    cr_assert(rc == 0, "%d %s", rc, leat_error_text());
    return requester;
}

struct leat_replier *replier_on(void)
{
    struct leat_replier *replier;
    int rc = leat_replier_open(&replier, "q", "a", &options);
    cr_assert(rc == 0, "%d %s", rc, leat_error_text());
    return replier;
}

struct ends ends_open(uint32_t policy)
{
    options.policy = policy;
    remove_channel("q");
    remove_channel("a");
    return (struct ends){requester_on(), replier_on()};
}

void ends_close(struct ends ends)
{
    leat_requester_close(ends.requester);
    leat_replier_close(ends.replier);
}

uint64_t ask(struct leat_requester *requester, uint64_t number, int64_t limit_ns)
{
    uint64_t tag;
    int rc = leat_requester_send(requester, &number, sizeof number, limit_ns, &tag);
    cr_assert(rc == 0, "%s", leat_strerror(rc));
    return tag;
}

uint64_t survey(struct leat_requester *requester, int64_t deadline_ns)
{
    uint64_t tag;
    cr_assert(leat_survey(requester, "who?", 4, deadline_ns, &tag) == 0);
    return tag;
}

uint64_t hear(struct leat_replier *replier, uint64_t *number)
{
    struct leat_message request;
    int rc = leat_replier_next(replier, number, sizeof *number, &request, PATIENCE_NS);
    cr_assert(rc == 0 && request.len <= sizeof *number, "%s", leat_strerror(rc));
    return request.tag;
}

void answer(struct leat_replier *replier, uint64_t tag, uint64_t number)
{
    cr_assert(leat_reply(replier, tag, &number, sizeof number, PATIENCE_NS) == 0);
}

int receive(struct leat_requester *requester, struct leat_message *message, int64_t timeout_ns)
{
    return leat_requester_receive(requester, buffer, sizeof buffer, message, timeout_ns);
}

uint64_t number_in(const struct leat_message *message)
{
    uint64_t number = 0;
    cr_assert(message->data == buffer && message->len == sizeof number);
    memcpy(&number, buffer, sizeof number);
    return number;
}

void must_receive(struct leat_requester *requester, uint64_t tag, uint64_t number)
{
    struct leat_message message;
    int rc = receive(requester, &message, PATIENCE_NS);
    cr_assert(rc == 0, "%s", leat_strerror(rc));
    cr_assert(message.tag == tag && number_in(&message) == number);
}

void must_time_out(struct leat_requester *requester, uint64_t tag)
{
    struct leat_message message;
    cr_assert(receive(requester, &message, PATIENCE_NS) == LEAT_ETIMEDOUT);
    cr_assert(message.tag == tag);
}

void must_hear_nothing(struct leat_requester *requester)
{
    struct leat_message message;
    cr_assert(receive(requester, &message, 0) == LEAT_EAGAIN);
}

/* Answers each number with its successor until it is told 0. */
void *serve(void *argument)
{
    for (uint64_t number = 1; number != 0;) {
        uint64_t tag = hear(argument, &number);
        answer(argument, tag, number + 1);
    }
    return NULL;
}

int request(struct leat_requester *requester, uint64_t number, struct leat_message *message, int64_t timeout_ns)
{
    return leat_request(requester, &number, sizeof number, buffer, sizeof buffer, message, timeout_ns);
}

void must_be_ignored(struct ends ends, uint64_t tag)
{
    uint64_t before = leat_requester_ignored(ends.requester);
    answer(ends.replier, tag, 99);
    must_hear_nothing(ends.requester);
    cr_assert(leat_requester_ignored(ends.requester) == before + 1);
}

int survey_next(struct leat_requester *requester, uint64_t tag, struct leat_message *message, int64_t timeout_ns)
{
    return leat_survey_next(requester, tag, buffer, sizeof buffer, message, timeout_ns);
}
