/* The channel by itself: messages a second between two processes, and the time that one message takes to the other side.
 *
 *     channel [--runs=N] [--time=MS] [--only=TEXT] [--json]
 *
 * Throughput: the producer writes every byte of every message, the consumer reads each in place; block policy, and a message
 * lost or out of order ends the program. Latency: ping-pong over two channels, half of the way there and back, spinning.
 * Each row is measured several times; clean runs are grouped by the placement of the two CPUs (pair.h), medians and the
 * spread of each class are printed. */
#include "pair.h"
#include "sample.h"

#include <leat/channel.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPIN_US 1000000u
#define STOP_TAG UINT64_MAX
#define BURST_MOST 16u

enum way { PUBLISH, BURST, ZERO_COPY, PING_PONG };
static const char *const way_names[] = {"publish", "burst", "zero-copy", "ping-pong"};

struct row {
    size_t size;
    uint64_t capacity;
    enum leat_producers producers;
    enum way way;
    int64_t time_ns; /* of one run */
};

/* The larger the messages the larger the ring: a few messages in flight, and not more than the caches like. */
static const struct {
    size_t size;
    uint64_t capacity;
} sizes[] = {{64, 256 << 10}, {1 << 10, 4 << 20}, {64 << 10, 4 << 20}, {1 << 20, 16 << 20}};

static int runs = 7, time_ms = 300;
static bool json, first_row = true;
static const char *only = "";

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static const char *channel_name(int number)
{
    static char name[64];
    const int family = (int)getpgrp(); /* the same on both sides */
    snprintf(name, sizeof name, "bench-%d-%d", family, number);
    return name;
}

static struct leat_writer *open_writer(const struct row *row, int number)
{
    struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
    struct leat_writer *writer;
    options.policy = LEAT_BLOCK;
    options.producers = (uint32_t)row->producers;
    options.capacity_bytes = row->capacity;
    if (leat_writer_open(&writer, channel_name(number), &options) < 0) {
        pair_fail("%s", leat_error_text());
    }
    return writer;
}

static struct leat_reader *open_reader(int number)
{
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    struct leat_reader *reader;
    how.spin_us = SPIN_US;
    if (leat_reader_open(&reader, channel_name(number), NULL, &how) < 0) {
        pair_fail("%s", leat_error_text());
    }
    return reader;
}

/* ---- throughput ------------------------------------------------------------------------------------------------- */

/* Everything a producer needs, made before the clock starts. */
struct producer {
    struct leat_writer *writer;
    const struct row *row;
    struct leat_outgoing_bytes burst[BURST_MOST];
    unsigned burst_count;
};

static void expect_ok(int result, const char *what)
{
    if (result < 0) {
        pair_fail("%s: %s", what, leat_strerror(result));
    }
}

static void producer_init(struct producer *producer, const struct row *row)
{
    const uint64_t fits = row->capacity / 4 / row->size;
    *producer = (struct producer){.writer = open_writer(row, 0), .row = row};
    producer->burst_count = row->way != BURST ? 1 : fits < BURST_MOST ? (unsigned)fits : BURST_MOST;
    for (unsigned i = 0; i < producer->burst_count; i++) {
        void *bytes = malloc(row->size);
        if (!bytes) {
            pair_fail("no memory");
        }
        memset(bytes, 1, row->size);
        producer->burst[i] = (struct leat_outgoing_bytes){bytes, row->size, 0};
    }
}

/* The message is made where it will be read. */
static void make_in_place(struct leat_writer *writer, size_t size, uint64_t number)
{
    void *place;
    expect_ok(leat_claim(writer, size, &place, LEAT_FOREVER), "leat_claim");
    uint64_t *words = place;
    words[0] = number;
    for (size_t i = 1; i < size / 8; i++) {
        words[i] = number + i;
    }
    expect_ok(leat_commit(writer, size, number), "leat_commit");
}

static void publish_copy(struct producer *producer, uint64_t number)
{
    memcpy((void *)producer->burst[0].data, &number, sizeof number);
    expect_ok(leat_publish(producer->writer, producer->burst[0].data, producer->row->size, number, LEAT_FOREVER),
              "leat_publish");
}

static void publish_burst(struct producer *producer, uint64_t number)
{
    for (unsigned i = 0; i < producer->burst_count; i++) {
        const uint64_t tag = number + i;
        memcpy((void *)producer->burst[i].data, &tag, sizeof tag);
        producer->burst[i].tag = tag;
    }
    for (unsigned sent = 0; sent < producer->burst_count;) {
        int result =
            leat_publish_burst(producer->writer, producer->burst + sent, producer->burst_count - sent, LEAT_FOREVER);
        expect_ok(result, "leat_publish_burst");
        sent += (unsigned)result;
    }
}

