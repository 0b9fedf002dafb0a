/* An option whose name has a capital letter. */
#include "healthy.h"

struct options {
    int64_t one;
};

static const struct leat_option rows[] = {LEAT_OPTION(struct options, one, "One", LEAT_OPTION_INT, "1", "A number.")};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("bad-name"),
                                                       .options_size = sizeof(struct options), .options = rows,
                                                       .option_count = 1, .pattern = &healthy_ops};
