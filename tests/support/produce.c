/* Publishes a computed stream (stream.h) into a channel:
 *
 *     produce CHANNEL [--count N] [--seed S] [--sizes MIN-MAX] [--policy block|overwrite] [--capacity BYTES]
 *             [--rate PER_SECOND] [--first N] [--readers N]
 *
 * Without --sizes the sizes are mixed. Waits for room for ever (block policy). SIGTERM ends it after a whole message. Prints
 * how many it published. Exit status 0, or 1 with a sentence. */
#include "stream.h"

#include <leat/channel.h>

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

struct plan {
    const char *channel;
    struct stream stream;
    struct leat_channel_options options;
    uint64_t first, count, rate;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static void set(struct plan *plan, int option, const char *text)
{
    char *rest;
    uint64_t number = strtoull(text, &rest, 10);
    switch (option) {
    case 'n':
        plan->count = number;
        break;
    case 's':
        plan->stream.seed = number;
        break;
    case 'z':
        plan->stream.smallest = number;
        plan->stream.largest = strtoull(rest + 1, NULL, 10);
        break;
    case 'p':
        plan->options.policy = strcmp(text, "block") == 0 ? LEAT_BLOCK : LEAT_OVERWRITE;
        break;
    case 'c':
        plan->options.capacity_bytes = number;
        break;
    case 'r':
        plan->rate = number;
        break;
    case 'f':
        plan->first = number;
        break;
    case 'w':
        plan->options.wait_readers = (uint32_t)number;
        break;
    default:
        exit(2);
    }
}

static void parse(struct plan *plan, int argc, char **argv)
{
    static const struct option known[] = {
        {"count", 1, NULL, 'n'},  {"seed", 1, NULL, 's'},     {"sizes", 1, NULL, 'z'},
        {"policy", 1, NULL, 'p'}, {"capacity", 1, NULL, 'c'}, {"rate", 1, NULL, 'r'},
        {"first", 1, NULL, 'f'},  {"readers", 1, NULL, 'w'},  {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        set(plan, option, optarg);
    if (optind + 1 != argc)
        exit(2);
    plan->channel = argv[optind];
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void wait_for_turn(uint64_t start, uint64_t sent, uint64_t rate)
{
    uint64_t due = start + sent * UINT64_C(1000000000) / rate, now = now_ns();
    if (due <= now)
        return;
    struct timespec pause = {(time_t)((due - now) / 1000000000u), (long)((due - now) % 1000000000u)};
    nanosleep(&pause, NULL);
}

static int publish(const struct plan *plan, struct leat_writer *writer, uint64_t index)
{
    size_t size = stream_size(&plan->stream, index);
    void *data;
    int error;
    do { /* in slices, so that a signal is seen while the channel is full */
        error = leat_claim(writer, size, &data, INT64_C(100000000));
    } while (error == LEAT_ETIMEDOUT && !stopped);
    if (error)
        return error;
    stream_fill(&plan->stream, index, data, size);
    return leat_commit(writer, size, index);
}

int main(int argc, char **argv)
{
    struct plan plan = {.stream.seed = 1, .count = UINT64_MAX, .options = LEAT_CHANNEL_OPTIONS_INIT};
    struct leat_writer *writer;
    uint64_t sent = 0;
    int error;

    parse(&plan, argc, argv);
    signal(SIGTERM, stop);
    if (stream_init(&plan.stream))
        return 1;
    if (leat_writer_open(&writer, plan.channel, &plan.options)) {
        fprintf(stderr, "produce: %s\n", leat_error_text());
        return 1;
    }
    for (uint64_t start = now_ns(); sent < plan.count && !stopped; sent++) {
        if (plan.rate)
            wait_for_turn(start, sent, plan.rate);
        error = publish(&plan, writer, plan.first + sent);
        if (error && !stopped) {
            fprintf(stderr, "produce: message %llu: %s\n", (unsigned long long)(plan.first + sent),
                    leat_strerror(error));
            return 1;
        }
        if (error)
            break;
    }
    leat_writer_close(writer);
    free(plan.stream.pattern);
    printf("%llu\n", (unsigned long long)sent);
    return 0;
}
