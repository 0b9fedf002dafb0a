#include "config/problem.h"

#include "support_config.h"

#include <criterion/criterion.h>

static const char *const keys[] = {"pattern", "direction", "channel", "listen", "dial", NULL};

Test(problem, prints_every_problem_in_the_order_of_files_and_lines)
{
    struct problems problems = {0};
    problems_add(&problems, "b.ini", 2, "second");
    problems_add(&problems, "b.ini", 1, "first %d", 7);
    problems_add(&problems, "a.ini", 0, "no line");
    problems_add(&problems, NULL, 0, "no file");
    cr_assert_str_eq(problems_text(&problems), "no file\na.ini: no line\nb.ini:1: first 7\nb.ini:2: second\n");
    problems_fini(&problems);
}

Test(problem, says_the_same_thing_about_the_same_line_once)
{
    struct problems problems = {0};
    problems_add(&problems, "a.ini", 1, "twice");
    problems_add(&problems, "a.ini", 1, "twice");
    problems_add(&problems, "a.ini", 2, "twice");
    cr_assert_eq(problems.count, 2);
    problems_fini(&problems);
}

Test(problem, keeps_hostile_text_on_its_line)
{
    struct problems problems = {0};
    problems_add(&problems, "a.ini", 1, "value\nb.ini:2: forged \x1b[31m\ttab");
    const char *text = problems_text(&problems);
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
    cr_assert_null(strchr(text, '\x1b'));
    cr_assert_null(strchr(text, '\t'));
    problems_fini(&problems);
}

Test(problem, finds_the_word_that_was_meant)
{
    cr_assert_str_eq(problem_nearest("patern", keys), "pattern");
    cr_assert_str_eq(problem_nearest("lisetn", keys), "listen");
    cr_assert_str_eq(problem_nearest("chanels", keys), "channel");
    cr_assert_str_eq(problem_nearest("dail", keys), "dial");
    const char *const schemes[] = {"ipc", "tcp", NULL}; /* one letter away, and two that are swapped */
    cr_assert_str_eq(problem_nearest("tpc", schemes), "tcp");
}

Test(problem, suggests_nothing_far_fetched)
{
    cr_assert_null(problem_nearest("colour", keys));
    cr_assert_null(problem_nearest("x", keys));
    cr_assert_null(problem_nearest("", keys));
    cr_assert_null(problem_nearest("2", (const char *const[]){"0", "1", NULL}));
    char longest[300];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    cr_assert_null(problem_nearest(longest, keys));
}
