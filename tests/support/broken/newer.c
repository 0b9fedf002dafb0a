/* Built against later headers that only added members: it works, and the host uses what it knows. */
#include "healthy.h"

struct later_ops {
    struct leat_pattern_ops known;
    void (*added)(void);
};

struct later_plugin {
    struct leat_plugin known;
    const char *added;
};

static const struct later_ops ops = {.known = {.size = sizeof(struct later_ops),
                                               .directions = LEAT_OUT,
                                               .create = healthy_create,
                                               .socket = healthy_socket,
                                               .destroy = healthy_destroy}};

struct options {
    uint64_t first_bytes, second_bytes;
};

struct later_option {
    struct leat_option known;
    const char *added;
};

#define LATER(member, name_, default_)                         \
    {                                                          \
        .known = {.size = sizeof(struct later_option),         \
                  .type = LEAT_OPTION_SIZE,                    \
                  .name = name_,                               \
                  .default_text = default_,                    \
                  .help = "A size.",                           \
                  .offset = offsetof(struct options, member)}, \
        .added = "more"                                        \
    }

static const struct later_option rows[] = {LATER(first_bytes, "first", "1KiB"), LATER(second_bytes, "second", "2KiB")};

extern LEAT_EXPORT const struct later_plugin leat_plugin_v1;
const struct later_plugin leat_plugin_v1 = {.known = {.size = sizeof(struct later_plugin),
                                                      .kind = LEAT_PLUGIN_PATTERN,
                                                      .options_size = sizeof(struct options),
                                                      .name = "newer",
                                                      .version = "2",
                                                      .summary = "a plugin of the future",
                                                      .reference = "",
                                                      .licence = "MIT",
                                                      .options = &rows[0].known,
                                                      .option_count = 2,
                                                      .pattern = &ops.known},
                                            .added = "more"};
