/* Questions and answers over two channels: who dies in between, and channels that are removed. */
#include "request_fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(request_life, .init = fixture_open, .fini = fixture_close, .timeout = 60);

struct pipes {
    int ready[2];
};

static void serve_until_killed(void *argument)
{
    struct pipes *pipes = argument;
    struct leat_replier *replier = replier_on();
    cr_assert(write(pipes->ready[1], "", 1) == 1);
    serve(replier);
}

static pid_t start_replier(void)
{
    struct pipes pipes;
    char byte;
    cr_assert(pipe(pipes.ready) == 0);
    pid_t child = start_child(serve_until_killed, &pipes);
    cr_assert(read(pipes.ready[0], &byte, 1) == 1);
    close(pipes.ready[0]), close(pipes.ready[1]);
    return child;
}

Test(request_life, a_killed_replier_is_a_time_out_and_a_new_one_answers)
{
    for_each_policy(policy)
    {
        ends_close(ends_open(policy));
        struct leat_requester *requester = requester_on();
        for (uint64_t round = 1; round <= 20; round++) {
            struct leat_message message;
            pid_t child = start_replier();
            for (uint64_t i = 1; i <= round; i++)
                cr_assert(request(requester, i, &message, PATIENCE_NS) == 0 && number_in(&message) == i + 1);
            uint64_t tag = ask(requester, 77, 20 * MS_NS); /* answered, or not */
            kill(child, SIGKILL);
            wait_child(child);
            int rc = receive(requester, &message, PATIENCE_NS);
            cr_assert(message.tag == tag && (rc == 0 ? number_in(&message) == 78 : rc == LEAT_ETIMEDOUT));
            cr_assert(request(requester, 1, &message, MS_NS) == LEAT_ETIMEDOUT);
        }
        leat_requester_close(requester);
    }
}

static void request_until_killed(void *unused)
{
    (void)unused;
    struct leat_requester *requester = requester_on();
    for (uint64_t number = 1, tag;; number++) { /* no assertions: they are not this process's to make */
        struct leat_message message;
        (void)leat_requester_send(requester, &number, sizeof number, PATIENCE_NS, &tag);
        (void)receive(requester, &message, 0);
    }
}

Test(request_life, a_requester_killed_in_the_middle_leaves_the_others_their_answers)
{
    for_each_policy(policy)
    {
        struct ends ends = ends_open(policy);
        for (int round = 0; round < 10; round++) {
            pid_t child = start_child(request_until_killed, NULL);
            uint64_t tag = 0, number = 0;
            for (int i = 0; i < 100 * round + 1; i++) {
                tag = hear(ends.replier, &number);
                answer(ends.replier, tag, number);
                must_hear_nothing(ends.requester);
            }
            kill(child, SIGKILL);
            wait_child(child);
            uint64_t ours, question = 1000000 + (uint64_t)round;
            /* the dead one may have left a full channel */
            while (leat_requester_send(ends.requester, &question, sizeof question, PATIENCE_NS, &ours) == LEAT_EAGAIN)
                hear(ends.replier, &number);
            while (number != question)
                tag = hear(ends.replier, &number);
            cr_assert(tag == ours);
            answer(ends.replier, tag, 5);
            must_receive(ends.requester, ours, 5);
        }
        ends_close(ends);
    }
}

static void request_once(void *unused)
{
    (void)unused;
    struct leat_requester *requester = requester_on();
    struct leat_message message;
    uint64_t number = 1;
    _exit(leat_request(requester, &number, sizeof number, buffer, sizeof buffer, &message, SECOND_NS));
}

Test(request_life, a_requester_stopped_beyond_its_limit_finds_its_answer_among_others)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    pid_t child = start_child(request_once, NULL);
    uint64_t number, tag = hear(ends.replier, &number);
    int status;
    kill(child, SIGSTOP);
    cr_assert(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    for (uint64_t i = 1; i <= 10; i++)
        answer(ends.replier, tag + i, i); /* somebody else's */
    answer(ends.replier, tag, 2);
    must_hear_nothing(ends.requester);
    usleep(1100000); /* it is the limit that must pass */
    kill(child, SIGCONT);
    status = wait_child(child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
    ends_close(ends);
}

Test(request_life, removed_channels_come_again)
{
    for_each_policy(policy)
    {
        struct ends ends = ends_open(policy);
        for (uint64_t round = 0; round < 6; round++) {
            uint64_t number, tag;
            if (round % 3 != 1)
                remove_channel("a");
            if (round % 3 != 2)
                remove_channel("q");
            struct leat_message message;
            cr_assert(leat_replier_next(ends.replier, buffer, sizeof buffer, &message, 0) == LEAT_EAGAIN);
            tag = ask(ends.requester, round, PATIENCE_NS);
            cr_assert(hear(ends.replier, &number) == tag && number == round);
            answer(ends.replier, tag, round);
            must_receive(ends.requester, tag, round);
        }
        ends_close(ends);
    }
}

Test(request_life, an_answer_in_flight_survives_the_removal_of_its_channel)
{
    struct ends ends = ends_open(LEAT_OVERWRITE);
    uint64_t tag = ask(ends.requester, 1, PATIENCE_NS), late = ask(ends.requester, 2, PATIENCE_NS);
    answer(ends.replier, tag, 2);
    remove_channel("a");
    answer(ends.replier, late, 3); /* into the new channel, before the requester knows of it */
    must_receive(ends.requester, tag, 2);
    must_receive(ends.requester, late, 3);
    ends_close(ends);
}

Test(request_life, who_may_not_create_waits_for_who_does)
{
    options.flags = LEAT_OPEN_EXISTING;
    struct leat_requester *requester;
    cr_assert(leat_requester_open(&requester, "q", "a", &options) == -ENOENT);
    options.flags = 0;
    struct ends ends = ends_open(LEAT_OVERWRITE);
    options.flags = LEAT_OPEN_EXISTING;
    requester = requester_on();
    leat_replier_close(ends.replier);
    remove_channel("a");
    struct leat_message message;
    cr_assert(request(requester, 1, &message, SECOND_NS) == -ENOENT);
    options.flags = 0;
    struct leat_replier *replier = replier_on();
    uint64_t number, tag = ask(requester, 2, PATIENCE_NS);
    cr_assert(hear(replier, &number) == tag);
    answer(replier, tag, 3);
    must_receive(requester, tag, 3);
    leat_requester_close(requester);
    ends.replier = replier;
    ends_close(ends);
}

Test(request_life, without_options_what_is_there_is_taken_as_it_is)
{
    setenv("LEAT_SHM_DIR", options.directory, 1);
    ends_close(ends_open(LEAT_BLOCK));
    struct leat_requester *requester;
    struct leat_replier *replier;
    cr_assert(leat_requester_open(&requester, "q", "a", NULL) == 0, "%s", leat_error_text());
    cr_assert(leat_replier_open(&replier, "q", "a", NULL) == 0);
    leat_requester_close(requester);
    leat_replier_close(replier);
    options.policy = LEAT_OVERWRITE;
    cr_assert(leat_requester_open(&requester, "q", "a", &options) == -EEXIST);
    leat_requester_close(NULL);
    leat_replier_close(NULL);
}
