/* The table of open questions: which answer belongs to which, and what it says of those that belong to none. */
#include "common/pending.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 100 /* ns after a question was opened */

static struct pending *table;
static int64_t now;

static void create(uint32_t capacity, uint64_t key_mask)
{
    now = 1000;
    cr_assert(pending_new(&table, capacity, sizeof(uint64_t), key_mask) == 0);
}

static void destroy(void)
{
    pending_free(table);
}

/* Opens a question whose value is `value`. */
static uint64_t ask(uint64_t value)
{
    uint64_t key;
    cr_assert(pending_open(table, &value, now, now + LIMIT, &key));
    return key;
}

static bool is_full(void)
{
    uint64_t value = 0, key;
    return !pending_open(table, &value, now, now + LIMIT, &key);
}

static void expect(uint64_t key, enum leat_reason reason, uint64_t value)
{
    uint64_t found = 0;
    enum leat_reason got = pending_answer(table, key, now, true, &found);
    cr_expect(got == reason, "reason %d, not %d", (int)got, (int)reason);
    if (reason == LEAT_FORWARD)
        cr_expect(found == value);
}

Test(pending, each_question_gets_its_own_answer_in_any_order)
{
    uint64_t keys[1000];
    create(1000, UINT64_MAX);
    for (uint64_t i = 0; i < 1000; i++)
        keys[i] = ask(i * 7);
    for (uint64_t i = 0; i < 1000; i++)
        expect(keys[i * 389 % 1000], LEAT_FORWARD, i * 389 % 1000 * 7);
    destroy();
}

Test(pending, two_tables_draw_different_keys)
{
    create(1, UINT64_MAX);
    uint64_t first = ask(1);
    destroy();
    create(1, UINT64_MAX);
    expect(first, LEAT_DROP_UNKNOWN, 0);
    cr_expect(ask(1) != first);
    destroy();
}

Test(pending, a_second_answer_is_a_duplicate_until_the_limit)
{
    create(8, UINT64_MAX);
    uint64_t key = ask(1);
    expect(key, LEAT_FORWARD, 1);
    expect(key, LEAT_DROP_DUPLICATE, 0);
    now += LIMIT;
    expect(key, LEAT_DROP_EXPIRED, 0);
    destroy();
}

Test(pending, an_answer_counts_until_the_limit_and_not_at_it)
{
    create(8, UINT64_MAX);
    uint64_t in_time = ask(1), late = ask(2);
    now += LIMIT - 1;
    expect(in_time, LEAT_FORWARD, 1);
    now += 1;
    expect(late, LEAT_DROP_EXPIRED, 0);
    destroy();
}

Test(pending, a_question_that_was_forgotten_is_still_known_as_ours)
{
    create(4, UINT64_MAX);
    uint64_t key = ask(1);
    now += LIMIT;
    for (int i = 0; i < 4; i++)
        ask(2);
    expect(key, LEAT_DROP_EXPIRED, 0);
    destroy();
}

Test(pending, a_key_that_was_never_drawn_is_unknown)
{
    create(8, UINT64_MAX);
    expect(0, LEAT_DROP_UNKNOWN, 0);
    uint64_t key = ask(1);
    expect(key - 1, LEAT_DROP_UNKNOWN, 0);
    expect(key + 1, LEAT_DROP_UNKNOWN, 0);
    expect(key ^ UINT64_C(1) << 63, LEAT_DROP_UNKNOWN, 0);
    destroy();
}

Test(pending, an_open_question_is_never_pushed_out)
{
    create(4, UINT64_MAX);
    uint64_t keys[4];
    for (uint64_t i = 0; i < 4; i++)
        keys[i] = ask(i);
    cr_assert(is_full());
    now += LIMIT - 1;
    cr_assert(is_full());
    for (uint64_t i = 0; i < 4; i++)
        expect(keys[i], LEAT_FORWARD, i);
    destroy();
}

Test(pending, time_makes_room_for_new_questions)
{
    create(4, UINT64_MAX);
    for (int round = 0; round < 3; round++, now += LIMIT) {
        for (uint64_t i = 0; i < 4; i++)
            ask(i);
        cr_assert(is_full());
    }
    destroy();
}

Test(pending, a_slow_answer_holds_one_place_only)
{
    create(2, UINT64_MAX);
    uint64_t slow = ask(42), quick = 0;
    for (uint64_t i = 0; i < 100; i++)
        expect(quick = ask(i), LEAT_FORWARD, i);
    expect(quick, LEAT_DROP_DUPLICATE, 0);
    expect(slow, LEAT_FORWARD, 42);
    destroy();
}

Test(pending, a_survey_takes_every_answer_until_its_limit)
{
    create(2, UINT64_MAX);
    uint64_t key = ask(42), value;
    for (int i = 0; i < 20; i++)
        cr_assert(pending_answer(table, key, now, false, &value) == LEAT_FORWARD && value == 42);
    now += LIMIT;
    cr_assert(pending_answer(table, key, now, false, &value) == LEAT_DROP_EXPIRED);
    destroy();
}

Test(pending, short_keys_come_round_without_meeting_an_open_one)
{
    create(4, 0x7f);
    uint64_t slow = ask(42);
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t key = ask(i);
        cr_assert(key <= 0x7f && key != slow);
        expect(key, LEAT_FORWARD, i);
    }
    expect(slow, LEAT_FORWARD, 42);
    expect(0x80, LEAT_DROP_UNKNOWN, 0);
    destroy();
}

/* ---- against a model that remembers everything ------------------------------------------------------------------- */

#define STEPS 200000
#define ROOM 64

static struct told {
    uint64_t key;
    int64_t until;
    bool answered;
} told[STEPS];

/* What must be said of an answer; an answered question that had to make room may be called expired. */
static void answer_as_told(struct told *question)
{
    uint64_t value = 0;
    enum leat_reason reason = pending_answer(table, question->key, now, true, &value);
    if (question->until <= now)
        cr_assert(reason == LEAT_DROP_EXPIRED);
    else if (question->answered)
        cr_assert(reason == LEAT_DROP_DUPLICATE || reason == LEAT_DROP_EXPIRED);
    else
        cr_assert(reason == LEAT_FORWARD && value == (uint64_t)(question - told));
    question->answered = true;
}

static size_t count_open(size_t first, size_t count)
{
    size_t open = 0;
    for (size_t i = first; i < count; i++)
        open += !told[i].answered && told[i].until > now;
    return open;
}

Test(pending, says_the_same_as_a_model_that_remembers_everything)
{
    size_t count = 0, first = 0;
    create(ROOM, UINT64_MAX);
    srandom(7);
    for (int step = 0; step < STEPS; step++) {
        long dice = random();
        now += dice % 4;
        while (first < count && told[first].until <= now)
            first++;
        uint64_t value = count;
        if (dice / 4 % 3 == 0 && count > 0) {
            answer_as_told(&told[count - 1 - (size_t)random() % (count < 200 ? count : 200)]);
        } else if (pending_open(table, &value, now, now + LIMIT, &told[count].key)) {
            cr_assert(count_open(first, count) < ROOM);
            told[count++].until = now + LIMIT;
        } else {
            cr_assert(count_open(first, count) == ROOM);
        }
    }
    cr_assert(count > STEPS / 4);
    destroy();
}
