/* leat plugin test: runs the suite of sdk/testkit and prints what it finds, as TAP or as JSON. */
#include "cli/plugin/test.h"

#include "cli/interrupt.h"
#include "cli/json.h"
#include "testkit/testkit.h"

#include <argp.h>
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { KEY_JSON = 0x600, KEY_TAP, KEY_ONLY, KEY_LEAVE_OUT, KEY_SET, KEY_WHERE, KEY_URL, KEY_DIAL };

static const struct argp_option options[] = {
    {"json", KEY_JSON, 0, 0, "Print one JSON object at the end", 0},
    {"tap", KEY_TAP, 0, 0, "Print TAP, a line a test (default)", 0},
    {"only", KEY_ONLY, "TEXT", 0, "Run the tests whose name contains this", 0},
    {"leave-out", KEY_LEAVE_OUT, "TEXT", 0, "Do not run the tests whose name contains this", 0},
    {"set", KEY_SET, "OPTION=VALUE", 0, "Set an option of the plugin; may be given again and again", 1},
    {"where", KEY_WHERE, "WHERE", 0,
     "Channel: what stands after NAME://; %f in it becomes a new folder for each test (default: a name that nobody "
     "has)",
     1},
    {"url", KEY_URL, "URL", 0,
     "Transport: an address to listen at and to dial; %d in it becomes a free port (default: by the scheme)", 1},
    {"dial", KEY_DIAL, "URL", 0, "Transport: an address that something else listens at, for both sides to dial", 1},
    {0}};

struct arguments {
    struct testkit kit;
    size_t settings;
    bool json;
};

static void set(struct arguments *arguments, const char *text, struct argp_state *state)
{
    if (!strchr(text, '=')) {
        argp_error(state, "--set takes OPTION=VALUE, not '%s'", text);
    }
    if (arguments->settings == TESTKIT_SETTINGS_MAX) {
        argp_error(state, "more than %d times --set", TESTKIT_SETTINGS_MAX);
    }
    arguments->kit.settings[arguments->settings++] = text;
}

static int parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_JSON:
    case KEY_TAP:
        arguments->json = key == KEY_JSON;
        return 0;
    case KEY_ONLY:
        arguments->kit.only = text;
        return 0;
    case KEY_LEAVE_OUT:
        arguments->kit.leave_out = text;
        return 0;
    case KEY_SET:
        set(arguments, text, state);
        return 0;
    case KEY_WHERE:
        arguments->kit.where = text;
        return 0;
    case KEY_URL:
        arguments->kit.url = text;
        return 0;
    case KEY_DIAL:
        arguments->kit.dial = text;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->kit.file) {
            argp_error(state, "'%s' is one argument too many; one plugin is tested at a time", text);
        }
        arguments->kit.file = text;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which plugin? FILE is what the compiler made, as ./throttle.so");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- what is printed --------------------------------------------------------------------------------------------- */

struct output {
    const struct arguments *arguments;
    unsigned count, verdicts[3]; /* by enum testkit_verdict */
    double seconds;
    cJSON *tests;
};

static void planned(void *context, size_t count)
{
    struct output *output = context;
    if (!output->arguments->json) {
        printf("TAP version 13\n1..%zu\n", count);
        fflush(stdout);
    }
}

static void print_notes(const char *notes)
{
    while (*notes) {
        const size_t len = strcspn(notes, "\n");
        printf("# %.*s\n", (int)len, notes);
        notes += len + (notes[len] == '\n');
    }
}

/* In TAP a '#' begins a directive: none may stand in a name or in a reason. */
static void print_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '#') {
            putchar('\\');
        }
        putchar(*text);
    }
}

static void print_tap(unsigned number, const struct testkit_result *result)
{
    printf("%s %u - ", result->verdict == TESTKIT_FAILED ? "not ok" : "ok", number);
    print_text(result->name);
    if (result->verdict == TESTKIT_FAILED) {
        fputs(": ", stdout);
        print_text(result->reason);
    } else if (result->verdict == TESTKIT_SKIPPED) {
        printf(" # SKIP %s", result->reason);
    }
    putchar('\n');
    print_notes(result->notes);
    fflush(stdout);
}

static cJSON *result_json(const struct testkit_result *result)
{
    static const char *const verdicts[] = {"ok", "failed", "skipped"};
    cJSON *test = cJSON_CreateObject();
    cJSON_AddStringToObject(test, "name", result->name);
    cJSON_AddStringToObject(test, "verdict", verdicts[result->verdict]);
    if (result->verdict != TESTKIT_OK) {
        cJSON_AddStringToObject(test, "reason", result->reason);
    }
    cJSON_AddNumberToObject(test, "seconds", result->seconds);
    return test;
}

static void on_result(void *context, const struct testkit_result *result)
{
    struct output *output = context;
    output->count++;
    output->verdicts[result->verdict]++;
    output->seconds += result->seconds;
    if (output->arguments->json) {
        cJSON_AddItemToArray(output->tests, result_json(result));
    } else {
        print_tap(output->count, result);
    }
}

static void finish(struct output *output)
{
    const unsigned *verdicts = output->verdicts;
    if (!output->arguments->json) {
        printf("# %s: %u ok, %u failed, %u skipped, in %.1f s\n", output->arguments->kit.file, verdicts[TESTKIT_OK],
               verdicts[TESTKIT_FAILED], verdicts[TESTKIT_SKIPPED], output->seconds);
        return;
    }
    cJSON *all = cJSON_CreateObject();
    cJSON_AddStringToObject(all, "file", output->arguments->kit.file);
    json_add_u64(all, "ok", verdicts[TESTKIT_OK]);
    json_add_u64(all, "failed", verdicts[TESTKIT_FAILED]);
    json_add_u64(all, "skipped", verdicts[TESTKIT_SKIPPED]);
    cJSON_AddItemToObject(all, "tests", output->tests);
    json_print(all, true);
}

int plugin_test(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "FILE.so",
        "Tries a compiled plugin on everything that the plugin interface promises, each test in a process of its own.\v"
        "Exits with 0 when every test is ok or skipped. A test that needs what the suite cannot know is skipped, and "
        "says "
        "which of the options above would give it.",
        NULL,
        NULL,
        NULL};
    struct arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (access(arguments.kit.file, R_OK) != 0) {
        warn("%s", arguments.kit.file);
        return EX_NOINPUT;
    }
    struct output output = {.arguments = &arguments, .tests = arguments.json ? cJSON_CreateArray() : NULL};
    arguments.kit.context = &output;
    arguments.kit.planned = planned;
    arguments.kit.result = on_result;
    arguments.kit.interrupted = interrupted;
    interrupt_catch();
    int failed = testkit_run(&arguments.kit);
    if (failed == TESTKIT_INTERRUPTED) {
        if (!arguments.json) {
            puts("Bail out! interrupted");
        }
        return EXIT_FAILURE;
    }
    if (failed < 0) {
        warnx("no test was run%s%s", arguments.kit.only ? "; none has a name with: " : "",
              arguments.kit.only ? arguments.kit.only : "");
        return EXIT_FAILURE;
    }
    finish(&output);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
