/* What a peer is told on its command line, for the model's peer and the library's own alike; and how they report.
 *
 *     PEER send|recv|reply|request NAME [options]
 *
 * A peer prints "ready" once it is connected, "at N" after each --every messages, and one line of JSON when it ends: after --count messages,
 * after --idle without one, or on SIGTERM. For C and C++. */
#ifndef TESTS_MODEL_CPPIPC_ORDERS_H
#define TESTS_MODEL_CPPIPC_ORDERS_H

#include "series.h"

#include <signal.h>
#include <time.h>

struct orders {
    const char *role, *name;
    const char *kind, *layout; /* route (default), channel; 1.4 (default), 1.3 (for the model) */
    const char *prefix, *directory;
    const char *answers;        /* reply, request: the channel of the answers */
    struct series series;       /* --sizes 1,7,63 */
    bool tries;                 /* try_send(), which gives up after the limit; send() forces its way */
    bool stay;                  /* stays connected after the last message until SIGTERM */
    uint64_t count, first;      /* count 0: without end */
    uint64_t every;             /* messages between two "at N" */
    uint64_t sender;            /* its number in the series, for several senders of a channel */
    uint64_t receivers;         /* send: waits for so many before the first message */
    uint64_t hold;              /* recv: keeps the last N buffers, and with them their chunks */
    uint64_t interval_us;       /* between two messages, on either side */
    uint64_t limit_ms, idle_ms; /* of one call; recv: how long without a message is the end, 0: no end */
    const char *points[8];      /* --at POINT=kill|stop[:N]; for the model */
    unsigned point_count;
};

static volatile sig_atomic_t orders_end;

static inline void orders_on_signal(int number)
{
    (void)number;
    orders_end = 1;
}

static inline void orders_read_sizes(struct series *series, char *list)
{
    char *rest = NULL;
    series->size_count = 0;
    for (char *word = strtok_r(list, ",", &rest); word && series->size_count < SERIES_SIZES;
         word = strtok_r(NULL, ",", &rest))
        series->sizes[series->size_count++] = strtoull(word, NULL, 10);
}

enum orders_form { ORDERS_NUMBER, ORDERS_FLAG, ORDERS_TEXT, ORDERS_SIZES, ORDERS_POINT };

static const struct orders_option {
    const char *name;
    enum orders_form form;
    size_t offset;
} orders_options[] = {
    {"kind", ORDERS_TEXT, offsetof(struct orders, kind)},
    {"layout", ORDERS_TEXT, offsetof(struct orders, layout)},
    {"prefix", ORDERS_TEXT, offsetof(struct orders, prefix)},
    {"directory", ORDERS_TEXT, offsetof(struct orders, directory)},
    {"answers", ORDERS_TEXT, offsetof(struct orders, answers)},
    {"sizes", ORDERS_SIZES, offsetof(struct orders, series)},
    {"try", ORDERS_FLAG, offsetof(struct orders, tries)},
    {"stay", ORDERS_FLAG, offsetof(struct orders, stay)},
    {"count", ORDERS_NUMBER, offsetof(struct orders, count)},
    {"first", ORDERS_NUMBER, offsetof(struct orders, first)},
    {"every", ORDERS_NUMBER, offsetof(struct orders, every)},
    {"sender", ORDERS_NUMBER, offsetof(struct orders, sender)},
    {"receivers", ORDERS_NUMBER, offsetof(struct orders, receivers)},
    {"hold", ORDERS_NUMBER, offsetof(struct orders, hold)},
    {"interval", ORDERS_NUMBER, offsetof(struct orders, interval_us)},
    {"limit", ORDERS_NUMBER, offsetof(struct orders, limit_ms)},
    {"idle", ORDERS_NUMBER, offsetof(struct orders, idle_ms)},
    {"at", ORDERS_POINT, offsetof(struct orders, points)},
};

