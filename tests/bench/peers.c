#include "peers.h"

#include <leat/channel.h>

#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SENDS 64
#define RECEIVES 16
#define LARGEST ((size_t)64 << 20)

struct peer_way peer_way = {.scheme = "tcp"};

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void expect_nng(int error, const char *what)
{
    if (error != 0) {
        fail(what, nng_strerror(error));
    }
}

static void expect_leat(int error, const char *what)
{
    if (error < 0) {
        fail(what, leat_strerror(error));
    }
}

static void *room(size_t size)
{
    void *bytes = calloc(1, size);
    if (!bytes) {
        fail("memory", "none");
    }
    return bytes;
}

/* ---- senders ---------------------------------------------------------------------------------------------------- */

void peer_producer(const char *channel, size_t size)
{
    struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
    struct leat_writer *writer;
    options.policy = LEAT_BLOCK;
    options.wait_readers = 1;
    expect_leat(leat_writer_open(&writer, channel, &options), "leat_writer_open");
    char *bytes = room(size);
    for (uint64_t number = 0;; number++) {
        memcpy(bytes, &number, sizeof number);
        expect_leat(leat_publish(writer, bytes, size, number, LEAT_FOREVER), "leat_publish");
    }
}

static nng_socket dial(const char *url)
{
    nng_socket socket;
    nng_dialer dialer;
    expect_nng(nng_push0_open(&socket), "push");
    expect_nng(nng_dialer_create(&dialer, socket, url), url);
    expect_nng(peer_way.tune_dialer ? peer_way.tune_dialer(dialer) : 0, url);
    expect_nng(nng_dialer_start(dialer, 0), url);
    return socket;
}

static nng_socket best_socket;
static size_t best_size;
static const char *best_bytes;
static _Atomic uint64_t best_number;
static nng_aio *best_sends[SENDS];

static void send_next(void *argument)
{
    nng_aio *aio = *(nng_aio **)argument;
    expect_nng(nng_aio_result(aio), "send");
    nng_msg *message;
    expect_nng(nng_msg_alloc(&message, best_size), "message");
    char *body = nng_msg_body(message);
    memcpy(body, best_bytes, best_size);
    const uint64_t number = atomic_fetch_add(&best_number, 1);
    memcpy(body, &number, sizeof number);
    nng_aio_set_msg(aio, message);
    nng_send_aio(best_socket, aio);
}

void peer_best_sender(const char *url, size_t size)
{
    best_bytes = room(size);
    best_size = size;
    best_socket = dial(url);
    for (int i = 0; i < SENDS; i++) {
        expect_nng(nng_aio_alloc(&best_sends[i], send_next, &best_sends[i]), "aio");
    }
    for (int i = 0; i < SENDS; i++) {
        send_next(&best_sends[i]);
    }
    for (;;) {
        pause();
    }
}

void peer_loop_sender(const char *channel, const char *url, size_t size)
{
    const struct timespec moment = {0, 1000000};
    struct leat_reader *reader;
    while (leat_reader_open(&reader, channel, NULL, NULL) == -ENOENT) {
        nanosleep(&moment, NULL);
    }
    nng_socket socket = dial(url);
    char *bytes = room(size);
    for (;;) {
        struct leat_message message;
        expect_leat(leat_read(reader, bytes, size, &message, LEAT_FOREVER), "leat_read");
        expect_nng(nng_send(socket, bytes, message.len, 0), "nng_send");
    }
}

/* ---- the receiver ----------------------------------------------------------------------------------------------- */

static nng_socket pull_socket;
static size_t pull_size;
static _Atomic uint64_t pulled, newest;
static nng_aio *receives[RECEIVES];

static void take(nng_msg *message)
{
    uint64_t number;
    if (nng_msg_len(message) != pull_size) {
        fail("received", "a message of another size");
    }
    memcpy(&number, nng_msg_body(message), sizeof number);
    nng_msg_free(message);
    uint64_t seen = atomic_load(&newest);
    while (number > seen && !atomic_compare_exchange_weak(&newest, &seen, number)) {
    }
    atomic_fetch_add(&pulled, 1);
}

static void receive_next(void *argument)
{
    nng_aio *aio = *(nng_aio **)argument;
    expect_nng(nng_aio_result(aio), "receive");
    take(nng_aio_get_msg(aio));
    nng_recv_aio(pull_socket, aio);
}

static void *receive_loop(void *argument)
{
    nng_msg *message;
    while (nng_recvmsg(pull_socket, &message, 0) == 0) {
        take(message);
    }
    return argument;
}

static void sleep_ms(int ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void listen_anywhere(void)
{
    nng_listener listener;
    int port;
    char url[64];
    snprintf(url, sizeof url, "%s://127.0.0.1:0", peer_way.scheme);
    expect_nng(nng_pull0_open(&pull_socket), "pull");
    expect_nng(nng_socket_set_size(pull_socket, NNG_OPT_RECVMAXSZ, LARGEST), "receive limit");
    expect_nng(nng_listener_create(&listener, pull_socket, url), url);
    expect_nng(peer_way.tune_listener ? peer_way.tune_listener(listener) : 0, url);
    expect_nng(nng_listener_start(listener, 0), "listen");
    expect_nng(nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port), "port");
    printf("listening %s://127.0.0.1:%d\n", peer_way.scheme, port);
    fflush(stdout);
}

static void start_receiving(int asynchronous)
{
    pthread_t thread;
    if (!asynchronous) {
        expect_nng(pthread_create(&thread, NULL, receive_loop, NULL) ? NNG_ENOMEM : 0, "thread");
        return;
    }
    for (int i = 0; i < RECEIVES; i++) {
        expect_nng(nng_aio_alloc(&receives[i], receive_next, &receives[i]), "aio");
        nng_recv_aio(pull_socket, receives[i]);
    }
}

void peer_puller(size_t size, int time_ms, int asynchronous)
{
    pull_size = size;
    listen_anywhere();
    start_receiving(asynchronous);
    while (atomic_load(&pulled) == 0) {
        sleep_ms(1);
    }
    sleep_ms(time_ms / 10);
    const uint64_t before = atomic_load(&pulled);
    const double began_s = now_s();
    sleep_ms(time_ms);
    const uint64_t count = atomic_load(&pulled) - before;
    const double took_s = now_s() - began_s;
    /* What is in the hands of other threads right now is not missing. */
    const uint64_t all = atomic_load(&newest) + 1, got = atomic_load(&pulled);
    const uint64_t missing = all > got + SENDS + RECEIVES ? all - got : 0;
    printf("rate %" PRIu64 " %.6f %" PRIu64 "\n", count, took_s, missing);
    fflush(stdout);
    for (;;) {
        pause(); /* until it is killed: the sender must not see its peer go first */
    }
}
