/* Reads a computed stream (stream.h) from a channel and checks every message of it:
 *
 *     consume CHANNEL --count N [--seed S] [--sizes MIN-MAX] [--idle SECONDS] [--repeats]
 *
 * Registers as a reader at once and prints "ready". Ends after message N-1, or after a message that is not the next one: lost,
 * doubled, out of order or damaged. With --repeats (sizes of at least 8) the stream may step back and come again, as after a restart
 * of whoever sends it, but never forward. Prints a JSON object. Exit status 0 when all N were right; 1 otherwise; a
 * silence of --idle seconds (default 60) ends it too. */
#include "stream.h"

#include <leat/channel.h>

#include <getopt.h>
#include <stdio.h>

struct tally {
    uint64_t next, bytes, repeats, lost;
    const char *wrong;
    uint64_t wrong_at;
};

/* What a message of a stream with counters says it is. */
static uint64_t number_of(const struct leat_message *message)
{
    uint64_t number = UINT64_MAX;
    if (message->len >= 8)
        memcpy(&number, message->data, 8);
    return number;
}

static void check(struct tally *tally, const struct stream *stream, const struct leat_message *message, int repeats)
{
    uint64_t number = repeats ? number_of(message) : tally->next;
    tally->lost += message->lost;
    tally->wrong_at = tally->next;
    if (message->lost)
        tally->wrong = "overwritten in the channel";
    else if (number > tally->next || !stream_matches(stream, number, message->data, message->len))
        tally->wrong = "not the message that had to come";
    else if (number < tally->next)
        tally->repeats++;
    else
        tally->next++;
    tally->bytes += message->len;
}

static int consume(const char *channel, const struct stream *stream, uint64_t count, int64_t idle_ns, int repeats,
                   struct tally *tally)
{
    struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
    struct leat_reader *reader;
    struct leat_message message;
    size_t room = STREAM_LARGEST;
    void *buffer = malloc(room);

    options.flags = LEAT_OPEN_ANY;
    if (!buffer || leat_reader_open(&reader, channel, &options, NULL)) {
        fprintf(stderr, "consume: %s\n", leat_error_text());
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (tally->next < count && !tally->wrong) {
        int error = leat_read(reader, buffer, room, &message, idle_ns);
        if (error)
            tally->wrong = leat_strerror(error);
        else
            check(tally, stream, &message, repeats);
    }
    leat_reader_close(reader);
    free(buffer);
    return tally->wrong ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"count", 1, NULL, 'n'}, {"seed", 1, NULL, 's'},    {"sizes", 1, NULL, 'z'},
        {"idle", 1, NULL, 'i'},  {"repeats", 0, NULL, 'r'}, {NULL, 0, NULL, 0},
    };
    struct stream stream = {.seed = 1};
    struct tally tally = {0};
    uint64_t count = 0, idle_s = 60;
    int repeats = 0, status;
    char *rest;

    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'n')
            count = strtoull(optarg, NULL, 10);
        else if (option == 's')
            stream.seed = strtoull(optarg, NULL, 10);
        else if (option == 'z') {
            stream.smallest = strtoull(optarg, &rest, 10);
            stream.largest = strtoull(rest + 1, NULL, 10);
        } else if (option == 'i')
            idle_s = strtoull(optarg, NULL, 10);
        else if (option == 'r')
            repeats = 1;
        else
            return 2;
    }
    if (optind + 1 != argc || stream_init(&stream))
        return 2;
    status = consume(argv[optind], &stream, count, (int64_t)idle_s * INT64_C(1000000000), repeats, &tally);
    printf("{\"messages\": %llu, \"bytes\": %llu, \"repeats\": %llu, \"lost\": %llu, \"wrong\": \"%s\", \"wrong_at\": "
           "%llu}\n",
           (unsigned long long)tally.next, (unsigned long long)tally.bytes, (unsigned long long)tally.repeats,
           (unsigned long long)tally.lost, tally.wrong ? tally.wrong : "", (unsigned long long)tally.wrong_at);
    free(stream.pattern);
    return status;
}
