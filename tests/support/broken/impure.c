/* Its check() leaves a file behind. */
#include "healthy.h"

#include <fcntl.h>
#include <unistd.h>

static int32_t check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *options)
{
    (void)host, (void)bridge, (void)options;
    close(open("checked", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    return 0;
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS, .check = check};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("impure"), .pattern = &ops};
