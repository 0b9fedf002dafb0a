/* Questions and answers over two channels: one for requests (or surveys), one for what comes back.
 *
 *     leat_requester -> channel "orders" -> leat_replier        on one host, or with a gateway's bridge in between
 *     leat_requester <- channel "orders.replies" <- leat_replier
 *
 * Each question carries a tag that no other question has (64 random bits drawn at open, counted on), and its answer carries
 * it back. A requester hands out only answers to questions that it has asked and that are still open: one that comes late,
 * twice, or for somebody else is never seen. Whoever dies in between (the replier, the gateway, another requester), a question
 * ends with its answer or with its time limit.
 *
 * A channel is a broadcast: with several repliers on one channel each gets every question, and the first answer counts (a
 * survey wants just that: every answer counts until the deadline).
 *
 * Channels: what is not there yet is created with the options given, LEAT_OPEN_EXISTING forbids that. With options NULL what is
 * there is taken as it is, and what is not gets the defaults of channel.h. A channel that is removed later is opened again, and
 * created again; only when that fails does a call return why, as leat_writer_open and leat_reader_open do, and the next call tries
 * anew. An overwrite channel may lose questions and answers of those who read slowly, which the requester sees as time-outs; a block
 * channel loses none, but a requester that is not in one of its calls for long holds the repliers back.
 *
 * Threads: a requester or replier belongs to one thread at a time. Times are nanoseconds. A question always has a time limit:
 * LEAT_FOREVER is none (-EINVAL). An answer that was published in time counts, even when it is looked at later. */
#ifndef LEAT_REQUEST_H
#define LEAT_REQUEST_H

#include <leat/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEAT_QUESTIONS_MAX 65536 /* open at once, for one requester */
#define LEAT_ANSWERS_KEPT_MAX \
    (UINT64_C(64) << 20) /* bytes of answers kept for later calls; what is beyond is ignored */

/* ---- asking ---------------------------------------------------------------------------------------------------- */

struct leat_requester;

/* Opens both channels: `requests` for writing, `replies` for reading from now on. 0, or as leat_writer_open and
 * leat_reader_open. *requester is set only on success. */
LEAT_API int leat_requester_open(struct leat_requester **requester, const char *requests, const char *replies,
                                 const struct leat_channel_options *options);

/* Asks and waits for the answer, which is copied into `buffer`; answer->data points there. 0, or LEAT_ETIMEDOUT (no answer in
 * time, or no room for the question); LEAT_ETOOBIG (the question is larger than the channel takes, and answer->len is 0; or the
 * answer is larger than `size`: answer->len says how large, and it is gone); LEAT_EAGAIN (LEAT_QUESTIONS_MAX are open); -EINVAL.
 * Answers to other open questions that come meanwhile are kept for leat_requester_receive and leat_survey_next. */
LEAT_API int leat_request(struct leat_requester *requester, const void *data, size_t len, void *buffer, size_t size,
                          struct leat_message *answer, int64_t timeout_ns);

/* Asks and does not wait: many questions may be open at once. *tag is the question's; `limit_ns` is how long its answer is
 * waited for. 0, or LEAT_EAGAIN (no room in the channel, or LEAT_QUESTIONS_MAX are open), LEAT_ETOOBIG, -EINVAL. */
LEAT_API int leat_requester_send(struct leat_requester *requester, const void *data, size_t len, int64_t limit_ns,
                                 uint64_t *tag);

/* The next thing that happens to a question of leat_requester_send: 0 and its answer, whose tag says which question it is for; or
 * LEAT_ETIMEDOUT and message->tag is a question whose time limit has passed; LEAT_ETOOBIG and message->tag and len are an answer's
 * that is larger than `size` and gone. In each case that question is closed. LEAT_EAGAIN: nothing happened within `timeout_ns`, or
 * no such question is open. */
LEAT_API int leat_requester_receive(struct leat_requester *requester, void *buffer, size_t size,
                                    struct leat_message *message, int64_t timeout_ns);

/* Asks everybody: like leat_requester_send, but every answer counts until the deadline. Collect them with leat_survey_next until
 * it says LEAT_ETIMEDOUT, or forget the survey: until then it is one of the open questions. */
LEAT_API int leat_survey(struct leat_requester *requester, const void *data, size_t len, int64_t deadline_ns,
                         uint64_t *tag);

/* The next answer to that survey: 0; LEAT_ETIMEDOUT once its deadline (counted from leat_survey) has passed, and then it is
 * closed; LEAT_EAGAIN: no answer within `timeout_ns` (LEAT_FOREVER: wait until the deadline); LEAT_ETOOBIG: this answer is larger
 * than `size`, it is gone, others may follow; -EINVAL: no such survey is open. */
LEAT_API int leat_survey_next(struct leat_requester *requester, uint64_t tag, void *buffer, size_t size,
                              struct leat_message *answer, int64_t timeout_ns);

/* Gives a question or survey up: what comes for it later is not seen. Unknown tags are harmless. */
LEAT_API void leat_requester_forget(struct leat_requester *requester, uint64_t tag);

/* How many answers were for no open question of this requester: late, doubled, or somebody else's. */
LEAT_API uint64_t leat_requester_ignored(const struct leat_requester *requester);

/* Closes both channels (which stay) and frees the requester with all its open questions. NULL is harmless. */
LEAT_API void leat_requester_close(struct leat_requester *requester);

/* ---- answering ------------------------------------------------------------------------------------------------- */

struct leat_replier;

/* Opens both channels: `requests` for reading from now on, `replies` for writing. Results as leat_requester_open. */
LEAT_API int leat_replier_open(struct leat_replier **replier, const char *requests, const char *replies,
                               const struct leat_channel_options *options);

/* The next question, copied into `buffer`. Keep request->tag for the answer; any number of questions may be unanswered, and
 * they may be answered in any order. Results as leat_read; request->lost says how many questions were overwritten before. */
LEAT_API int leat_replier_next(struct leat_replier *replier, void *buffer, size_t size, struct leat_message *request,
                               int64_t timeout_ns);

/* Answers the question that had this tag. Results as leat_publish. To a survey one may answer more than once. */
LEAT_API int leat_reply(struct leat_replier *replier, uint64_t tag, const void *data, size_t len, int64_t timeout_ns);

/* Closes both channels (which stay) and frees the replier. NULL is harmless. */
LEAT_API void leat_replier_close(struct leat_replier *replier);

#ifdef __cplusplus
}
#endif
#endif
