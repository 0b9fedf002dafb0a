/* leat ledger: the books of a gateway's bridges, read from its page: of a live, hung or dead gateway alike. */
#include "base/clock.h"
#include "cli/channel_arguments.h"
#include "cli/command.h"
#include "cli/gateway_choice.h"
#include "cli/interrupt.h"
#include "cli/ledger/books.h"
#include "cli/quantity.h"

#include <argp.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { KEY_JSON = 0x400, KEY_WATCH, KEY_DIRECTORY };

static const struct argp_option options[] = {
    {"json", KEY_JSON, 0, 0, "Print JSON", 0},
    {"watch", KEY_WATCH, "TIME", OPTION_ARG_OPTIONAL, "Print it again and again, every TIME; default 1s", 0},
    {"directory", KEY_DIRECTORY, "DIR", 0, "Where the page is; default $LEAT_SHM_DIR, or /dev/shm", 0},
    {0}};

struct arguments {
    const char *name, *directory;
    int64_t watch_ns; /* 0: once */
    bool json;
};

/* "--watch=2" means seconds, as in watch(1). */
static int parse_interval(const char *text, int64_t *interval_ns)
{
    char seconds[32];
    if (text[strspn(text, "0123456789.")] == '\0') {
        snprintf(seconds, sizeof seconds, "%ss", text);
        text = seconds;
    }
    return parse_duration(text, interval_ns) < 0 || *interval_ns <= 0 ? -EINVAL : 0;
}

static int parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case KEY_WATCH:
        arguments->watch_ns = NS_PER_S;
        argument_check(text && parse_interval(text, &arguments->watch_ns) < 0, state, "watch", text,
                       "a time such as 2s");
        return 0;
    case KEY_DIRECTORY:
        arguments->directory = text;
        return 0;
    case ARGP_KEY_ARG:
        gateway_take(&arguments->name, text, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- showing ------------------------------------------------------------------------------------------------------- */

static int show(const struct arguments *arguments)
{
    struct ledger ledger;
    int error = ledger_open(&ledger, arguments->directory, arguments->name);
    if (error) {
        return gateway_explain(arguments->name, error);
    }
    bool again = arguments->watch_ns > 0;
    if (again && !arguments->json && isatty(STDOUT_FILENO)) {
        fputs("\033[H\033[J", stdout);
    }
    bool balanced = arguments->json ? ledger_print_json(&ledger, !again) : ledger_print_table(&ledger);
    if (again && !arguments->json) {
        putchar('\n');
    }
    fflush(stdout);
    ledger_close(&ledger);
    return balanced ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_ledger(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[GATEWAY]",
        "Shows the books of a gateway's bridges. Every lane: read = forwarded + dropped + returned + in flight. Every "
        "peer, where "
        "its socket drops what it is too slow for: offered = sent + lost + queued.\v"
        "Exit status: 0 when all books balance, 1 when some do not, 66 when there is no such gateway.",
        NULL,
        NULL,
        NULL};
    struct arguments arguments = {0};
    char only[PAGE_NAME_BYTES];
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int status = gateway_choose(arguments.directory, &arguments.name, only);
    if (status) {
        return status;
    }
    interrupt_catch();
    int64_t next_ns = clock_monotonic_ns();
    do {
        status = show(&arguments);
        next_ns += arguments.watch_ns;
        if (arguments.watch_ns > 0) {
            interrupt_sleep_until(next_ns);
        }
    } while (arguments.watch_ns > 0 && !interrupted() && status != EX_NOINPUT);
    return status;
}
