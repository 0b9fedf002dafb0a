/* leat channels: shows the channels of this host, removes them, forgets durable readers. */
#include "base/clock.h"
#include "cli/channel/table.h"
#include "cli/channel_arguments.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/quantity.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_JSON = 0x400, KEY_INTERVAL, KEY_REMOVE, KEY_FORCE, KEY_FORGET, KEY_DIRECTORY };

#define READERS_SHOWN 256

static const struct argp_option options[] = {
    {"json", KEY_JSON, 0, 0, "Print JSON", 0},
    {"interval", KEY_INTERVAL, "TIME", 0, "Measure rates for so long; default 250ms", 0},
    {"remove", KEY_REMOVE, 0, 0, "Remove the channels that are named", 0},
    {"force", KEY_FORCE, 0, 0, "With --remove: even while somebody uses them", 0},
    {"forget", KEY_FORGET, 0, 0, "Delete the position of a dead durable reader: --forget CHANNEL READER", 0},
    {"directory", KEY_DIRECTORY, "DIR", 0, "Where channels are; default $LEAT_SHM_DIR, or /dev/shm", 0},
    {0}};

struct arguments {
    const char *directory;
    char **names; /* count of them, in argv */
    size_t count;
    int64_t interval_ns;
    bool json, remove, force, forget;
};

struct rows {
    struct channel_row *items;
    size_t count, capacity;
    const char *directory;
};

static int parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case KEY_INTERVAL:
        argument_check(parse_duration(text, &arguments->interval_ns) < 0 || arguments->interval_ns < 0, state,
                       "interval", text, "a time such as 250ms");
        return 0;
    case KEY_REMOVE:
        arguments->remove = true;
        return 0;
    case KEY_FORCE:
        arguments->force = true;
        return 0;
    case KEY_FORGET:
        arguments->forget = true;
        return 0;
    case KEY_DIRECTORY:
        arguments->directory = text;
        return 0;
    case ARGP_KEY_ARGS:
        arguments->names = state->argv + state->next;
        arguments->count = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_END:
        if (arguments->forget && (arguments->remove || arguments->count != 2)) {
            argp_error(state, "--forget takes a CHANNEL and a READER, and nothing else");
        }
        if (arguments->remove && arguments->count == 0) {
            argp_error(state, "--remove needs the name of a channel");
        }
        if (arguments->force && !arguments->remove) {
            argp_error(state, "--force goes with --remove");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void *checked(void *memory)
{
    if (!memory) {
        err(EXIT_FAILURE, "channels");
    }
    return memory;
}

/* A channel may vanish between the listing and the look at it: that is no failure, `expected` says whether it is one. */
static int rows_add(struct rows *rows, const char *name, bool expected)
{
    struct leat_channel_info info = {.size = sizeof info};
    int error = leat_channel_inspect(rows->directory, name, &info, NULL, 0);
    if (error < 0) {
        if (expected || error != -ENOENT) {
            warnx("%s", leat_error_text());
        }
        return error == -ENOENT && !expected ? 0 : error;
    }
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity ? rows->capacity * 2 : 16;
        rows->items = checked(realloc(rows->items, rows->capacity * sizeof *rows->items));
    }
    rows->items[rows->count++] = (struct channel_row){.name = checked(strdup(name)), .info = info};
    return 0;
}

static int rows_add_listed(const char *name, void *user)
{
    rows_add(user, name, false); /* one that cannot be read has been reported; the others are shown */
    return 0;
}

static void rows_fini(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->items[i].name);
        free(rows->items[i].readers);
    }
    free(rows->items);
}

/* A second look after the interval: the rate, and the readers as they are now. */
static void row_measure(struct channel_row *row, const char *directory, int64_t elapsed_ns)
{
    struct leat_channel_info later = {.size = sizeof later};
    row->readers = checked(calloc(READERS_SHOWN, sizeof *row->readers));
    for (size_t i = 0; i < READERS_SHOWN; i++) {
        row->readers[i].size = sizeof *row->readers;
    }
    int readers = leat_channel_inspect(directory, row->name, &later, row->readers, READERS_SHOWN);
    if (readers < 0 || memcmp(later.incarnation, row->info.incarnation, sizeof later.incarnation) != 0) {
        return; /* gone, or another one of the same name: what was seen first is shown */
    }
    row->reader_count = readers < READERS_SHOWN ? (size_t)readers : READERS_SHOWN;
    if (elapsed_ns > 0) {
        row->rate = (double)(later.messages - row->info.messages) * 1e9 / (double)elapsed_ns;
    }
    row->info = later;
}

static int show(const struct arguments *arguments)
{
    struct rows rows = {.directory = arguments->directory};
    const int64_t started_ns = clock_monotonic_ns();
    int error = 0;
    if (arguments->count == 0) {
        error = leat_channel_list(arguments->directory, rows_add_listed, &rows);
        if (error < 0) {
            warnx("%s", leat_error_text());
        }
    }
    for (size_t i = 0; i < arguments->count; i++) {
        int failed = rows_add(&rows, arguments->names[i], true);
        error = failed ? failed : error;
    }
    if (rows.count > 0) {
        interrupt_sleep_until(started_ns + arguments->interval_ns);
    }
    for (size_t i = 0; i < rows.count; i++) {
        row_measure(&rows.items[i], arguments->directory, clock_monotonic_ns() - started_ns);
    }
    if (arguments->json) {
        channels_print_json(rows.items, rows.count);
    } else if (rows.count > 0) {
        channels_print_table(rows.items, rows.count);
    } else if (error == 0) {
        puts("There is no channel on this host yet; `leat pub NAME` makes one.");
    }
    rows_fini(&rows);
    return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int remove_named(const struct arguments *arguments)
{
    int status = EXIT_SUCCESS;
    for (size_t i = 0; i < arguments->count; i++) {
        int error = leat_channel_remove(arguments->directory, arguments->names[i], arguments->force);
        if (error < 0) {
            warnx("%s%s", leat_error_text(), error == -EBUSY ? " (--force removes it all the same)" : "");
            status = EXIT_FAILURE;
        }
    }
    return status;
}

static int forget_reader(const struct arguments *arguments)
{
    if (leat_reader_forget(arguments->directory, arguments->names[0], arguments->names[1]) < 0) {
        warnx("%s", leat_error_text());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int command_channels(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[NAME...]\n--remove NAME...\n--forget CHANNEL READER",
        "Shows the channels of this host, their writers, and the readers that are registered with them.",
        NULL,
        NULL,
        NULL};
    struct arguments arguments = {.interval_ns = 250 * NS_PER_MS};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    interrupt_catch();
    return arguments.forget   ? forget_reader(&arguments)
           : arguments.remove ? remove_named(&arguments)
                              : show(&arguments);
}
