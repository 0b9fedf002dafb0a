/* leat pub: publishes text, standard input, a file or made-up messages into a channel. */
#include "base/clock.h"
#include "cli/channel/pub_source.h"
#include "cli/channel_arguments.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/quantity.h"

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    KEY_LENGTH_PREFIXED = 0x200,
    KEY_NUL,
    KEY_FILE,
    KEY_RATE,
    KEY_COUNT,
    KEY_SIZE,
    KEY_FILL,
    KEY_TAG,
    KEY_TIMEOUT,
    KEY_JSON
};

static const struct argp_option options[] = {
    {0, 0, 0, 0, "What to publish (default: the lines of standard input):", 1},
    {"null", KEY_NUL, 0, 0, "Messages in standard input end with a NUL byte", 0},
    {"length-prefixed", KEY_LENGTH_PREFIXED, 0, 0,
     "Each message in standard input follows its length, 4 bytes, big-endian", 0},
    {"file", KEY_FILE, "FILE", 0, "All of FILE is one message (-: standard input)", 0},
    {"size", KEY_SIZE, "SIZE", 0, "Make messages of this size up, until --count or an interrupt", 0},
    {"fill", KEY_FILL, "WITH", 0, "Of made-up messages: sequence (default, number and letters) or random", 0},
    {0, 0, 0, 0, "How:", 2},
    {"count", KEY_COUNT, "N", 0, "Stop after N messages; text and files are repeated", 0},
    {"rate", KEY_RATE, "N/s", 0, "At most so many messages: 1000/s, 10k/s, 6/min", 0},
    {"tag", KEY_TAG, "N", 0, "The messages' tag, a number", 0},
    {"timeout", KEY_TIMEOUT, "TIME", 0, "Give up when a message finds no room for so long; default forever", 0},
    {"json", KEY_JSON, 0, 0, "Print what was done as JSON at the end", 0},
    {0}};

struct arguments {
    struct channel_arguments channel;
    struct source source;
    const char *name;
    uint64_t count, tag; /* count UINT64_MAX: until the source ends */
    double rate;         /* messages a second; 0: as fast as it goes */
    int64_t timeout_ns;
    bool count_given, json;
};

struct run {
    uint64_t messages, bytes;
    int64_t started_ns, finished_ns, next_report_ns;
    bool reported;
};

static int parse_fill(const char *text, enum source_fill *fill)
{
    *fill = strcmp(text, "random") == 0 ? FILL_RANDOM : FILL_SEQUENCE;
    return *fill == FILL_RANDOM || strcmp(text, "sequence") == 0 ? 0 : -1;
}

static void parse_source(struct argp_state *state, struct source *source, enum source_kind kind, const char *text)
{
    if (source->kind != SOURCE_LINES && source->kind != kind) {
        argp_error(state, "only one of TEXT, --null, --length-prefixed, --file and --size says what to publish");
    }
    source->kind = kind;
    source->text = text;
}

static int parse_tag(const char *text, uint64_t *tag)
{
    char *end;
    errno = 0;
    *tag = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 ? 0 : -1;
}

static int parse_how(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_COUNT:
        argument_check(parse_count(text, &arguments->count), state, "count", text, "a number of messages");
        arguments->count_given = true;
        return 0;
    case KEY_RATE:
        argument_check(parse_rate(text, &arguments->rate), state, "rate", text, "a rate such as 1000/s");
        return 0;
    case KEY_TAG:
        argument_check(parse_tag(text, &arguments->tag), state, "tag", text, "a whole number below 2^64");
        return 0;
    case KEY_TIMEOUT:
        argument_check(parse_duration(text, &arguments->timeout_ns), state, "timeout", text, "a time such as 250ms");
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    uint64_t size = 0;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->channel;
        return 0;
    case KEY_NUL:
        parse_source(state, &arguments->source, SOURCE_NUL, NULL);
        return 0;
    case KEY_LENGTH_PREFIXED:
        parse_source(state, &arguments->source, SOURCE_LENGTH_PREFIXED, NULL);
        return 0;
    case KEY_FILE:
        parse_source(state, &arguments->source, SOURCE_FILE, text);
        return 0;
    case KEY_SIZE:
        parse_source(state, &arguments->source, SOURCE_SYNTHETIC, NULL);
        argument_check(parse_size(text, &size), state, "size", text, "a size such as 64KiB");
        arguments->source.size = size;
        return 0;
    case KEY_FILL:
        argument_check(parse_fill(text, &arguments->source.fill), state, "fill", text, "sequence or random");
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            arguments->name = text;
        } else if (state->arg_num == 1) {
            parse_source(state, &arguments->source, SOURCE_TEXT, text);
        } else {
            argp_error(state, "'%s' is one argument too many; a TEXT with blanks needs quotes", text);
        }
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "the name of a channel is missing");
        return 0;
    default:
        return parse_how(key, text, state);
    }
}

/* Waits in slices, so that an interrupt ends it. 0, -EINTR, or what leat_publish says. */
static int publish(struct leat_writer *writer, const struct arguments *arguments, const void *data, size_t len)
{
    int error = leat_publish(writer, data, len, arguments->tag, 0);
    int64_t deadline_ns = error == LEAT_EAGAIN ? interrupt_deadline_ns(arguments->timeout_ns) : 0;
    while (error == LEAT_EAGAIN || error == LEAT_ETIMEDOUT) {
        int64_t slice_ns = interrupt_slice_ns(deadline_ns);
        if (slice_ns == 0) {
            return LEAT_ETIMEDOUT;
        }
        if (interrupted()) {
            return -EINTR;
        }
        error = leat_publish(writer, data, len, arguments->tag, slice_ns);
    }
    return error;
}

