/* Two processes that are measured against each other, pinned to CPU 0 and CPU 1, and what the machine did meanwhile.
 *
 * A virtual machine's CPUs wander over the host: what handing one cache line over costs changes four- to sixfold between runs,
 * and with it every figure that spins. Therefore each run measures that first and last, and only runs of one class are
 * compared. A run in which others took more than 8 % of the two CPUs is in no class but `disturbed`. */
#ifndef TESTS_BENCH_PAIR_H
#define TESTS_BENCH_PAIR_H

#include <stdint.h>
#include <sys/types.h>

enum placement { PLACEMENT_NEAR, PLACEMENT_FAR, PLACEMENT_MIXED, PLACEMENT_DISTURBED, PLACEMENT_COUNT };
const char *placement_name(enum placement placement);

/* What one run found out; filled by either side, read by the parent. */
struct pair_result {
    double value[4]; /* the benchmark's own */
    uint64_t messages, lost;
    double before_ns, after_ns; /* one way of a cache line */
    double foreign;             /* part of the two CPUs that others took */
};

struct pair_run {
    int side; /* 0 the parent, on CPU 0; 1 its child, on CPU 1 */
    struct pair_result *result;
    void *user;
};

/* Runs `body` on both sides, each after a barrier, and fills *result. The child ends with it. Any failure ends the program. */
void pair_measure(void (*body)(struct pair_run *run), void *user, struct pair_result *result);

/* Both sides wait here for each other. */
void pair_barrier(struct pair_run *run);

enum placement pair_placement(const struct pair_result *result);

/* A clock for short times: the CPU's own counter where that is usable. */
uint64_t pair_ticks(void);
double pair_ticks_to_ns(double ticks);

int64_t pair_now_ns(void);

/* Ends the program with a sentence. */
_Noreturn void pair_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
