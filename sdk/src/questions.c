#include "questions.h"
#include "clock.h"

#include <leat/request.h>

#include <stdlib.h>

#define MAX LEAT_QUESTIONS_MAX
#define NOWHERE UINT32_MAX

/* Memory that was never used costs nothing: calloc hands out pages that the kernel fills at their first touch. Numbers of
 * questions count from 1 where 0 means none. */
struct questions {
    struct question slots[MAX];
    uint32_t buckets[MAX]; /* tags are counted on, so they spread evenly */
    uint32_t order[MAX];   /* a binary heap by `due` */
    uint32_t open, ordered, used, free;
    uint64_t kept_bytes;
    int64_t arrivals;
};

struct questions *questions_new(void)
{
    return calloc(1, sizeof(struct questions));
}

void questions_free(struct questions *questions)
{
    if (questions == NULL)
        return;
    for (uint32_t i = 0; i < questions->used; i++)
        for (struct letter *letter; (letter = questions->slots[i].first) != NULL;) {
            questions->slots[i].first = letter->next;
            letter_free(letter);
        }
    free(questions);
}

/* ---- the order ------------------------------------------------------------------------------------------------- */

static int64_t due_at(const struct questions *questions, uint32_t place)
{
    return questions->slots[questions->order[place]].due;
}

static void put_at(struct questions *questions, uint32_t place, uint32_t slot)
{
    questions->order[place] = slot;
    questions->slots[slot].place = place;
}

static void rise(struct questions *questions, uint32_t place)
{
    uint32_t slot = questions->order[place];
    int64_t due = questions->slots[slot].due;
    for (uint32_t above; place > 0 && due_at(questions, above = (place - 1) / 2) > due; place = above)
        put_at(questions, place, questions->order[above]);
    put_at(questions, place, slot);
}

static void sink(struct questions *questions, uint32_t place)
{
    uint32_t slot = questions->order[place];
    int64_t due = questions->slots[slot].due;
    for (uint32_t below; (below = 2 * place + 1) < questions->ordered; place = below) {
        if (below + 1 < questions->ordered && due_at(questions, below + 1) < due_at(questions, below))
            below++;
        if (due_at(questions, below) >= due)
            break;
        put_at(questions, place, questions->order[below]);
    }
    put_at(questions, place, slot);
}

static void enter_order(struct questions *questions, uint32_t slot)
{
    put_at(questions, questions->ordered++, slot);
    rise(questions, questions->ordered - 1);
}

static void leave_order(struct questions *questions, uint32_t place)
{
    uint32_t last = questions->order[--questions->ordered];
    if (place == questions->ordered)
        return;
    put_at(questions, place, last);
    rise(questions, place);
    sink(questions, questions->slots[last].place);
}

struct question *questions_next(const struct questions *questions)
{
    return questions->ordered > 0 ? (struct question *)&questions->slots[questions->order[0]] : NULL;
}

/* ---- opening and closing --------------------------------------------------------------------------------------- */

static uint32_t take_slot(struct questions *questions)
{
    if (questions->free == 0)
        return questions->used++;
    uint32_t slot = questions->free - 1;
    questions->free = questions->slots[slot].next;
    return slot;
}

struct question *questions_open(struct questions *questions, uint64_t tag, int64_t limit_ns, bool survey)
{
    if (questions->open == MAX)
        return NULL;
    questions->open++;
    int64_t now = clock_monotonic_ns();
    int64_t limit = limit_ns > INT64_MAX - now ? INT64_MAX : now + limit_ns;
    uint64_t time = (uint64_t)clock_ns(CLOCK_REALTIME) + (uint64_t)limit_ns; /* until the year 2554 */
    uint32_t slot = take_slot(questions), *bucket = &questions->buckets[tag % MAX];
    questions->slots[slot] = (struct question){.tag = tag,
                                               .limit_ns = limit,
                                               .limit_time_ns = time,
                                               .due = limit,
                                               .next = *bucket,
                                               .place = NOWHERE,
                                               .survey = survey};
    *bucket = slot + 1;
    if (!survey)
        enter_order(questions, slot);
    return &questions->slots[slot];
}

void questions_close(struct questions *questions, struct question *question)
{
    for (struct letter *letter; (letter = questions_take(questions, question)) != NULL;)
        letter_free(letter);
    uint32_t slot = (uint32_t)(question - questions->slots), *link = &questions->buckets[question->tag % MAX];
    while (*link != slot + 1)
        link = &questions->slots[*link - 1].next;
    *link = question->next;
    if (question->place != NOWHERE)
        leave_order(questions, question->place);
    question->next = questions->free;
    questions->free = slot + 1;
    questions->open--;
}

struct question *questions_find(const struct questions *questions, uint64_t tag)
{
    for (uint32_t at = questions->buckets[tag % MAX]; at != 0; at = questions->slots[at - 1].next)
        if (questions->slots[at - 1].tag == tag)
            return (struct question *)&questions->slots[at - 1];
    return NULL;
}

/* ---- letters --------------------------------------------------------------------------------------------------- */

struct letter *questions_letter(const struct questions *questions, uint64_t len)
{
    if (len > LEAT_ANSWERS_KEPT_MAX || questions->kept_bytes + sizeof(struct letter) + len > LEAT_ANSWERS_KEPT_MAX)
        return NULL;
    return malloc(sizeof(struct letter) + len);
}

void letter_free(struct letter *letter)
{
    free(letter);
}

void questions_keep(struct questions *questions, struct question *question, struct letter *letter)
{
    letter->next = NULL;
    if (question->first == NULL)
        question->first = letter;
    else
        question->last->next = letter;
    question->last = letter;
    questions->kept_bytes += sizeof *letter + letter->message.len;
    if (question->place != NOWHERE) {
        question->due = INT64_MIN + questions->arrivals++;
        rise(questions, question->place);
    }
}

struct letter *questions_take(struct questions *questions, struct question *question)
{
    struct letter *letter = question->first;
    if (letter != NULL) {
        question->first = letter->next;
        questions->kept_bytes -= sizeof *letter + letter->message.len;
    }
    return letter;
}
