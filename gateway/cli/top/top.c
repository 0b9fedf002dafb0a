/* leat top: what a gateway's bridges do at this moment, read from its page: of a live, hung or dead gateway alike. */
#include "base/clock.h"
#include "cli/channel_arguments.h"
#include "cli/command.h"
#include "cli/gateway_choice.h"
#include "cli/interrupt.h"
#include "cli/quantity.h"
#include "cli/top/screen.h"
#include "cli/top/terminal.h"

#include <argp.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define COLUMNS_LEAST 40
#define COLUMNS_DEFAULT 100

enum { KEY_JSON = 0x400, KEY_ONCE, KEY_INTERVAL, KEY_SORT, KEY_LANES, KEY_PEERS, KEY_DIRECTORY };

static const struct argp_option options[] = {
    {"once", KEY_ONCE, 0, 0, "Show it once and end; also where the output is no terminal", 0},
    {"json", KEY_JSON, 0, 0, "Print JSON, an object for each look", 0},
    {"interval", KEY_INTERVAL, "TIME", 0, "How long from look to look; default 1s", 0},
    {"sort", KEY_SORT, "BY", 0, "Order of the bridges: configured (default), rate, loss, state or name", 0},
    {"lanes", KEY_LANES, 0, 0, "Show each lane, too", 0},
    {"peers", KEY_PEERS, 0, 0, "Show each peer, too", 0},
    {"directory", KEY_DIRECTORY, "DIR", 0, "Where the page is; default $LEAT_SHM_DIR, or /dev/shm", 0},
    {0}};

struct arguments {
    const char *name, *directory;
    int64_t interval_ns;
    bool json, once;
    struct top_screen screen;
};

static int parse_sort(const char *text, enum top_sort *sort)
{
    for (int by = 0; by < TOP_SORTS; by++) {
        if (strcmp(text, top_sort_name((enum top_sort)by)) == 0) {
            *sort = (enum top_sort)by;
            return 0;
        }
    }
    return -EINVAL;
}

static int parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case KEY_ONCE:
        arguments->once = true;
        return 0;
    case KEY_INTERVAL:
        argument_check(parse_duration(text, &arguments->interval_ns) < 0 || arguments->interval_ns <= 0, state,
                       "interval", text, "a time such as 2s");
        return 0;
    case KEY_SORT:
        argument_check(parse_sort(text, &arguments->screen.sort) < 0, state, "sort", text,
                       "configured, rate, loss, state or name");
        return 0;
    case KEY_LANES:
        arguments->screen.lanes = true;
        return 0;
    case KEY_PEERS:
        arguments->screen.peers = true;
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

/* ---- keys -------------------------------------------------------------------------------------------------------------- */

/* Whether to go on. */
static bool obey(struct top_screen *screen, int key)
{
    switch (key) {
    case 'q':
        return false;
    case 's':
        screen->sort = (enum top_sort)((screen->sort + 1) % TOP_SORTS);
        return true;
    case 'l':
        screen->lanes = !screen->lanes;
        return true;
    case 'p':
        screen->peers = !screen->peers;
        return true;
    case 'e':
        screen->events = !screen->events;
        return true;
    case 'j':
    case TERMINAL_DOWN:
        screen->scroll++;
        return true;
    case 'k':
    case TERMINAL_UP:
        screen->scroll -= screen->scroll > 0;
        return true;
    default:
        return true;
    }
}

/* ---- showing ----------------------------------------------------------------------------------------------------------- */

static void measure(struct top_screen *screen)
{
    terminal_size(&screen->columns, &screen->lines);
    if (screen->columns == 0) {
        screen->columns = COLUMNS_DEFAULT;
    } else if (screen->columns < COLUMNS_LEAST) {
        screen->columns = COLUMNS_LEAST;
    }
}

static void show(struct arguments *arguments, struct top_view *view)
{
    top_sort(view, arguments->screen.sort);
    if (arguments->json) {
        top_print_json(view, arguments->once);
        fflush(stdout);
    } else {
        top_draw(&arguments->screen, view);
    }
}

/* Rates need two looks, except where nothing moves any more. 0, or -errno. */
static int look_twice(const struct arguments *arguments, struct top_view *view)
{
    int error = top_look(view, arguments->directory, arguments->name);
    if (error || view->now.life != LEDGER_LIVE) {
        return error;
    }
    interrupt_sleep_until(clock_monotonic_ns() + arguments->interval_ns);
    return top_look(view, arguments->directory, arguments->name);
}

/* Look after look as JSON lines, until an interrupt. */
static int stream(struct arguments *arguments, struct top_view *view)
{
    int error = look_twice(arguments, view);
    while (!error && !interrupted()) {
        show(arguments, view);
        interrupt_sleep_until(view->now_ns + arguments->interval_ns);
        error = top_look(view, arguments->directory, arguments->name);
    }
    return error;
}

static int once(struct arguments *arguments, struct top_view *view)
{
    int error = look_twice(arguments, view);
    arguments->screen.lines = 0;
    arguments->screen.events = true;
    if (!error) {
        show(arguments, view);
    }
    return error;
}

/* On a terminal, until q or an interrupt. A gateway that vanishes with its page leaves its last look. */
static int watch(struct arguments *arguments, struct top_view *view)
{
    int error = top_look(view, arguments->directory, arguments->name);
    if (error) {
        return error;
    }
    arguments->screen.keys = arguments->screen.events = true;
    terminal_open();
    int64_t next_ns = clock_monotonic_ns() + arguments->interval_ns;
    for (bool on = true; on && !interrupted();) {
        measure(&arguments->screen);
        show(arguments, view);
        int key = terminal_key(next_ns);
        on = obey(&arguments->screen, key);
        if (key == TERMINAL_NOTHING) {
            top_look(view, arguments->directory, arguments->name);
            next_ns = clock_monotonic_ns() + arguments->interval_ns;
        }
    }
    terminal_close();
    return 0;
}

int command_top(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[GATEWAY]",
        "Shows what a gateway's bridges do at this moment: states, rates, latencies, losses, and the last events.\v"
        "Keys: q quits, s sorts by something else, l shows lanes, p peers, e events; up and down, or k and j, move the "
        "list. "
        "Everything is read from the gateway's page, so it may be busy, hung or dead.",
        NULL,
        NULL,
        NULL};
    struct arguments arguments = {.interval_ns = NS_PER_S};
    struct top_view view = {0};
    char only[PAGE_NAME_BYTES];
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int status = gateway_choose(arguments.directory, &arguments.name, only);
    if (status) {
        return status;
    }
    bool terminal = isatty(STDOUT_FILENO) != 0;
    arguments.once = arguments.once || (!terminal && !arguments.json);
    arguments.screen.colours = terminal && !getenv("NO_COLOR");
    measure(&arguments.screen);
    interrupt_catch();
    int error = arguments.once   ? once(&arguments, &view)
                : arguments.json ? stream(&arguments, &view)
                                 : watch(&arguments, &view);
    if (error) {
        status = gateway_explain(arguments.name, error);
    }
    top_close(&view);
    return status;
}
