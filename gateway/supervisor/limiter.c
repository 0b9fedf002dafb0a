#include "supervisor/limiter.h"

#include "base/clock.h"

#define FREE_LINES 4
#define INTERVAL_MIN_NS NS_PER_S
#define INTERVAL_MAX_NS (300 * NS_PER_S)
#define QUIET_NS (60 * NS_PER_S)

bool limiter_is_open(struct limiter *limiter, int64_t now_ns)
{
    if (now_ns - limiter->next_ns > QUIET_NS)
        limiter->written = 0;
    return now_ns >= limiter->next_ns;
}

void limiter_wrote(struct limiter *limiter, int64_t now_ns)
{
    if (++limiter->written < FREE_LINES)
        limiter->interval_ns = 0;
    else if (limiter->interval_ns == 0)
        limiter->interval_ns = INTERVAL_MIN_NS;
    else if ((limiter->interval_ns *= 2) > INTERVAL_MAX_NS)
        limiter->interval_ns = INTERVAL_MAX_NS;
    limiter->next_ns = now_ns + limiter->interval_ns;
    limiter->held_back = 0;
}
