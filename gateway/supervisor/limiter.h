/* Keeps a repeated line out of the log: the first few pass, the next ones at ever longer intervals, and after a quiet minute
 * everything is new again. What was held back is counted, so that the next line can say so. */
#ifndef LEAT_SUPERVISOR_LIMITER_H
#define LEAT_SUPERVISOR_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised is ready to use. */
struct limiter {
    int64_t next_ns;     /* CLOCK_MONOTONIC: from when on a line may pass */
    int64_t interval_ns; /* after the last one */
    uint32_t written;    /* lines since it was quiet */
    uint32_t held_back;  /* the caller counts here what it did not write; zero again after limiter_wrote() */
};

bool limiter_is_open(struct limiter *limiter, int64_t now_ns);
void limiter_wrote(struct limiter *limiter, int64_t now_ns);

#endif
