/* leat sub: prints the messages of a channel. */
#include "base/clock.h"
#include "cli/channel/message_format.h"
#include "cli/channel_arguments.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/quantity.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_NUL = 0x300,
    KEY_HEX,
    KEY_RAW,
    KEY_LENGTH_PREFIXED,
    KEY_JSON,
    KEY_STATS,
    KEY_COUNT,
    KEY_NAME,
    KEY_FROM,
    KEY_WAIT,
    KEY_TIMEOUT,
    KEY_CREATE
};

static const struct argp_option options[] = {
    {0, 0, 0, 0, "How to print (default: each message and a line end):", 1},
    {"null", KEY_NUL, 0, 0, "A NUL byte after each message", 0},
    {"hex", KEY_HEX, 0, 0, "Hexadecimal digits, one message a line", 0},
    {"raw", KEY_RAW, 0, 0, "The bytes and nothing between them", 0},
    {"length-prefixed", KEY_LENGTH_PREFIXED, 0, 0, "The length, 4 bytes, big-endian, before each message", 0},
    {"json", KEY_JSON, 0, 0, "One JSON object a line, with sequence, time, tag, origin and losses", 0},
    {"stats", KEY_STATS, 0, 0, "Only a line each second: rate, bytes, losses (with --json as JSON)", 0},
    {0, 0, 0, 0, "What to read:", 2},
    {"count", KEY_COUNT, "N", 0, "Stop after N messages", 0},
    {"name", KEY_NAME, "READER", 0, "Be the durable reader of this name: resume where it stopped", 0},
    {"from", KEY_FROM, "PLACE", 0, "Begin at the oldest message (default) or the next one to come", 0},
    {"wait", KEY_WAIT, 0, 0, "Wait until the channel is there", 0},
    {"create", KEY_CREATE, 0, 0, "Create the channel when it is not there", 0},
    {"timeout", KEY_TIMEOUT, "TIME", 0, "Give up when nothing comes for so long; default forever", 0},
    {0}};

struct arguments {
    struct channel_arguments channel;
    struct leat_reader_options how;
    const char *name;
    enum message_format format;
    uint64_t count; /* UINT64_MAX: for ever */
    int64_t timeout_ns;
    bool stats, wait;
};

struct run {
    char *buffer;
    size_t size;
    uint64_t messages, bytes, lost;
    int64_t next_line_ns; /* --stats */
    uint64_t line_messages, line_bytes, line_lost;
};

static void parse_format(struct arguments *arguments, struct argp_state *state, enum message_format format)
{
    if (arguments->format != FORMAT_TEXT && arguments->format != format) {
        argp_error(state, "only one of --null, --hex, --raw, --length-prefixed and --json says how to print");
    }
    arguments->format = format;
}

static int parse_from(const char *text, uint32_t *start)
{
    *start = strcmp(text, "next") == 0 ? LEAT_FROM_NEXT : LEAT_FROM_OLDEST;
    return *start == LEAT_FROM_NEXT || strcmp(text, "oldest") == 0 ? 0 : -1;
}

static int parse_what(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_COUNT:
        argument_check(parse_count(text, &arguments->count), state, "count", text, "a number of messages");
        return 0;
    case KEY_NAME:
        arguments->how.name = text;
        return 0;
    case KEY_FROM:
        argument_check(parse_from(text, &arguments->how.start), state, "from", text, "oldest or next");
        return 0;
    case KEY_TIMEOUT:
        argument_check(parse_duration(text, &arguments->timeout_ns), state, "timeout", text, "a time such as 250ms");
        return 0;
    case KEY_WAIT:
        arguments->wait = true;
        return 0;
    case KEY_CREATE:
        arguments->channel.options.flags |= LEAT_OPEN_CREATE;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->channel;
        return 0;
    case KEY_NUL:
        parse_format(arguments, state, FORMAT_NUL);
        return 0;
    case KEY_HEX:
        parse_format(arguments, state, FORMAT_HEX);
        return 0;
    case KEY_RAW:
        parse_format(arguments, state, FORMAT_RAW);
        return 0;
    case KEY_LENGTH_PREFIXED:
        parse_format(arguments, state, FORMAT_LENGTH_PREFIXED);
        return 0;
    case KEY_JSON:
        parse_format(arguments, state, FORMAT_JSON);
        return 0;
    case KEY_STATS:
        arguments->stats = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "'%s' is one argument too many; one channel is read at a time", text);
        }
        arguments->name = text;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "the name of a channel is missing");
        return 0;
    default:
        return parse_what(key, text, state);
    }
}

/* Opens the reader; with --wait again and again until the channel is there. 0 or an error, said on stderr. */
static int open_reader(struct leat_reader **reader, const struct arguments *arguments)
{
    const int64_t deadline_ns = interrupt_deadline_ns(arguments->timeout_ns);
    for (;;) {
        const struct leat_channel_options channel = channel_arguments_for(&arguments->channel, arguments->name);
        int error = leat_reader_open(reader, arguments->name, &channel, &arguments->how);
        if (error != -ENOENT || !arguments->wait || interrupt_slice_ns(deadline_ns) == 0) {
            if (error < 0) {
                warnx("%s", leat_error_text());
            }
            return error;
        }
        interrupt_sleep_until(clock_monotonic_ns() + 50 * NS_PER_MS);
        if (interrupted()) {
            return -EINTR;
        }
    }
}