#define ORDERS_OPTIONS (sizeof orders_options / sizeof orders_options[0])

static inline bool orders_take(struct orders *orders, const struct orders_option *option, char *value)
{
    void *place = (char *)orders + option->offset;
    switch (option->form) {
    case ORDERS_FLAG:
        *(bool *)place = true;
        return true;
    case ORDERS_TEXT:
        *(const char **)place = value;
        return true;
    case ORDERS_SIZES:
        orders_read_sizes(&orders->series, value);
        return orders->series.size_count > 0;
    case ORDERS_POINT:
        orders->points[orders->point_count] = value;
        return ++orders->point_count < sizeof orders->points / sizeof orders->points[0];
    default:
        *(uint64_t *)place = strtoull(value, NULL, 10);
        return true;
    }
}

/* Takes "--name value" pairs off the end of the command line. */
static inline bool orders_take_all(struct orders *orders, int argc, char **argv)
{
    for (int i = 3; i < argc; i++) {
        size_t which = 0;
        while (which < ORDERS_OPTIONS &&
               (strncmp(argv[i], "--", 2) != 0 || strcmp(argv[i] + 2, orders_options[which].name) != 0))
            which++;
        if (which == ORDERS_OPTIONS)
            return false;
        const struct orders_option *option = &orders_options[which];
        char *value = option->form == ORDERS_FLAG ? NULL : argv[++i];
        if ((option->form != ORDERS_FLAG && !value) || !orders_take(orders, option, value))
            return false;
    }
    return true;
}

static inline bool orders_is_channel(const struct orders *orders)
{
    return orders->kind && strcmp(orders->kind, "channel") == 0;
}

/* False: the command line says nothing that makes sense. */
static inline bool orders_read(struct orders *orders, int argc, char **argv)
{
    struct sigaction at_end;
    memset(orders, 0, sizeof *orders);
    memset(&at_end, 0, sizeof at_end);
    at_end.sa_handler = orders_on_signal;
    orders->limit_ms = 100;
    orders->series.sizes[0] = 64;
    orders->series.size_count = 1;
    if (argc < 3 || !orders_take_all(orders, argc, argv))
        return false;
    orders->role = argv[1];
    orders->name = argv[2];
    sigaction(SIGTERM, &at_end, NULL);
    return series_init(&orders->series);
}

static inline double orders_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void orders_nap(uint64_t us)
{
    struct timespec nap;
    nap.tv_sec = (time_t)(us / 1000000);
    nap.tv_nsec = (long)(us % 1000000 * 1000);
    if (us > 0)
        nanosleep(&nap, NULL);
}

static inline void orders_say(const char *word)
{
    printf("%s\n", word);
    fflush(stdout);
}

static inline void orders_progress(const struct orders *orders, uint64_t count)
{
    if (orders->every && count % orders->every == 0) {
        printf("at %llu\n", (unsigned long long)count);
        fflush(stdout);
    }
}

/* `began`: by CLOCK_MONOTONIC. */
static inline void orders_report_sent(uint64_t sent, uint64_t failed, double longest, double began)
{
    printf("{\"sent\": %llu, \"failed\": %llu, \"longest_ms\": %.1f, \"began\": %.6f, \"seconds\": %.6f}\n",
           (unsigned long long)sent, (unsigned long long)failed, longest * 1000, began, orders_now() - began);
    fflush(stdout);
}

static inline void orders_report_received(const struct series_account *account, double seconds)
{
    printf(
        "{\"received\": %llu, \"bytes\": %llu, \"bad\": %llu, \"lost\": %llu, \"doubled\": %llu, \"disordered\": %llu, "
        "\"seconds\": %.6f}\n",
        (unsigned long long)account->received, (unsigned long long)account->bytes, (unsigned long long)account->bad,
        (unsigned long long)account->lost, (unsigned long long)account->doubled,
        (unsigned long long)account->disordered, seconds);
    fflush(stdout);
}

#endif
