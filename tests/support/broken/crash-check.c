/* Loads well and crashes when it is asked to check its options: it runs out of stack, so not even a handler on its stack helps. */
#include "healthy.h"

/* Each frame is used after the call, so that the compiler keeps them all. */
static int32_t deeper(volatile int32_t *above)
{
    volatile int32_t frame[1024];
    if (*above == INT32_MAX)
        return 0;
    frame[0] = *above + 1;
    frame[1023] = deeper(frame);
    return frame[1023] + *above;
}

static int32_t check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *options)
{
    volatile int32_t start = 0;
    (void)host;
    (void)bridge;
    (void)options;
    return deeper(&start);
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS, .check = check};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("crash-check"), .pattern = &ops};
