/* The table of open questions, against a plain array of them. */
#include "channel_fixture.h"
#include "questions.h"

#include <leat/request.h>

#include <stdlib.h>

#define MOST 300u

static struct questions *table;
static struct question *open[MOST];
static size_t count;
static uint64_t next_tag;

static void start(void)
{
    table = questions_new();
    cr_assert(table != NULL);
    count = 0;
    next_tag = UINT64_MAX - 1000; /* so that it comes round */
}

static void end(void)
{
    questions_free(table);
}

TestSuite(questions, .init = start, .fini = end);

static struct question *ask(int64_t limit_ns, bool survey)
{
    return open[count++] = questions_open(table, next_tag++, limit_ns, survey);
}

static struct letter *letter_of(uint64_t len)
{
    struct letter *letter = questions_letter(table, len);
    cr_assert(letter != NULL);
    letter->message = (struct leat_message){.len = len};
    return letter;
}

/* The one that is due first, surveys apart. */
static struct question *first_of_all(void)
{
    struct question *first = NULL;
    for (size_t i = 0; i < count; i++)
        if (!open[i]->survey && (first == NULL || open[i]->due < first->due))
            first = open[i];
    return first;
}

static void close_at(size_t place)
{
    questions_close(table, open[place]);
    open[place] = open[--count];
}

static void do_something(void)
{
    size_t chosen = count > 0 ? (size_t)random() % count : 0;
    if (count == 0 || (count < MOST && random() % 3))
        ask(random(), random() % 8 == 0);
    else if (random() % 4 == 0 && open[chosen]->first == NULL)
        questions_keep(table, open[chosen], letter_of(10));
    else
        close_at(chosen);
}

static void close_what_is_next(void)
{
    struct question *next = questions_next(table), *expected = first_of_all();
    cr_assert(next != NULL && expected != NULL && next->due == expected->due);
    size_t place = 0;
    while (open[place] != next)
        place++;
    close_at(place);
}

Test(questions, what_is_due_first_is_always_next)
{
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 1000; i++)
            do_something();
        while (first_of_all() != NULL)
            close_what_is_next();
        cr_assert(questions_next(table) == NULL);
    }
}

Test(questions, a_question_is_found_by_its_tag_until_it_is_closed)
{
    for (int i = 0; i < 10000; i++) {
        if (count == MOST || (count > 0 && random() % 2)) {
            size_t chosen = (size_t)random() % count;
            uint64_t tag = open[chosen]->tag;
            cr_assert(questions_find(table, tag) == open[chosen]);
            questions_close(table, open[chosen]);
            open[chosen] = open[--count];
            cr_assert(questions_find(table, tag) == NULL);
        } else {
            struct question *question = ask(1000, false);
            cr_assert(questions_find(table, question->tag) == question);
            cr_assert(questions_find(table, question->tag + LEAT_QUESTIONS_MAX) == NULL);
        }
    }
}

Test(questions, letters_are_taken_in_the_order_of_their_arrival)
{
    struct question *plain = ask(1, false), *survey = ask(1, true);
    for (uint64_t i = 1; i <= 5; i++)
        questions_keep(table, survey, letter_of(i));
    cr_assert(questions_next(table) == plain);
    for (uint64_t i = 1; i <= 5; i++) {
        struct letter *letter = questions_take(table, survey);
        cr_assert(letter->message.len == i);
        letter_free(letter);
    }
    cr_assert(questions_take(table, survey) == NULL);
}

Test(questions, letters_that_are_gone_take_no_room)
{
    struct question *question = ask(1, true);
    for (int i = 0; i < 200; i++) {
        questions_keep(table, question, letter_of(1 << 20));
        if (i % 2 == 0)
            letter_free(questions_take(table, question));
        else
            questions_close(table, question), question = ask(1, true);
    }
    cr_assert(questions_letter(table, LEAT_ANSWERS_KEPT_MAX) == NULL);
    cr_assert(questions_letter(table, UINT64_MAX) == NULL);
}
