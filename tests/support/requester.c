/* Asks over channels (leat/request.h), many questions at once, and judges what comes back:
 *
 *     requester REQUESTS REPLIES --name NAME [--count N] [--open N] [--limit MS]
 *
 * Question i is "NAME:i" and its answer must be "re:NAME:i". Prints "ready", then a JSON object: how many questions were answered,
 * how many timed out, how many answers came that were none to an open question of ours ("wrong"; nothing makes that right), and how
 * many the library kept from us ("ignored"). Exit status 0 when each question had its answer or its time-out, and nothing was wrong. */
#include <leat/request.h>

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)

struct plan {
    struct leat_requester *requester;
    const char *name;
    size_t count, most_open, asked, open, answered, expired, wrong;
    int64_t limit_ns;
    uint64_t *tags; /* of the questions, by number; 0: it has ended */
};

static void fail(const char *what, int error)
{
    fprintf(stderr, "requester: %s: %s\n", what, leat_strerror(error));
    exit(1);
}

/* False: no room right now, and answers to wait for. */
static bool ask(struct plan *plan)
{
    char question[128];
    int len = snprintf(question, sizeof question, "%s:%zu", plan->name, plan->asked), error;
    do
        error = leat_requester_send(plan->requester, question, (size_t)len, plan->limit_ns, &plan->tags[plan->asked]);
    while (error == LEAT_EAGAIN && plan->open == 0);
    if (error == LEAT_EAGAIN)
        return false;
    if (error)
        fail("asking", error);
    plan->asked++;
    plan->open++;
    return true;
}

static void judge_answer(struct plan *plan, const struct leat_message *answer)
{
    char expected[128];
    const char *number = memrchr(answer->data, ':', answer->len);
    size_t index = number ? strtoul(number + 1, NULL, 10) : plan->asked;
    int len = snprintf(expected, sizeof expected, "re:%s:%zu", plan->name, index);
    if (index < plan->asked && plan->tags[index] && plan->tags[index] == answer->tag && (size_t)len == answer->len &&
        memcmp(expected, answer->data, answer->len) == 0) {
        plan->tags[index] = 0;
        plan->answered++;
    } else {
        plan->wrong++;
    }
}

static void judge_time_out(struct plan *plan, uint64_t tag)
{
    for (size_t i = plan->asked; i-- > 0;)
        if (plan->tags[i] == tag) {
            plan->tags[i] = 0;
            plan->expired++;
            return;
        }
    plan->wrong++;
}

static void take(struct plan *plan)
{
    char buffer[1024];
    struct leat_message message;
    int error = leat_requester_receive(plan->requester, buffer, sizeof buffer - 1, &message, plan->limit_ns * 2);
    if (error != 0 && error != LEAT_ETIMEDOUT)
        fail("receiving", error);
    plan->open--;
    if (error)
        judge_time_out(plan, message.tag);
    buffer[error ? 0 : message.len] = 0;
    if (!error)
        judge_answer(plan, &message);
}

static void set(struct plan *plan, int option, const char *text)
{
    if (option == 'm')
        plan->name = text;
    else if (option == 'n')
        plan->count = strtoul(text, NULL, 10);
    else if (option == 'o')
        plan->most_open = strtoul(text, NULL, 10);
    else if (option == 'l')
        plan->limit_ns = strtol(text, NULL, 10) * MS;
    else
        exit(2);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"name", 1, NULL, 'm'},  {"count", 1, NULL, 'n'}, {"open", 1, NULL, 'o'},
        {"limit", 1, NULL, 'l'}, {NULL, 0, NULL, 0},
    };
    struct plan plan = {.name = "?", .count = 1000, .most_open = 1, .limit_ns = 1000 * MS};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        set(&plan, option, optarg);
    if (optind + 2 != argc)
        return 2;
    plan.tags = calloc(plan.count, sizeof *plan.tags);
    if (leat_requester_open(&plan.requester, argv[optind], argv[optind + 1], NULL)) {
        fprintf(stderr, "requester: %s\n", leat_error_text());
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (plan.asked < plan.count || plan.open > 0) {
        bool more = plan.asked < plan.count && plan.open < plan.most_open;
        if (!more || !ask(&plan))
            take(&plan);
    }
    printf("{\"answered\": %zu, \"expired\": %zu, \"wrong\": %zu, \"ignored\": %llu}\n", plan.answered, plan.expired,
           plan.wrong, (unsigned long long)leat_requester_ignored(plan.requester));
    leat_requester_close(plan.requester);
    free(plan.tags);
    return plan.wrong > 0 || plan.answered + plan.expired != plan.count;
}
