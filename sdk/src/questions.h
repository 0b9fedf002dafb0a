/* The open questions of a requester: found by tag, ordered by what is due next, each with the answers that came while its asker
 * was waiting for something else. Finding and opening take constant time; the order costs log n where time limits differ. */
#ifndef LEAT_QUESTIONS_H
#define LEAT_QUESTIONS_H

#include <leat/message.h>

#include <stdbool.h>
#include <stdint.h>

/* A copy of an answer; its bytes follow. */
struct letter {
    struct letter *next;
    struct leat_message message;
};

struct question {
    uint64_t tag;
    int64_t limit_ns;       /* CLOCK_MONOTONIC */
    uint64_t limit_time_ns; /* the same moment as the publish time of an answer would say it */
    int64_t due; /* its place in the order: its limit; before all limits, and in order of arrival, once answered */
    struct letter *first, *last;
    uint32_t next;  /* in its bucket, or among the free */
    uint32_t place; /* in the order */
    bool survey;    /* takes many answers, and stands in no order: its asker asks for it by name */
};

struct questions;

/* At most LEAT_QUESTIONS_MAX; NULL: out of memory. */
struct questions *questions_new(void);
void questions_free(struct questions *questions); /* NULL is harmless */

/* A new question that is open from now for `limit_ns`; NULL: too many are. */
struct question *questions_open(struct questions *questions, uint64_t tag, int64_t limit_ns, bool survey);

/* Throws its letters away. The pointer means nothing afterwards. */
void questions_close(struct questions *questions, struct question *question);

struct question *questions_find(const struct questions *questions, uint64_t tag); /* NULL: not open */

/* The one that something can be said of next: a question with its answer, or that with the earliest limit. NULL: only surveys are
 * open, or nothing. */
struct question *questions_next(const struct questions *questions);

/* Room for a copy of an answer of `len` bytes; NULL: too much is kept already, or memory is out. questions_keep hands it over, or
 * letter_free throws it away. */
struct letter *questions_letter(const struct questions *questions, uint64_t len);
void questions_keep(struct questions *questions, struct question *question, struct letter *letter);
struct letter *questions_take(struct questions *questions, struct question *question); /* the oldest; NULL: none */
void letter_free(struct letter *letter);

#endif
