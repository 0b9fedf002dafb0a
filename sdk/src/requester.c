/* leat_requester: asks under tags of its own, and sorts what comes back: to its asker, to be kept for another call, or to nobody. */
#include <leat/request.h>

#include "clock.h"
#include "copy.h"
#include "dialogue.h"
#include "failure.h"
#include "questions.h"

#include <stdlib.h>
#include <sys/random.h>

#define LOOKS_MAX 4096 /* a call that shall not wait looks at so many answers of others, whatever still lies there */

struct leat_requester {
    struct dialogue dialogue;
    struct questions *questions;
    uint64_t next_tag;
    uint64_t ignored;
};

/* ---- opening --------------------------------------------------------------------------------------------------- */

static int init(struct leat_requester *requester)
{
    if (getrandom(&requester->next_tag, sizeof requester->next_tag, 0) != sizeof requester->next_tag)
        return failure_os(-errno, "no random number");
    requester->questions = questions_new();
    return requester->questions != NULL ? 0 : failure(-ENOMEM, "out of memory");
}

int leat_requester_open(struct leat_requester **requester, const char *requests, const char *replies,
                        const struct leat_channel_options *options)
{
    struct leat_requester *new = calloc(1, sizeof *new);
    if (new == NULL)
        return failure(-ENOMEM, "out of memory");
    int rc = init(new);
    if (rc == 0)
        rc = dialogue_open(&new->dialogue, requests, replies, options);
    if (rc == 0) {
        *requester = new;
        return 0;
    }
    questions_free(new->questions);
    free(new);
    return rc;
}

