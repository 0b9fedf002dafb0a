/* What the tests of questions and answers share: both ends in one thread, or a replier as a child; numbers as questions. Whatever a
 * helper cannot do fails the test. */
#ifndef REQUEST_FIXTURE_H
#define REQUEST_FIXTURE_H

#include "channel_fixture.h"

#include <leat/request.h>

#define SECOND_NS (INT64_C(1000) * MS_NS)
#define for_each_policy(policy_) for (uint32_t policy_ = 0; policy_ < 2; policy_++)

extern unsigned char buffer[4096]; /* where answers go */

/* On the channels "q" and "a", with the fixture's options. */
struct leat_requester *requester_on(void);
struct leat_replier *replier_on(void);

/* Both ends in this thread. */
struct ends {
    struct leat_requester *requester;
    struct leat_replier *replier;
};
struct ends ends_open(uint32_t policy); /* on new channels */
void ends_close(struct ends ends);

/* The requester's side. */
uint64_t ask(struct leat_requester *requester, uint64_t number, int64_t limit_ns);
uint64_t survey(struct leat_requester *requester, int64_t deadline_ns);
int request(struct leat_requester *requester, uint64_t number, struct leat_message *message, int64_t timeout_ns);
int receive(struct leat_requester *requester, struct leat_message *message, int64_t timeout_ns);
int survey_next(struct leat_requester *requester, uint64_t tag, struct leat_message *message, int64_t timeout_ns);
uint64_t number_in(const struct leat_message *message);
void must_receive(struct leat_requester *requester, uint64_t tag, uint64_t number);
void must_time_out(struct leat_requester *requester, uint64_t tag);
void must_hear_nothing(struct leat_requester *requester);

/* The replier's side. */
uint64_t hear(struct leat_replier *replier, uint64_t *number);
void answer(struct leat_replier *replier, uint64_t tag, uint64_t number);
void *serve(void *replier); /* answers each number with its successor, up to and with 0 */

/* An answer under this tag is published, and nothing comes of it. */
void must_be_ignored(struct ends ends, uint64_t tag);

#endif
