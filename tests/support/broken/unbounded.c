/* An option without bounds, and a start that believes every value. */
#include "healthy.h"

#include <errno.h>
#include <stdlib.h>

struct options {
    int64_t slots;
};

static const struct leat_option rows[] = {
    LEAT_OPTION(struct options, slots, "slots", LEAT_OPTION_INT, "8", "How many.")};

static int32_t create(void **self, const struct leat_host *host, const struct leat_bridge_view *bridge,
                      const void *values)
{
    const struct options *options = values;
    char *slots = malloc(64);
    if (!slots)
        return -ENOMEM;
    slots[options->slots - 1] = 1;
    free(slots);
    return healthy_create(self, host, bridge, values);
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS_BUT_CREATE, .create = create};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("unbounded"),
                                                       .options_size = sizeof(struct options), .options = rows,
                                                       .option_count = 1, .pattern = &ops};