void leat_requester_close(struct leat_requester *requester)
{
    if (requester == NULL)
        return;
    dialogue_close(&requester->dialogue);
    questions_free(requester->questions);
    free(requester);
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

/* Opens a question and publishes it. */
static int ask(struct leat_requester *requester, const void *data, size_t len, int64_t limit_ns, bool survey,
               int64_t timeout_ns, uint64_t *tag)
{
    if (limit_ns < 0)
        return -EINVAL;
    struct question *question = questions_open(requester->questions, requester->next_tag, limit_ns, survey);
    if (question == NULL)
        return LEAT_EAGAIN;
    int rc = dialogue_publish(&requester->dialogue, data, len, requester->next_tag, timeout_ns);
    if (rc != 0) {
        questions_close(requester->questions, question);
        return rc;
    }
    *tag = requester->next_tag++;
    return 0;
}

int leat_requester_send(struct leat_requester *requester, const void *data, size_t len, int64_t limit_ns, uint64_t *tag)
{
    return ask(requester, data, len, limit_ns, false, 0, tag);
}

int leat_survey(struct leat_requester *requester, const void *data, size_t len, int64_t deadline_ns, uint64_t *tag)
{
    return ask(requester, data, len, deadline_ns, true, 0, tag);
}

void leat_requester_forget(struct leat_requester *requester, uint64_t tag)
{
    struct question *question = questions_find(requester->questions, tag);
    if (question != NULL)
        questions_close(requester->questions, question);
}

uint64_t leat_requester_ignored(const struct leat_requester *requester)
{
    return requester->ignored;
}

/* ---- what comes back ------------------------------------------------------------------------------------------- */

/* What a call waits for, and where it shall go. */
struct wish {
    bool any; /* any question but a survey; else `tag` */
    uint64_t tag;
    void *buffer;
    size_t size;
    struct leat_message *message;
};

#define FULFILLED 1
#define SOMETHING_ELSE 0

static bool is_wished(const struct wish *wish, const struct question *question)
{
    return wish->any ? !question->survey : question->tag == wish->tag;
}

/* An answer in time may be looked at late. */
static bool takes(const struct question *question, const struct leat_message *answer)
{
    if (question->first != NULL && !question->survey)
        return false;
    return clock_monotonic_ns() <= question->limit_ns || answer->time_ns <= question->limit_time_ns;
}

/* The answer's bytes are in the wish's buffer, or too many for it. */
static int fulfil(struct leat_requester *requester, struct question *question, const struct wish *wish,
                  const struct leat_message *answer)
{
    bool fits = answer->len <= wish->size;
    *wish->message = *answer;
    wish->message->data = fits ? wish->buffer : NULL;
    if (!question->survey)
        questions_close(requester->questions, question);
    return fits ? FULFILLED : LEAT_ETOOBIG;
}

static int hand_out(struct leat_requester *requester, struct question *question, const struct wish *wish,
                    const struct leat_message *lent)
{
    if (lent->len <= wish->size)
        copy_bytes(wish->buffer, lent->data, lent->len);
    if (leat_release(requester->dialogue.reader) != 0)
        return SOMETHING_ELSE; /* overwritten: it never came */
    return fulfil(requester, question, wish, lent);
}

static int keep(struct leat_requester *requester, struct question *question, const struct leat_message *lent)
{
    struct letter *letter = questions_letter(requester->questions, lent->len);
    if (letter != NULL) {
        letter->message = *lent;
        copy_bytes(letter + 1, lent->data, lent->len);
    }
    int rc = leat_release(requester->dialogue.reader);
    if (rc == 0 && letter != NULL) {
        questions_keep(requester->questions, question, letter);
        return SOMETHING_ELSE;
    }
    letter_free(letter);
    requester->ignored += rc == 0;
    return SOMETHING_ELSE;
}

/* Waits for the next message of the channel and sorts it. FULFILLED; LEAT_ETOOBIG: that was it, but it is too large;
 * SOMETHING_ELSE; or what leat_borrow says when there is none. */
static int look(struct leat_requester *requester, const struct wish *wish, int64_t timeout_ns)
{
    struct leat_message lent;
    int rc = dialogue_borrow(&requester->dialogue, &lent, timeout_ns);
    if (rc == LEAT_ECORRUPT)
        return SOMETHING_ELSE;
    if (rc != 0)
        return rc;
    struct question *question = questions_find(requester->questions, lent.tag);
    if (question != NULL && takes(question, &lent))
        return is_wished(wish, question) ? hand_out(requester, question, wish, &lent)
                                         : keep(requester, question, &lent);
    leat_release(requester->dialogue.reader);
    requester->ignored++;
    return SOMETHING_ELSE;
}

/* As look, out of what was kept; the question has a letter. */
static int look_up(struct leat_requester *requester, struct question *question, const struct wish *wish)
{
    struct letter *letter = questions_take(requester->questions, question);
    struct leat_message answer = letter->message;
    if (answer.len <= wish->size)
        copy_bytes(wish->buffer, letter + 1, answer.len);
    letter_free(letter);
    return fulfil(requester, question, wish, &answer);
}

static bool is_nothing(int rc)
{
    return rc == LEAT_EAGAIN || rc == LEAT_ETIMEDOUT;
}

/* Looks at all that lies there without waiting. As look; SOMETHING_ELSE never. */
static int look_at_all(struct leat_requester *requester, const struct wish *wish)
{
    int rc = SOMETHING_ELSE;
    for (int looks = 0; looks < LOOKS_MAX && rc == SOMETHING_ELSE; looks++)
        rc = look(requester, wish, 0);
    return rc == SOMETHING_ELSE ? LEAT_EAGAIN : rc;
}

/* A wish's result as its caller's. */
static int result(int rc)
{
    return rc == FULFILLED ? 0 : rc;
}

int leat_request(struct leat_requester *requester, const void *data, size_t len, void *buffer, size_t size,
                 struct leat_message *answer, int64_t timeout_ns)
{
    struct wish wish = {.buffer = buffer, .size = size, .message = answer};
    struct deadline deadline = deadline_in(timeout_ns);
    int64_t left = deadline_left(&deadline, INT64_MAX);
    *answer = (struct leat_message){0};
    int rc = ask(requester, data, len, timeout_ns, false, left, &wish.tag);
    if (rc != 0)
        return rc;
    do {
        left = deadline_left(&deadline, INT64_MAX);
        rc = left > 0 ? look(requester, &wish, left) : look_at_all(requester, &wish);
    } while (left > 0 && (rc == SOMETHING_ELSE || is_nothing(rc)));
    leat_requester_forget(requester, wish.tag);
    return rc == SOMETHING_ELSE || is_nothing(rc) ? LEAT_ETIMEDOUT : result(rc);
}

/* What can be said without waiting: FULFILLED, LEAT_ETOOBIG, LEAT_ETIMEDOUT for a question whose time is up, a failure, or
 * LEAT_EAGAIN and until when to wait: *limit_ns. */
static int next_event(struct leat_requester *requester, const struct wish *wish, int64_t *limit_ns)
{
    struct question *question = questions_next(requester->questions);
    if (question != NULL && question->first != NULL)
        return look_up(requester, question, wish);
    int rc = look_at_all(requester, wish);
    if (!is_nothing(rc))
        return rc;
    *limit_ns = question != NULL ? question->limit_ns : INT64_MIN;
    if (question == NULL || clock_monotonic_ns() <= question->limit_ns)
        return LEAT_EAGAIN;
    *wish->message = (struct leat_message){.tag = question->tag};
    questions_close(requester->questions, question);
    return LEAT_ETIMEDOUT;
}

/* How long to wait for the next look: until the time limit of the question, or as long as the call may. 0: no longer. */
static int64_t wait_ns(struct deadline *deadline, int64_t limit_ns)
{
    int64_t until_limit = limit_ns - clock_monotonic_ns() + 1;
    return deadline_left(deadline, until_limit > 1 ? until_limit : 1);
}

int leat_requester_receive(struct leat_requester *requester, void *buffer, size_t size, struct leat_message *message,
                           int64_t timeout_ns)
{
    struct wish wish = {.any = true, .buffer = buffer, .size = size, .message = message};
    struct deadline deadline = deadline_in(timeout_ns);
    for (;;) {
        int64_t limit_ns = INT64_MIN;
        int rc = next_event(requester, &wish, &limit_ns);
        int64_t left = rc == LEAT_EAGAIN && limit_ns > 0 ? wait_ns(&deadline, limit_ns) : 0;
        if (left > 0)
            rc = look(requester, &wish, left);
        if (left == 0 || (rc != SOMETHING_ELSE && !is_nothing(rc)))
            return result(rc);
    }
}

int leat_survey_next(struct leat_requester *requester, uint64_t tag, void *buffer, size_t size,
                     struct leat_message *answer, int64_t timeout_ns)
{
    struct wish wish = {.tag = tag, .buffer = buffer, .size = size, .message = answer};
    struct question *survey = questions_find(requester->questions, tag);
    struct deadline deadline = deadline_in(timeout_ns);
    if (survey == NULL || !survey->survey)
        return -EINVAL;
    for (;;) {
        int rc = survey->first != NULL ? look_up(requester, survey, &wish) : look_at_all(requester, &wish);
        bool ended = clock_monotonic_ns() > survey->limit_ns;
        int64_t left = is_nothing(rc) && !ended ? wait_ns(&deadline, survey->limit_ns) : 0;
        if (left > 0)
            rc = look(requester, &wish, left);
        if (left > 0 && (rc == SOMETHING_ELSE || is_nothing(rc)))
            continue;
        if (!is_nothing(rc) || !ended)
            return result(rc);
        questions_close(requester->questions, survey);
        return LEAT_ETIMEDOUT;
    }
}
