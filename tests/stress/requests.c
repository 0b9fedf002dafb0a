/* Several requesters and repliers on one pair of channels, each in a thread of its own, with many questions open at once. Repliers
 * hold questions and answer them in another order, some twice, some never, and one goes away and comes back in between. Each
 * question must end exactly once, with its own answer or with its time-out. */
#include "trial.h"

#include <leat/request.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTERS 4u
#define REPLIERS 3u
#define QUESTIONS (TRIAL_SLOW ? 5000u : 50000u)
#define OPEN 100u
#define HELD 40u
#define LIMIT_NS TRIAL_S /* how long a question that nobody answers is waited for */

static struct names {
    char requests[64], replies[80];
} names;
static struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
static _Atomic bool over;

struct question {
    uint64_t asker, number;
};

/* No replier answers every 500th. */
static bool is_hopeless(const struct question *question)
{
    return question->number % 500 == 499;
}

/* ---- repliers --------------------------------------------------------------------------------------------------- */

struct held {
    uint64_t tag;
    struct question question;
};

static void answer(struct leat_replier *replier, const struct held *held, uint64_t *random)
{
    unsigned times = is_hopeless(&held->question) ? 0 : trial_random(random) % 4 == 0 ? 2 : 1;
    for (unsigned i = 0; i < times; i++) {
        int error = leat_reply(replier, held->tag, &held->question, sizeof held->question, 10 * TRIAL_S);
        trial_check(error == 0, "answering: %s", leat_strerror(error));
    }
}

static struct leat_replier *open_replier(void)
{
    struct leat_replier *replier;
    int error = leat_replier_open(&replier, names.requests, names.replies, &options);
    trial_check(error == 0, "%s", leat_error_text());
    return replier;
}

/* Takes its share of the questions: those of its own number, so that each is answered by one. */
static bool is_ours(const struct question *question, unsigned number)
{
    return question->number % REPLIERS == number;
}

static void *reply_service(void *number)
{
    unsigned self = (unsigned)(uintptr_t)number;
    uint64_t random = self, taken = 0;
    struct leat_replier *replier = open_replier();
    struct held held[HELD];
    size_t count = 0;
    while (!atomic_load(&over)) {
        struct leat_message request;
        int error = leat_replier_next(replier, &held[count].question, sizeof held[count].question, &request, TRIAL_MS);
        trial_check(error == 0 || error == LEAT_ETIMEDOUT, "reading: %s", leat_strerror(error));
        held[count].tag = request.tag;
        if (error == 0 && is_ours(&held[count].question, self))
            count++;
        for (bool all = error != 0; count == HELD || (all && count > 0);) {
            size_t chosen = trial_random(&random) % count;
            answer(replier, &held[chosen], &random);
            held[chosen] = held[--count];
        }
        if (self == 0 && ++taken % 5000 == 0 && count == 0) {
            leat_replier_close(replier); /* questions that are asked now time out */
            replier = open_replier();
        }
    }
    leat_replier_close(replier);
    return NULL;
}

/* ---- requesters ------------------------------------------------------------------------------------------------- */

struct asker {
    struct leat_requester *requester;
    uint64_t number, asked, answered, expired;
    uint64_t tags[QUESTIONS]; /* 0: it has ended */
};

static bool ask(struct asker *asker)
{
    struct question question = {asker->number, asker->asked};
    int error = leat_requester_send(asker->requester, &question, sizeof question, LIMIT_NS, &asker->tags[asker->asked]);
    trial_check(error == 0 || error == LEAT_EAGAIN, "asking: %s", leat_strerror(error));
    asker->asked += error == 0;
    return error == 0;
}

static void judge(struct asker *asker, const struct leat_message *message, const struct question *answer, int error)
{
    uint64_t number = answer->number;
    if (error == LEAT_ETIMEDOUT)
        for (number = asker->asked; number-- > 0 && asker->tags[number] != message->tag;)
            ;
    else
        trial_check(answer->asker == asker->number && !is_hopeless(answer),
                    "asker %" PRIu64 " got %" PRIu64 ":%" PRIu64, asker->number, answer->asker, answer->number);
    trial_check(number < asker->asked && asker->tags[number] == message->tag, "question %" PRIu64 " ended before",
                number);
    asker->tags[number] = 0;
    error ? asker->expired++ : asker->answered++;
}

static void take(struct asker *asker)
{
    struct leat_message message;
    struct question got;
    int error = leat_requester_receive(asker->requester, &got, sizeof got, &message, 10 * TRIAL_S);
    trial_check(error == 0 || error == LEAT_ETIMEDOUT, "receiving: %s", leat_strerror(error));
    judge(asker, &message, &got, error);
}

static void *ask_service(void *argument)
{
    struct asker *asker = argument;
    while (asker->answered + asker->expired < QUESTIONS) {
        uint64_t open = asker->asked - asker->answered - asker->expired;
        if (asker->asked == QUESTIONS || open == OPEN || (!ask(asker) && open > 0))
            take(asker);
    }
    return NULL;
}

/* ---- a trial ---------------------------------------------------------------------------------------------------- */

static void run(struct asker *askers)
{
    pthread_t asking[REQUESTERS], replying[REPLIERS];
    for (unsigned i = 0; i < REPLIERS; i++)
        trial_check(pthread_create(&replying[i], NULL, reply_service, (void *)(uintptr_t)i) == 0, "no thread");
    for (unsigned i = 0; i < REQUESTERS; i++)
        trial_check(pthread_create(&asking[i], NULL, ask_service, &askers[i]) == 0, "no thread");
    for (unsigned i = 0; i < REQUESTERS; i++)
        pthread_join(asking[i], NULL);
    atomic_store(&over, true);
    for (unsigned i = 0; i < REPLIERS; i++)
        pthread_join(replying[i], NULL);
}

static void trial(enum leat_policy policy)
{
    struct asker *askers = calloc(REQUESTERS, sizeof *askers);
    snprintf(names.requests, sizeof names.requests, "%s", trial_channel("requests"));
    snprintf(names.replies, sizeof names.replies, "%s.replies", names.requests);
    options.policy = policy;
    atomic_store(&over, false);
    for (unsigned i = 0; i < REQUESTERS; i++) {
        askers[i].number = i;
        int error = leat_requester_open(&askers[i].requester, names.requests, names.replies, &options);
        trial_check(error == 0, "%s", leat_error_text());
    }
    run(askers);
    uint64_t answered = 0, expired = 0;
    for (unsigned i = 0; i < REQUESTERS; i++) {
        answered += askers[i].answered;
        expired += askers[i].expired;
        leat_requester_close(askers[i].requester);
    }
    free(askers);
    leat_channel_remove(NULL, names.replies, 1);
    printf("policy %d: %" PRIu64 " answered, %" PRIu64 " timed out\n", (int)policy, answered, expired);
    trial_check(answered > (uint64_t)REQUESTERS * QUESTIONS / 2, "too few answers: this shows nothing");
    trial_check(expired >= (uint64_t)REQUESTERS * (QUESTIONS / 500), "an answer came to what nobody answered");
}

int main(void)
{
    trial(LEAT_OVERWRITE);
    trial(LEAT_BLOCK);
    return 0;
}
