/* The programs around a bridge that is measured, each a process of its own: who publishes into the channel, who sends without
 * any gateway, who receives. All send numbered messages, the number in the first 8 bytes. None returns. */
#ifndef TESTS_BENCH_PEERS_H
#define TESTS_BENCH_PEERS_H

#include <nng/nng.h>
#include <stddef.h>

/* How the two ends reach each other: plain TCP unless a benchmark says otherwise before it plays a part. */
struct peer_way {
    const char *scheme;
    int (*tune_listener)(nng_listener listener); /* 0 or nng's code; may be NULL */
    int (*tune_dialer)(nng_dialer dialer);
};
extern struct peer_way peer_way;

/* Publishes into a block channel as fast as it goes. */
_Noreturn void peer_producer(const char *channel, size_t size);

/* nng's own best: 64 asynchronous sends at once, each starting the next. */
_Noreturn void peer_best_sender(const char *url, size_t size);

/* The loop that everybody would write: read a message, send it, wait, again. */
_Noreturn void peer_loop_sender(const char *channel, const char *url, size_t size);

/* Listens at a free port of this host, prints `listening URL`, waits for messages, and prints `rate MESSAGES SECONDS MISSING`
 * for a window of `time_ms` after a tenth of it. Asynchronous: 16 receives at once; otherwise a blocking loop. */
_Noreturn void peer_puller(size_t size, int time_ms, int asynchronous);

#endif
