/* leat reload and leat plan: apply a gateway's changed configuration, or show what applying it would mean. */
#include "base/page.h"
#include "cli/command.h"
#include "cli/configuration/order.h"
#include "cli/gateway_choice.h"

#include <argp.h>
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define JSON                                                       \
    {                                                              \
        "json", 'j', 0, 0, "Print the gateway's answer as JSON", 0 \
    }
static const struct argp_option reload_options[] = {JSON, {0}};
static const struct argp_option plan_options[] = {
    {"config", 'c', "FILE", 0, "Plan with this file instead of the one that the gateway was started with", 0},
    JSON,
    {0}};

struct arguments {
    const char *gateway;
    char *file; /* NULL: the gateway's own */
    bool json;
};

static int parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'c':
        arguments->file = realpath(text, NULL); /* the gateway has a working directory of its own */
        if (!arguments->file)
            argp_failure(state, EX_NOINPUT, errno, "%s", text);
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        gateway_take(&arguments->gateway, text, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text ? text : "";
}

/* ---- on the way ------------------------------------------------------------------------------------------------------ */

static void show_progress(const cJSON *line)
{
    static const struct {
        const char *event, *text;
    } words[] = {
        {"checking", "checking the configuration"},
        {"changing", "it is valid; starting and stopping bridges"},
        {"returning", "a bridge does not come to serve; going back to the old configuration"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (isatty(STDERR_FILENO) && strcmp(words[i].event, text_of(line, "event")) == 0)
            fprintf(stderr, "%s ...\n", words[i].text);
}

/* ---- the answer ------------------------------------------------------------------------------------------------------ */

static void print_problems(const cJSON *answer)
{
    const cJSON *problem;
    cJSON_ArrayForEach(problem, cJSON_GetObjectItemCaseSensitive(answer, "problems"))
    {
        const cJSON *line = cJSON_GetObjectItemCaseSensitive(problem, "line");
        if (*text_of(problem, "file"))
            fprintf(stderr, "%s:%d: ", text_of(problem, "file"), line ? line->valueint : 0);
        fprintf(stderr, "%s\n", text_of(problem, "text"));
    }
}

/* Bridges that stay are counted: an operator looks for the others. */
static void print_steps(const cJSON *answer)
{
    const cJSON *step, *note;
    int stay = 0;
    cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(answer, "steps"))
    {
        bool stays = strcmp(text_of(step, "action"), "stay") == 0;
        stay += stays;
        if (!stays)
            printf("%-8s %-24s %s\n", text_of(step, "action"), text_of(step, "bridge"), text_of(step, "reason"));
    }
    cJSON_ArrayForEach(note, cJSON_GetObjectItemCaseSensitive(answer, "notes"))
        printf("%-8s %s\n", "note", cJSON_GetStringValue(note));
    printf("%d bridge%s stay%s\n", stay, stay == 1 ? "" : "s", stay == 1 ? "s" : "");
}

static int print_answer(const struct arguments *arguments, const cJSON *answer)
{
    bool ok = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"));
    if (arguments->json) {
        char *text = cJSON_Print(answer);
        puts(text ? text : "{}");
        free(text);
        return ok ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    print_problems(answer);
    if (ok)
        print_steps(answer);
    else
        warnx("%s", text_of(answer, "error"));
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int ask(int argc, char **argv, const struct argp *argp, const char *order)
{
    struct arguments arguments = {0};
    char only[PAGE_NAME_BYTES];
    argp_parse(argp, argc, argv, 0, NULL, &arguments);
    int status = gateway_choose(NULL, &arguments.gateway, only);
    if (status)
        return status;
    cJSON *answer =
        order_send(arguments.gateway, order, arguments.file, arguments.json ? NULL : show_progress, &status);
    if (answer)
        status = print_answer(&arguments, answer);
    cJSON_Delete(answer);
    free(arguments.file);
    return status;
}

#define EXITS                                                                                                        \
    "\vExit status: 0 done, 1 not (the reason is on stderr, and the old configuration stays in force), 66 there is " \
    "no "                                                                                                            \
    "such gateway, 69 it does not run or takes no orders, 77 not from this user."

int command_reload(int argc, char **argv)
{
    static const struct argp argp = {
        reload_options,
        parse,
        "[GATEWAY]",
        "Makes a running gateway read its configuration again. It is checked whole first; "
        "then only the bridges that it changes are started, stopped or restarted. When it is "
        "wrong, or one of those bridges does not come to serve, everything is as before." EXITS,
        NULL,
        NULL,
        NULL};
    return ask(argc, argv, &argp, "reload");
}

int command_plan(int argc, char **argv)
{
    static const struct argp argp = {
        plan_options,
        parse,
        "[GATEWAY]",
        "Shows what `leat reload` would do, or would do with another file in the place of the gateway's: which bridges "
        "start, stop, restart or stay, and because of which key. Changes nothing." EXITS,
        NULL,
        NULL,
        NULL};
    return ask(argc, argv, &argp, "plan");
}