/* Until the time is over; the clock is looked at now and then only. */
static uint64_t produce(struct producer *producer)
{
    const int64_t end_ns = pair_now_ns() + producer->row->time_ns;
    const uint64_t look = producer->row->size >= 65536 ? 8 : 1024;
    uint64_t number = 0, next_look = look;
    for (;; number += producer->burst_count) {
        if (number >= next_look) {
            if (pair_now_ns() >= end_ns) {
                break;
            }
            next_look = number + look;
        }
        if (producer->row->way == ZERO_COPY) {
            make_in_place(producer->writer, producer->row->size, number);
        } else if (producer->row->way == BURST) {
            publish_burst(producer, number);
        } else {
            publish_copy(producer, number);
        }
    }
    expect_ok(leat_publish(producer->writer, NULL, 0, STOP_TAG, LEAT_FOREVER), "leat_publish");
    return number;
}

/* Four sums, so that adding does not wait for adding. */
static uint64_t read_all_bytes(const void *data, size_t size)
{
    const uint64_t *words = data;
    uint64_t a = 0, b = 0, c = 0, d = 0;
    size_t i = 0;
    for (; i + 4 <= size / 8; i += 4) {
        a += words[i];
        b += words[i + 1];
        c += words[i + 2];
        d += words[i + 3];
    }
    for (; i < size / 8; i++) {
        a += words[i];
    }
    return a + b + c + d;
}

static volatile uint64_t sink;

static void consume(struct leat_reader *reader, struct pair_result *result)
{
    struct leat_message message;
    uint64_t expected = 0, sum = 0, wrong = 0;
    for (;;) {
        expect_ok(leat_borrow(reader, &message, LEAT_FOREVER), "leat_borrow");
        if (message.tag == STOP_TAG) {
            break;
        }
        uint64_t number;
        memcpy(&number, message.data, sizeof number);
        wrong += number != expected || message.lost != 0;
        expected = number + 1;
        sum += read_all_bytes(message.data, message.len);
        expect_ok(leat_release(reader), "leat_release");
    }
    leat_release(reader);
    sink = sum;
    result->messages = expected;
    result->lost = wrong;
}

static void throughput(struct pair_run *run)
{
    const struct row *row = run->user;
    struct producer producer;
    struct leat_reader *reader = NULL;
    if (run->side == 0) {
        producer_init(&producer, row);
    }
    pair_barrier(run);
    if (run->side == 1) {
        reader = open_reader(0);
    }
    pair_barrier(run);
    const int64_t began_ns = pair_now_ns();
    if (run->side == 0) {
        const uint64_t sent = produce(&producer);
        pair_barrier(run);
        run->result->value[0] = (double)sent / ((double)(pair_now_ns() - began_ns) / 1e9);
        run->result->lost += run->result->messages != sent;
        leat_writer_close(producer.writer);
    } else {
        consume(reader, run->result);
        pair_barrier(run);
        leat_reader_close(reader);
    }
}

/* ---- latency ---------------------------------------------------------------------------------------------------- */

static void exchange(struct leat_writer *writer, struct leat_reader *reader, const void *bytes, size_t size,
                     uint64_t *got)
{
    struct leat_message message;
    expect_ok(leat_publish(writer, bytes, size, 0, LEAT_FOREVER), "leat_publish");
    expect_ok(leat_borrow(reader, &message, LEAT_FOREVER), "leat_borrow");
    *got += read_all_bytes(message.data, message.len);
    expect_ok(leat_release(reader), "leat_release");
}

static void echo(struct leat_writer *writer, struct leat_reader *reader)
{
    struct leat_message message;
    uint64_t sum = 0;
    do {
        expect_ok(leat_borrow(reader, &message, LEAT_FOREVER), "leat_borrow");
        sum += read_all_bytes(message.data, message.len);
        expect_ok(leat_publish(writer, message.data, message.len, 0, LEAT_FOREVER), "leat_publish");
        expect_ok(leat_release(reader), "leat_release");
    } while (message.tag != STOP_TAG);
    sink = sum;
}

