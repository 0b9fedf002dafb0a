/* The plugins of this process: loaded from plugin_dir by name, checked, copied into this host's idea of their tables.
 * Only workers and the checker load plugins; the supervisor never does. */
#ifndef LEAT_PLUGIN_REGISTRY_H
#define LEAT_PLUGIN_REGISTRY_H

#include <leat/plugin/channel.h>
#include <leat/plugin/pattern.h>
#include <leat/plugin/plugin.h>
#include <leat/plugin/transport.h>

#include <stddef.h>

/* The host's copy: what the plugin does not have is zero; nothing of the plugin's own table is used afterwards. */
struct plugin {
    struct leat_plugin table;
    struct leat_channel_ops channel;
    struct leat_pattern_ops pattern;
    struct leat_transport_ops transport;
    char *file;
};

struct registry;

/* `plugin_dir` must belong to root or to this user and must not be world-writable: -EPERM otherwise. */
int registry_open(struct registry **registry, const char *plugin_dir, char *explain, size_t explain_size);
void registry_close(struct registry *registry); /* forgets; the shared objects stay loaded */

/* Loads NAME.so once. NULL with a sentence in `explain`: not there (with the nearest name), dlopen's own words, no
 * leat_plugin_v1, too new, wrong kind, a required slot missing. */
const struct plugin *registry_find(struct registry *registry, uint32_t kind, const char *name, char *explain,
                                   size_t explain_size);

/* The transport that serves a URL scheme: the plugin that has it in its table; tries those already loaded, then all in the
 * folder. The channel plugin of a scheme has the scheme as its name. */
const struct plugin *registry_find_scheme(struct registry *registry, const char *scheme, char *explain,
                                          size_t explain_size);

/* Names of all files NAME.so in the folder, sorted, NULL-terminated; owned by the registry. Loads nothing. */
const char *const *registry_names(struct registry *registry);

/* Called before each dlopen, so that a crash in a constructor can be told by the name. NULL: none. */
void registry_on_load(struct registry *registry, void (*announce)(const char *file, void *user), void *user);

#endif
