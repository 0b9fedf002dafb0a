/* leat ledger: the books of a gateway's bridges, read from its page: of a live, hung or dead gateway alike. */
#include "base/clock.h"
#include "cli/channel_arguments.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/ledger_books.h"
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
        if (arguments->name) {
            argp_error(state, "one gateway at a time");
        }
        arguments->name = text;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- which gateway ------------------------------------------------------------------------------------------------- */

struct names {
    char first[PAGE_NAME_BYTES];
    size_t count;
};

static int remember(const char *name, void *user)
{
    struct names *names = user;
    if (names->count++ == 0) {
        snprintf(names->first, sizeof names->first, "%s", name);
    }
    return 0;
}

static int print_name(const char *name, void *user)
{
    const struct arguments *arguments = user;
    printf("%s%s\n", name, page_is_live(arguments->directory, name) ? "" : " (not running)");
    return 0;
}

/* The only gateway of the directory when none is named. 0, or an exit status. */
static int choose(struct arguments *arguments, struct names *names)
{
    if (arguments->name) {
        return 0;
    }
    int error = page_list(arguments->directory, remember, names);
    if (error < 0) {
        warnx("cannot list the gateways: %s", strerror(-error));
        return EX_NOINPUT;
    }
    if (names->count == 0) {
        warnx("no gateway has run here; `leatd -c FILE` starts one");
        return EX_NOINPUT;
    }
    if (names->count > 1) {
        warnx("there is more than one gateway; name one of:");
        page_list(arguments->directory, print_name, arguments);
        return EX_USAGE;
    }
    arguments->name = names->first;
    return 0;
}

/* ---- showing ------------------------------------------------------------------------------------------------------- */

static int explain(const char *name, int error)
{
    if (error == -ENOENT) {
        warnx("no gateway named '%s' has run here", name);
    } else if (error == -EPROTO) {
        warnx("the page of gateway '%s' is of another version of leat", name);
    } else if (error == -EBADMSG) {
        warnx("what stands in the place of gateway '%s' is not a page of leat", name);
    } else {
        warnx("cannot read the page of gateway '%s': %s", name, strerror(-error));
    }
    return EX_NOINPUT;
}

static int show(const struct arguments *arguments)
{
    struct ledger ledger;
    int error = ledger_open(&ledger, arguments->directory, arguments->name);
    if (error) {
        return explain(arguments->name, error);
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
    struct names names = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int status = choose(&arguments, &names);
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