#define ROUNDS_MOST 2000000u

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void ping(const struct row *row, struct leat_writer *writer, struct leat_reader *reader,
                 struct pair_result *result)
{
    uint32_t *took = malloc(ROUNDS_MOST * sizeof *took);
    char *bytes = calloc(1, row->size);
    if (!took || !bytes) {
        pair_fail("no memory");
    }
    const int64_t began_ns = pair_now_ns(), warm_ns = began_ns + row->time_ns / 10, end_ns = began_ns + row->time_ns;
    uint64_t sum = 0;
    size_t rounds = 0;
    for (int64_t now_ns = began_ns; now_ns < end_ns && rounds < ROUNDS_MOST; now_ns = pair_now_ns()) {
        for (unsigned i = 0; i < 16 && rounds < ROUNDS_MOST; i++) {
            const uint64_t start = pair_ticks();
            exchange(writer, reader, bytes, row->size, &sum);
            took[rounds] = (uint32_t)(pair_ticks() - start);
            rounds += now_ns >= warm_ns;
        }
    }
    expect_ok(leat_publish(writer, bytes, 8, STOP_TAG, LEAT_FOREVER), "leat_publish");
    sink = sum;
    qsort(took, rounds, sizeof *took, by_value);
    result->messages = rounds;
    result->value[0] = pair_ticks_to_ns(took[rounds / 2]) / 2;
    result->value[1] = pair_ticks_to_ns(took[rounds * 99 / 100]) / 2;
    result->value[2] = pair_ticks_to_ns(took[rounds * 999 / 1000]) / 2;
    free(took);
    free(bytes);
}

static void latency(struct pair_run *run)
{
    const struct row *row = run->user;
    struct leat_writer *writer = open_writer(row, run->side);
    pair_barrier(run);
    struct leat_reader *reader = open_reader(1 - run->side);
    pair_barrier(run);
    if (run->side == 0) {
        ping(row, writer, reader, run->result);
    } else {
        echo(writer, reader);
    }
    pair_barrier(run);
    leat_reader_close(reader);
    leat_writer_close(writer);
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static void row_name(char *name, size_t size, const struct row *row)
{
    static const char *const texts[] = {"64 B", "1 KiB", "64 KiB", "1 MiB"};
    size_t i = 0;
    while (sizes[i].size != row->size) {
        i++;
    }
    snprintf(name, size, "%s, %s producer, %s", texts[i], row->producers == LEAT_ONE ? "one" : "many-mode",
             way_names[row->way]);
}

static void print_row(const char *name, const struct row *row, const struct samples *samples)
{
    if (json) {
        printf("%s\n  {\"benchmark\": \"channel\", \"row\": \"%s\", \"size\": %zu, \"producers\": \"%s\", \"way\": "
               "\"%s\", "
               "\"unit\": \"%s\"",
               first_row ? "[" : ",", name, row->size, row->producers == LEAT_ONE ? "one" : "many", way_names[row->way],
               row->way == PING_PONG ? "ns" : "messages/s");
        samples_print_json(samples, row->way == PING_PONG);
        printf("}");
    } else {
        printf("%-36s", name);
        samples_print(samples, row->way == PING_PONG);
    }
    first_row = false;
    fflush(stdout);
}

static void measure(const struct row *row)
{
    char name[64];
    row_name(name, sizeof name, row);
    if (!strstr(name, only)) {
        return;
    }
    struct samples samples = {0};
    for (int i = 0; i < runs; i++) {
        struct pair_result result;
        pair_measure(row->way == PING_PONG ? latency : throughput, (void *)row, &result);
        for (int number = 0; number < 2; number++) {
            leat_channel_remove(NULL, channel_name(number), 1);
        }
        if (result.lost > 0) {
            pair_fail("%s: %" PRIu64 " messages were lost or out of order", name, result.lost);
        }
        samples_add(&samples, &result);
    }
    print_row(name, row, &samples);
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"runs", required_argument, NULL, 'r'}, {"time", required_argument, NULL, 't'},
        {"only", required_argument, NULL, 'o'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},       {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'r':
            runs = atoi(optarg);
            break;
        case 't':
            time_ms = atoi(optarg);
            break;
        case 'o':
            only = optarg;
            break;
        case 'j':
            json = true;
            break;
        default:
            printf("usage: %s [--runs=N] [--time=MS] [--only=TEXT] [--json]\n", argv[0]);
            exit(option == 'h' ? 0 : 64);
        }
    }
    if (runs < 1 || runs > SAMPLES_MOST || time_ms < 1) {
        pair_fail("--runs is 1 to %d, --time at least 1", SAMPLES_MOST);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    setpgid(0, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int producers = LEAT_ONE; producers >= LEAT_MANY; producers--) {
            for (int way = PUBLISH; way <= PING_PONG; way++) {
                const struct row row = {sizes[i].size, sizes[i].capacity, (enum leat_producers)producers, (enum way)way,
                                        (int64_t)time_ms * 1000000};
                measure(&row);
            }
        }
    }
    if (json) {
        puts(first_row ? "[]" : "\n]");
    }
    return 0;
}