/* One line about the last second. `now_ns` is past the line's time. */
static void write_stats(struct run *run, const struct arguments *arguments, int64_t now_ns)
{
    double seconds = 1 + (double)(now_ns - run->next_line_ns) / 1e9;
    double rate = (double)(run->messages - run->line_messages) / seconds;
    double bytes = (double)(run->bytes - run->line_bytes) / seconds;
    if (arguments->format == FORMAT_JSON) {
        cJSON *line = cJSON_CreateObject();
        json_add_u64(line, "messages", run->messages);
        json_add_u64(line, "bytes", run->bytes);
        json_add_u64(line, "lost", run->lost);
        cJSON_AddNumberToObject(line, "rate", rate);
        cJSON_AddNumberToObject(line, "bytes_per_second", bytes);
        json_print(line, false);
    } else {
        char text[4][QUANTITY_BYTES];
        printf("%9s/s %11s/s %9s messages %9s lost\n", format_count(text[0], rate), format_size(text[1], bytes),
               format_count(text[2], (double)run->messages), format_count(text[3], (double)run->lost));
    }
    fflush(stdout);
    run->line_messages = run->messages;
    run->line_bytes = run->bytes;
    run->next_line_ns = now_ns + NS_PER_S;
}

/* What has been printed goes out before the wait: whoever reads it must not wait for a full buffer. */
static int wait_for_message(struct leat_reader *reader, struct run *run, const struct arguments *arguments,
                            struct leat_message *message)
{
    const int64_t deadline_ns = interrupt_deadline_ns(arguments->timeout_ns);
    fflush(stdout);
    for (;;) {
        int64_t slice_ns = interrupt_slice_ns(deadline_ns);
        if (slice_ns == 0) {
            return LEAT_ETIMEDOUT;
        }
        int error = leat_read(reader, run->buffer, run->size, message, slice_ns);
        if (error != LEAT_ETIMEDOUT && error != LEAT_EAGAIN) {
            return error;
        }
        if (interrupted()) {
            return -EINTR;
        }
        if (arguments->stats && clock_monotonic_ns() >= run->next_line_ns) {
            write_stats(run, arguments, clock_monotonic_ns());
        }
    }
}

static int grow(struct run *run, uint64_t size)
{
    char *bigger = realloc(run->buffer, size);
    if (!bigger) {
        return -ENOMEM;
    }
    run->buffer = bigger;
    run->size = size;
    return 0;
}

/* The next message, in a buffer that is large enough. 0 or an error. */
static int next(struct leat_reader *reader, struct run *run, const struct arguments *arguments,
                struct leat_message *message)
{
    for (;;) {
        int error = leat_read(reader, run->buffer, run->size, message, 0);
        if (error == LEAT_EAGAIN) {
            error = wait_for_message(reader, run, arguments, message);
        }
        if (error == LEAT_ECORRUPT) {
            warnx("channel '%s': %s", arguments->name, leat_strerror(error));
            continue;
        }
        if (error != LEAT_ETOOBIG) {
            return error;
        }
        error = grow(run, message->len);
        if (error < 0) {
            return error;
        }
    }
}

static void take(struct run *run, const struct arguments *arguments, const struct leat_message *message)
{
    run->messages++;
    run->bytes += message->len;
    run->lost += message->lost;
    if (!arguments->stats) {
        if (message->lost > 0) {
            fflush(stdout);
            warnx("channel '%s': %" PRIu64 " lost before message %" PRIu64, arguments->name, message->lost,
                  message->sequence);
        }
        message_write(message, arguments->format);
    } else if (run->messages % 256 == 0 && clock_monotonic_ns() >= run->next_line_ns) {
        write_stats(run, arguments, clock_monotonic_ns());
    }
}

/* Why the reading ended, as an exit status. */
static int finish(const struct arguments *arguments, int error)
{
    char text[QUANTITY_BYTES];
    if (fflush(stdout) != 0 || ferror(stdout)) {
        warn("standard output");
        return EXIT_FAILURE;
    }
    if (error == 0 || error == -EINTR) {
        return EXIT_SUCCESS;
    }
    if (error == LEAT_ETIMEDOUT) {
        warnx("channel '%s': nothing came for %s", arguments->name,
              format_duration(text, (double)arguments->timeout_ns));
    } else {
        warnx("channel '%s': %s", arguments->name, leat_strerror(error));
    }
    return error == LEAT_ECLOSED && arguments->count == UINT64_MAX ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int read_all(struct leat_reader *reader, const struct arguments *arguments)
{
    struct run run = {.next_line_ns = clock_monotonic_ns() + NS_PER_S};
    int error = grow(&run, 64 << 10);
    while (error == 0 && run.messages < arguments->count && !interrupted() && !ferror(stdout)) {
        struct leat_message message;
        error = next(reader, &run, arguments, &message);
        if (error == 0) {
            take(&run, arguments, &message);
        }
    }
    free(run.buffer);
    return finish(arguments, error);
}

int command_sub(int argc, char **argv)
{
    static const struct argp_child children[] = {{&channel_argp, 0, NULL, 10}, {0}};
    static const struct argp argp = {options,  parse, "CHANNEL", "Prints the messages of a channel.",
                                     children, NULL,  NULL};
    struct arguments arguments = {.channel.options = LEAT_CHANNEL_OPTIONS_INIT,
                                  .how = LEAT_READER_OPTIONS_INIT,
                                  .count = UINT64_MAX,
                                  .timeout_ns = LEAT_FOREVER};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);

    interrupt_catch();
    struct leat_reader *reader;
    int error = open_reader(&reader, &arguments);
    if (error < 0) {
        return error == -EINTR ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    int status = read_all(reader, &arguments);
    leat_reader_close(reader);
    return status;
}
