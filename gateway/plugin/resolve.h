/* A bridge with its plugins found and their options filled: what stands in the configuration turned into what can be called.
 *
 *     struct config_bridge -> resolve_bridge -> checker: asks each plugin's check()
 *                                            -> worker:  creates the pattern, opens the channels and the socket
 */
#ifndef LEAT_PLUGIN_RESOLVE_H
#define LEAT_PLUGIN_RESOLVE_H

#include "config/config.h"
#include "config/options.h"
#include "plugin/registry.h"

struct resolved_channel {
    const struct plugin *plugin;
    struct options options; /* options.values goes into the plugin's calls */
    const char *where;      /* the part after "://" */
    const char *url;
    struct leat_host *host; /* of this instance: logs with both names; keep it as long as the instance */
};

struct resolved_endpoint {
    const struct plugin *plugin;
    struct options options;
    struct leat_endpoint endpoint; /* ready for check() and attach(); points into `options` and the configuration */
    struct leat_host *host;
};

/* Does not move while in use. Points into `config` and the registry, which outlive it. */
struct resolved_bridge {
    const struct config *config;
    const struct config_bridge *bridge;
    const struct plugin *pattern;
    struct options pattern_options;
    struct leat_host *pattern_host;
    struct leat_bridge_view view; /* ready for the pattern's check() and create() */
    struct resolved_channel *channels;
    size_t channel_count;
    struct resolved_channel *reply;      /* NULL: it has no reply_channel */
    struct resolved_endpoint *endpoints; /* those that listen first, then those that dial, each in the order written */
    size_t endpoint_count;
    const struct plugin *engine; /* the transport that opens the socket: the first endpoint's; all are of its family */
    const char **channel_names;  /* behind view.channel_names */
};

/* Some of a bridge's channels. */
struct resolved_span {
    const struct resolved_channel *items;
    size_t count;
};

/* What its outward lanes read, one lane each; what its inward lane writes. */
struct resolved_span resolved_bridge_read(const struct resolved_bridge *resolved);
struct resolved_span resolved_bridge_written(const struct resolved_bridge *resolved);

/* Finds the plugins of one bridge, fills the options of each, and refuses options for plugins that the bridge does not use, a
 * direction that the pattern does not have, a reply_channel that is missing or of no use, and transports of different families. Opens and creates nothing. Everything
 * wrong is added to `problems`, which later blames of these instances go to as well until it is sealed. 0 or -EINVAL; call
 * resolved_bridge_fini in either case. After -EINVAL a plugin may be NULL where none was found,
 * and options.values where they are wrong. */
int resolve_bridge(struct resolved_bridge *out, const struct config *config, const struct config_bridge *bridge,
                   struct registry *registry, struct problems *problems);

/* Asks every plugin of a bridge for what it finds wrong (pattern, each channel, each endpoint), and adds it to the problems given
 * at resolve_bridge. After a failed resolve_bridge it asks those plugins that were found and whose options are good, so that
 * one run reports everything. `ours`, which may be NULL, says whether a listening URL is served by this very gateway at
 * the moment, so that its port is no news; everything else about it is. 0 or -EINVAL. */
int resolved_bridge_check(struct resolved_bridge *resolved, bool (*ours)(const char *url, void *user), void *user);

/* No more blames: the problems given to resolve_bridge may go away. A worker calls it before it creates anything. */
void resolved_bridge_seal(struct resolved_bridge *resolved);

/* Frees what resolve_bridge allocated; plugins stay loaded. All instances made from it are gone by then. */
void resolved_bridge_fini(struct resolved_bridge *resolved);

#endif
