/* A pattern with an option of every type, which finds fault with what its options say together. */
#include "healthy.h"

#include <errno.h>

struct options {
    const char *text;
    const char *path, *secret;
    const char *const *list;
    int64_t number, pause_ns;
    uint64_t size_bytes;
    uint32_t flag, choice, mode;
};

#define ROW(member, name, type, flags, default_text, min, max, choices) \
    LEAT_OPTION_FULL(struct options, member, name, type, flags, default_text, min, max, choices, "the " name)

static const struct leat_option rows[] = {
    ROW(text, "text", LEAT_OPTION_TEXT, 0, "plain", 0, 0, NULL),
    ROW(path, "path", LEAT_OPTION_PATH, 0, NULL, 0, 0, NULL),
    ROW(secret, "secret", LEAT_OPTION_TEXT, LEAT_OPTION_SECRET, NULL, 0, 0, NULL),
    ROW(list, "list", LEAT_OPTION_LIST, 0, NULL, 0, 0, NULL),
    ROW(number, "number", LEAT_OPTION_INT, 0, "1", 1, 64, NULL),
    ROW(pause_ns, "pause", LEAT_OPTION_DURATION, 0, "forever", 0, 0, NULL),
    ROW(size_bytes, "size", LEAT_OPTION_SIZE, 0, "4MiB", 65536, INT64_C(1) << 30, NULL),
    ROW(flag, "flag", LEAT_OPTION_BOOL, 0, "no", 0, 0, NULL),
    ROW(choice, "choice", LEAT_OPTION_CHOICE, 0, "drop", 0, 0, "drop|wait|grow"),
    ROW(mode, "mode", LEAT_OPTION_MODE, 0, "0600", 0, 0, NULL),
};

static int32_t check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *values)
{
    const struct options *options = values;
    (void)bridge;
    if (options->number != 13)
        return 0;
    host->blame(host->context, "number", "thirteen is unlucky");
    host->blame(host->context, "size", "is to blame as well");
    host->blame(host->context, "secret", "is too short");
    host->blame(host->context, "channel", "has the wrong colour");
    return -EINVAL;
}

static const struct leat_pattern_ops ops = {HEALTHY_OPS, .check = check};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("every"), .options_size = sizeof(struct options),
                                                       .options = rows, .option_count = sizeof(rows) / sizeof(*rows),
                                                       .pattern = &ops};
