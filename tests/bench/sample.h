/* The runs of one row, by placement: medians and spreads, for people and as JSON. */
#ifndef TESTS_BENCH_SAMPLE_H
#define TESTS_BENCH_SAMPLE_H

#include "pair.h"

#include <stdbool.h>
#include <stddef.h>

#define SAMPLES_MOST 64

struct samples {
    struct pair_result runs[PLACEMENT_COUNT][SAMPLES_MOST];
    size_t counts[PLACEMENT_COUNT];
};

void samples_add(struct samples *samples, const struct pair_result *result);

/* One column for each class that has runs; what is disturbed is shown where there is nothing else. `latency`: value[0] to value[2] are p50, p99 and p99.9 in ns; otherwise
 * value[0] is a rate. */
void samples_print(const struct samples *samples, bool latency);
void samples_print_json(const struct samples *samples, bool latency);

double median(double *values, size_t count);

#endif
