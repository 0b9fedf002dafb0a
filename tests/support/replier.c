/* Answers questions from a channel (leat/request.h), many at once and in a random order:
 *
 *     replier REQUESTS REPLIES [--hold N] [--idle MS] [--delay MS] [--times N] [--mark TEXT] [--seed S]
 *
 * Holds questions until it has N of them (default 1) or none came for --idle (default 5), waits --delay, shuffles them and answers
 * each --times (default 1) with TEXT (default "re:") before its own bytes. Prints "ready" once it reads. SIGTERM ends it; then it
 * prints how many answers it published. Exit status 0, or 1 with a sentence. */
#include <leat/request.h>

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LARGEST (1u << 20)
#define MS INT64_C(1000000)
#define PATIENCE (INT64_C(10000) * MS)

struct question {
    uint64_t tag;
    size_t len;
    char *bytes;
};

struct plan {
    struct leat_replier *replier;
    const char *mark;
    size_t hold, held, times;
    int64_t idle_ns, delay_ns;
    struct question *questions;
    uint64_t answered;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static void fail(const char *what, int error)
{
    fprintf(stderr, "replier: %s: %s\n", what, leat_strerror(error));
    exit(1);
}

static void answer(struct plan *plan, struct question *question)
{
    size_t mark = strlen(plan->mark);
    char *bytes = malloc(mark + question->len + 1);
    memcpy(bytes, plan->mark, mark);
    memcpy(bytes + mark, question->bytes, question->len);
    for (size_t i = 0; i < plan->times; i++) {
        int error = leat_reply(plan->replier, question->tag, bytes, mark + question->len, PATIENCE);
        if (error)
            fail("answering", error);
        plan->answered++;
    }
    free(bytes);
    free(question->bytes);
}

static void answer_all(struct plan *plan)
{
    struct timespec delay = {plan->delay_ns / (1000 * MS), plan->delay_ns % (1000 * MS)};
    nanosleep(&delay, NULL);
    while (plan->held > 0) {
        size_t chosen = (size_t)random() % plan->held;
        answer(plan, &plan->questions[chosen]);
        plan->questions[chosen] = plan->questions[--plan->held];
    }
}

static void hold(struct plan *plan, const void *bytes, const struct leat_message *request)
{
    struct question *question = &plan->questions[plan->held++];
    *question = (struct question){request->tag, request->len, malloc(request->len + 1)};
    memcpy(question->bytes, bytes, request->len);
}

static void serve(struct plan *plan)
{
    static char buffer[LARGEST];
    while (!stopped) {
        struct leat_message request;
        int error = leat_replier_next(plan->replier, buffer, sizeof buffer, &request, plan->idle_ns);
        if (error == 0)
            hold(plan, buffer, &request);
        else if (error != LEAT_ETIMEDOUT)
            fail("reading", error);
        if (plan->held == plan->hold || (error && plan->held > 0))
            answer_all(plan);
    }
}

static void set(struct plan *plan, int option, const char *text)
{
    long number = strtol(text, NULL, 10);
    if (option == 'n')
        plan->hold = (size_t)number;
    else if (option == 'i')
        plan->idle_ns = number * MS;
    else if (option == 'd')
        plan->delay_ns = number * MS;
    else if (option == 't')
        plan->times = (size_t)number;
    else if (option == 'm')
        plan->mark = text;
    else if (option == 's')
        srandom((unsigned)number);
    else
        exit(2);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"hold", 1, NULL, 'n'}, {"idle", 1, NULL, 'i'}, {"delay", 1, NULL, 'd'}, {"times", 1, NULL, 't'},
        {"mark", 1, NULL, 'm'}, {"seed", 1, NULL, 's'}, {NULL, 0, NULL, 0},
    };
    struct plan plan = {.mark = "re:", .hold = 1, .times = 1, .idle_ns = 5 * MS};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        set(&plan, option, optarg);
    if (optind + 2 != argc)
        return 2;
    signal(SIGTERM, stop);
    plan.questions = calloc(plan.hold, sizeof *plan.questions);
    int error = leat_replier_open(&plan.replier, argv[optind], argv[optind + 1], NULL);
    if (error) {
        fprintf(stderr, "replier: %s\n", leat_error_text());
        return 1;
    }
    puts("ready");
    fflush(stdout);
    serve(&plan);
    printf("%llu\n", (unsigned long long)plan.answered);
    while (plan.held > 0)
        free(plan.questions[--plan.held].bytes);
    free(plan.questions);
    leat_replier_close(plan.replier);
    return 0;
}
