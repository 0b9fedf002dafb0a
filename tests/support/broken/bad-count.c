/* Counts more options than it has: what stands behind them is taken for one. */
#include "healthy.h"

struct options {
    int64_t one;
};

static const struct leat_option rows[] = {LEAT_OPTION(struct options, one, "one", LEAT_OPTION_INT, "1", "A number."),
                                          {.size = 1}};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("bad-count"),
                                                       .options_size = sizeof(struct options), .options = rows,
                                                       .option_count = 2, .pattern = &healthy_ops};
