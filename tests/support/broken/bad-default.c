/* Its own default is not what its option takes. */
#include "healthy.h"

struct options {
    int64_t pause_ns;
};

static const struct leat_option rows[] = {
    LEAT_OPTION(struct options, pause_ns, "pause", LEAT_OPTION_DURATION, "5", "How long.")};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("bad-default"),
                                                       .options_size = sizeof(struct options), .options = rows,
                                                       .option_count = 1, .pattern = &healthy_ops};
