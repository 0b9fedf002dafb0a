/* The programs around a bridge that is measured, each a process of its own: who publishes into the channel, who sends without
 * any gateway, who receives. All send numbered messages, the number in the first 8 bytes. None returns. */
#ifndef TESTS_BENCH_PEERS_H
#define TESTS_BENCH_PEERS_H

#include <stddef.h>

/* Publishes into a block channel as fast as it goes. */
_Noreturn void peer_producer(const char *channel, size_t size);

/* nng's own best: 64 asynchronous sends at once, each starting the next. */
_Noreturn void peer_best_sender(const char *url, size_t size);

/* The loop that everybody would write: read a message, send it, wait, again. */
_Noreturn void peer_loop_sender(const char *channel, const char *url, size_t size);

/* Listens at a free port of 127.0.0.1, prints `listening URL`, waits for messages, and prints `rate MESSAGES SECONDS MISSING`
 * for a window of `time_ms` after a tenth of it. Asynchronous: 16 receives at once; otherwise a blocking loop. */
_Noreturn void peer_puller(size_t size, int time_ms, int asynchronous);

#endif
