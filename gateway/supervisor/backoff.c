#include "supervisor/backoff.h"

#define SERVED_DOUBLINGS 1
#define DOUBLINGS_MAX 32

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t backoff_next_ns(struct backoff *backoff, int64_t life_ns, bool served, uint32_t random)
{
    if (served && life_ns >= BACKOFF_FORGIVEN_NS)
        backoff->failures = 0;
    uint32_t doublings = backoff->failures;
    if (backoff->failures < DOUBLINGS_MAX)
        backoff->failures++;
    if (served && doublings > SERVED_DOUBLINGS)
        doublings = SERVED_DOUBLINGS;

    int64_t wait_ns = least(backoff->min_ns, backoff->max_ns);
    for (uint32_t i = 0; i < doublings && wait_ns < backoff->max_ns; i++)
        wait_ns = least(wait_ns * 2, backoff->max_ns);
    int64_t eighth = wait_ns / 8;
    if (eighth > 0)
        wait_ns += (int64_t)(random % (uint64_t)(2 * eighth + 1)) - eighth;
    return least(wait_ns, backoff->max_ns);
}
