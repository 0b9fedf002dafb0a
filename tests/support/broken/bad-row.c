/* An option that would be written beyond the plugin's own struct. */
#include "healthy.h"

struct options {
    int64_t one, two;
};

static const struct leat_option rows[] = {LEAT_OPTION(struct options, two, "two", LEAT_OPTION_INT, "2", "A number.")};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("bad-row"), .options_size = 8, .options = rows,
                                                       .option_count = 1, .pattern = &healthy_ops};
