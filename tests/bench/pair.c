#include "pair.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROBE_ROUNDS 20000u
#define NEAR_NS 130.0
#define FAR_NS 170.0
#define FOREIGN_MOST 0.08

struct meeting {
    _Alignas(128) _Atomic uint32_t ping;
    _Alignas(128) _Atomic uint32_t pong;
    _Alignas(128) _Atomic uint32_t arrived;
    _Alignas(128) struct pair_result result;
    double child_cpu_s;
};

static struct meeting *meeting;

void pair_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

const char *placement_name(enum placement placement)
{
    static const char *const names[] = {"near", "far", "mixed", "disturbed"};
    return names[placement];
}

int64_t pair_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t pair_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return (uint64_t)pair_now_ns();
#endif
}

double pair_ticks_to_ns(double ticks)
{
    static double ns_per_tick;
    if (ns_per_tick == 0) {
        const int64_t began_ns = pair_now_ns();
        const uint64_t began = pair_ticks();
        while (pair_now_ns() - began_ns < 30000000) {
        }
        const uint64_t took = pair_ticks() - began;
        ns_per_tick = (double)(pair_now_ns() - began_ns) / (double)took;
    }
    return ticks * ns_per_tick;
}

/* A child that fails would leave its parent spinning. */
static void child_ended(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    if (info->si_code != CLD_EXITED || info->si_status != 0) {
        _exit(EXIT_FAILURE);
    }
}

/* ---- the two sides ---------------------------------------------------------------------------------------------- */

static void pin(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0) {
        pair_fail("this benchmark needs two CPUs, 0 and 1: CPU %u cannot be used", cpu);
    }
}

void pair_barrier(struct pair_run *run)
{
    (void)run;
    const uint32_t mine = atomic_fetch_add(&meeting->arrived, 1);
    while (atomic_load(&meeting->arrived) < (mine | 1) + 1) {
    }
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Median of one way of a cache line between the two CPUs; on the parent's side. */
static double probe(struct pair_run *run, uint32_t base)
{
    static uint64_t took[PROBE_ROUNDS];
    pair_barrier(run);
    for (uint32_t i = 1; i <= PROBE_ROUNDS; i++) {
        if (run->side == 1) {
            while (atomic_load_explicit(&meeting->ping, memory_order_acquire) != base + i) {
            }
            atomic_store_explicit(&meeting->pong, base + i, memory_order_release);
            continue;
        }
        const uint64_t began = pair_ticks();
        atomic_store_explicit(&meeting->ping, base + i, memory_order_release);
        while (atomic_load_explicit(&meeting->pong, memory_order_acquire) != base + i) {
        }
        took[i - 1] = pair_ticks() - began;
    }
    qsort(took, PROBE_ROUNDS, sizeof took[0], by_value);
    return pair_ticks_to_ns((double)took[PROBE_ROUNDS / 2]) / 2;
}

static double own_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* CPU time that the whole machine has spent, on all CPUs; what the host stole counts as spent by others. */
static double machine_cpu_s(void)
{
    uint64_t user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0;
    FILE *file = fopen("/proc/stat", "re");
    if (!file ||
        fscanf(file, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
               &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal) != 8) {
        pair_fail("/proc/stat cannot be read");
    }
    fclose(file);
    return (double)(user + nice + system + irq + softirq + steal) / (double)sysconf(_SC_CLK_TCK);
}

static void run_side(struct pair_run *run, void (*body)(struct pair_run *run))
{
    struct pair_result *result = run->result;
    const double before_ns = probe(run, 0);
    pair_barrier(run);
    const double machine_s = machine_cpu_s(), own_s = own_cpu_s();
    const int64_t began_ns = pair_now_ns();
    body(run);
    const double used_s = own_cpu_s() - own_s;
    if (run->side == 1) {
        meeting->child_cpu_s = used_s;
    }
    pair_barrier(run);
    if (run->side == 0) {
        const double wall_s = (double)(pair_now_ns() - began_ns) / 1e9;
        const double foreign_s = machine_cpu_s() - machine_s - used_s - meeting->child_cpu_s;
        result->foreign = foreign_s > 0 ? foreign_s / (2 * wall_s) : 0;
    }
    const double after_ns = probe(run, PROBE_ROUNDS * 2);
    if (run->side == 0) {
        result->before_ns = before_ns;
        result->after_ns = after_ns;
    }
}

void pair_measure(void (*body)(struct pair_run *run), void *user, struct pair_result *result)
{
    pair_ticks_to_ns(0); /* calibrated once, before the fork */
    meeting = mmap(NULL, sizeof *meeting, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (meeting == MAP_FAILED) {
        pair_fail("no shared memory");
    }
    const struct sigaction action = {.sa_sigaction = child_ended, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
    fflush(NULL);
    const pid_t child = fork();
    if (child < 0) {
        pair_fail("no child process");
    }
    struct pair_run run = {.side = child == 0, .result = &meeting->result, .user = user};
    pin((unsigned)run.side);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_side(&run, body);
        _exit(EXIT_SUCCESS);
    }
    run_side(&run, body);
    int status;
    if (waitpid(child, &status, 0) != child || status != 0) {
        pair_fail("the other side of the benchmark failed");
    }
    *result = meeting->result;
    munmap(meeting, sizeof *meeting);
}

enum placement pair_placement(const struct pair_result *result)
{
    if (result->foreign > FOREIGN_MOST) {
        return PLACEMENT_DISTURBED;
    }
    if (result->before_ns < NEAR_NS && result->after_ns < NEAR_NS) {
        return PLACEMENT_NEAR;
    }
    return result->before_ns > FAR_NS && result->after_ns > FAR_NS ? PLACEMENT_FAR : PLACEMENT_MIXED;
}