/* A line that overwrites itself, once the work has taken a second and somebody looks. */
static void report(struct run *run, const struct arguments *arguments)
{
    const int64_t now_ns = clock_monotonic_ns();
    if (now_ns < run->next_report_ns) {
        return;
    }
    char messages[QUANTITY_BYTES], rate[QUANTITY_BYTES], bytes[QUANTITY_BYTES];
    double seconds = (double)(now_ns - run->started_ns) / 1e9;
    fprintf(stderr, "\r%s messages, %s/s, %s", format_count(messages, (double)run->messages),
            format_count(rate, (double)run->messages / seconds), format_size(bytes, (double)run->bytes));
    if (arguments->count_given && arguments->count > 0) {
        fprintf(stderr, ", %.0f %%", 100.0 * (double)run->messages / (double)arguments->count);
    }
    fputs("\033[K", stderr);
    run->reported = true;
    run->next_report_ns = now_ns + NS_PER_S / 4;
}

/* Says why a message could not be published. */
static int explain(const struct arguments *arguments, struct leat_writer *writer, int error, size_t len)
{
    char text[QUANTITY_BYTES], most[QUANTITY_BYTES];
    if (error == LEAT_ETIMEDOUT) {
        warnx("channel '%s' had no room for %s: its readers are behind, or none is there", arguments->name,
              format_duration(text, (double)arguments->timeout_ns));
    } else if (error == LEAT_ETOOBIG) {
        warnx("a message of %s is too large: channel '%s' takes at most %s", format_size(text, (double)len),
              arguments->name, format_size(most, (double)leat_writer_max_message(writer)));
    } else {
        warnx("channel '%s': %s", arguments->name, leat_strerror(error));
    }
    return error;
}

/* Messages one after the other until the source ends, the count is reached, or somebody interrupts. 0 or an error. */
static int publish_all(struct leat_writer *writer, struct arguments *arguments, struct run *run)
{
    const bool watched = isatty(STDERR_FILENO) && (!isatty(STDIN_FILENO) || arguments->source.kind >= SOURCE_TEXT);
    const void *data;
    size_t len;
    while (run->messages < arguments->count && !interrupted()) {
        int got = source_next(&arguments->source, &data, &len);
        if (got <= 0) {
            return got;
        }
        if (arguments->rate > 0) {
            interrupt_sleep_until(run->started_ns + (int64_t)((double)run->messages * 1e9 / arguments->rate));
        }
        int error = interrupted() ? -EINTR : publish(writer, arguments, data, len);
        if (error < 0) {
            return error == -EINTR ? 0 : explain(arguments, writer, error, len);
        }
        run->messages++;
        run->bytes += len;
        if (watched) {
            report(run, arguments);
        }
    }
    return 0;
}

static void print_summary(const struct arguments *arguments, const struct run *run)
{
    double seconds = (double)(run->finished_ns - run->started_ns) / 1e9;
    cJSON *summary = cJSON_CreateObject();
    cJSON_AddStringToObject(summary, "channel", arguments->name);
    json_add_u64(summary, "messages", run->messages);
    json_add_u64(summary, "bytes", run->bytes);
    cJSON_AddNumberToObject(summary, "seconds", seconds);
    cJSON_AddNumberToObject(summary, "rate", seconds > 0 ? (double)run->messages / seconds : 0);
    json_print(summary, false);
}

static int run_with(struct leat_writer *writer, struct arguments *arguments)
{
    arguments->source.max_message = leat_writer_max_message(writer);
    int error = source_open(&arguments->source);
    struct run run = {.started_ns = clock_monotonic_ns()};
    run.next_report_ns = run.started_ns + NS_PER_S;
    if (error == 0) {
        error = publish_all(writer, arguments, &run);
    }
    run.finished_ns = clock_monotonic_ns();
    if (run.reported) {
        run.next_report_ns = 0;
        report(&run, arguments);
        fputc('\n', stderr);
    }
    if (arguments->json) {
        print_summary(arguments, &run);
    }
    source_close(&arguments->source);
    return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int command_pub(int argc, char **argv)
{
    static const struct argp_child children[] = {{&channel_argp, 0, NULL, 10}, {0}};
    static const struct argp argp = {options,
                                     parse,
                                     "CHANNEL [TEXT]",
                                     "Publishes messages into a channel, and creates the channel when it is not there.",
                                     children,
                                     NULL,
                                     NULL};
    struct arguments arguments = {
        .channel.options = LEAT_CHANNEL_OPTIONS_INIT, .count = UINT64_MAX, .timeout_ns = LEAT_FOREVER};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    bool once = arguments.source.kind == SOURCE_TEXT || arguments.source.kind == SOURCE_FILE;
    if (once && !arguments.count_given) {
        arguments.count = 1;
    }

    interrupt_catch();
    const struct leat_channel_options channel = channel_arguments_for(&arguments.channel, arguments.name);
    struct leat_writer *writer;
    int error = leat_writer_open(&writer, arguments.name, &channel);
    if (error < 0) {
        warnx("%s", leat_error_text());
        return EXIT_FAILURE;
    }
    int status = run_with(writer, &arguments);
    leat_writer_close(writer);
    return status;
}
