/* A leat plugin: one shared object, one exported constant table.
 *
 *     LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = { .size = sizeof(struct leat_plugin), ... };
 *
 * The symbol's name carries the major number of the interface. Every struct that may grow starts with its own size; members
 * are only added at the end; the host copies what it knows and refuses a plugin that needs more than it has. Only
 * fixed-width types and pointers cross. A plugin never links against the gateway; what it needs of it comes in a table of
 * host services (host.h). It is loaded with RTLD_NOW | RTLD_LOCAL and never unloaded. */
#ifndef LEAT_PLUGIN_PLUGIN_H
#define LEAT_PLUGIN_PLUGIN_H

#include <leat/plugin/host.h>
#include <leat/plugin/option.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LEAT_EXPORT __attribute__((visibility("default")))
#else
#define LEAT_EXPORT
#endif

#define LEAT_PLUGIN_SYMBOL "leat_plugin_v1"
#define LEAT_PLUGIN_MINOR 2 /* of the interface that these headers describe; what came later than 0 says so */

enum leat_plugin_kind { LEAT_PLUGIN_CHANNEL = 1, LEAT_PLUGIN_PATTERN = 2, LEAT_PLUGIN_TRANSPORT = 3 };

struct leat_channel_ops;   /* plugin/channel.h */
struct leat_pattern_ops;   /* plugin/pattern.h */
struct leat_transport_ops; /* plugin/transport.h */

/* The table that a plugin exports. */
struct leat_plugin {
    uint32_t size;         /* sizeof(struct leat_plugin) */
    uint32_t needs_minor;  /* the least minor number of the host's interface that this plugin can work with */
    uint32_t kind;         /* enum leat_plugin_kind */
    uint32_t options_size; /* of the plugin's options struct, bytes; the host allocates and fills it */
    const char *name;      /* [a-z][a-z0-9_-]*; the prefix of its options; the file is NAME.so */
    const char *version;   /* of the plugin, for people */
    const char *summary;   /* one line */
    const char
        *reference; /* the text of its reference page: what it does, what it keeps and what it cannot; plain text */
    const char *licence;               /* "MIT" */
    const struct leat_option *options; /* option_count rows, each `options->size` bytes apart */
    uint32_t option_count;
    uint32_t reserved;
    const struct leat_channel_ops *channel; /* exactly the one that `kind` says is set */
    const struct leat_pattern_ops *pattern; /* the others are NULL */
    const struct leat_transport_ops *transport;
};

#ifdef __cplusplus
}
#endif
#endif
