/* The clock that messages are dated by (leat_message.time_ns), which people may set. */
#ifndef LEAT_WALL_H
#define LEAT_WALL_H

#include <stdint.h>
#include <time.h>

static inline uint64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

#endif
