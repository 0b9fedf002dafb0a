#include "cli/interrupt.h"

#include "base/clock.h"

#include <leat/channel.h>

#include <errno.h>
#include <signal.h>

#define SLICE_NS (100 * NS_PER_MS)

static volatile sig_atomic_t caught;

static void catch (int signal)
{
    (void)signal;
    caught = 1;
}

void interrupt_catch(void)
{
    const struct sigaction action = {.sa_handler = catch, .sa_flags = (int)SA_RESETHAND}; /* the second one kills */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void)
{
    return caught != 0;
}

int64_t interrupt_deadline_ns(int64_t timeout_ns)
{
    return timeout_ns == LEAT_FOREVER ? LEAT_FOREVER : clock_monotonic_ns() + timeout_ns;
}

int64_t interrupt_slice_ns(int64_t deadline_ns)
{
    if (deadline_ns == LEAT_FOREVER) {
        return SLICE_NS;
    }
    int64_t left = deadline_ns - clock_monotonic_ns();
    return left <= 0 ? 0 : left < SLICE_NS ? left : SLICE_NS;
}

void interrupt_sleep_until(int64_t deadline_ns)
{
    const struct timespec until = {deadline_ns / NS_PER_S, deadline_ns % NS_PER_S};
    while (!caught && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}
