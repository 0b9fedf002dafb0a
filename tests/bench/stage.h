/* What a benchmark of a bridge stands on: a folder of its own, and the processes of one run, which are parts of the benchmark's
 * own program, and leatd. */
#ifndef TESTS_BENCH_STAGE_H
#define TESTS_BENCH_STAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct stage {
    int runs, time_ms;
    bool json;
    char leatd[PATH_MAX];
    char folder[32]; /* channels, the gateway's page, its configuration; gone when the program ends */
};

/* Plays a part of peers.h when the arguments say so, and does not return then. `more` may know others. */
void stage_play_part(int argc, char **argv);

/* [--runs=N] [--time=MS] [--leatd=FILE] [--json], and the folder. Ends the program when something is wrong. */
void stage_open(struct stage *stage, int argc, char **argv);

/* Starts a program; what it prints can be read from the result. */
FILE *stage_start(char *const *arguments);

/* A process of this program in another part. NULL ends the arguments. */
FILE *stage_start_peer(const char *part, const char *first, const char *second, const char *third);

/* leatd with one bridge from the channel `bench` to `url`; `lines` are added to it. */
void stage_start_gateway(const struct stage *stage, const char *url, const char *lines);

/* The last one started is stopped first, so nobody sees a peer go that it still needs. */
void stage_stop_all(void);

/* Where the puller listens. `who` is blamed. */
void stage_read_url(FILE *puller, char *url, size_t size, const char *who);

/* Messages a second that reached the puller, once it says so; stops everybody. */
double stage_read_rate(const struct stage *stage, FILE *puller, const char *who);

#endif
