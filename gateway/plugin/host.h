/* The host's side of plugin/host.h: one struct leat_host for each instance of a plugin in a bridge, so that what the plugin
 * logs carries both names, and what it blames becomes a problem at the option's own file and line. */
#ifndef LEAT_PLUGIN_HOST_SERVICES_H
#define LEAT_PLUGIN_HOST_SERVICES_H

#include "config/config.h"
#include "plugin/registry.h"

/* Services for `plugin` in `bridge`. `subject` is the URL that this instance serves and `key` the one it stands in (both NULL for a
 * pattern): a blame of that key quotes the URL instead of the whole list. A channel plugin knows one key, "channel", also
 * when it serves a `reply_channel`. Blames go to `problems`; without problems they are logged. Everything passed stays the caller's
 * and outlives the host. The address is the plugin's to keep until host_free, which accepts NULL. */
struct leat_host *host_new(const struct config *config, const struct config_bridge *bridge, const struct plugin *plugin,
                           const char *key, const char *subject, struct problems *problems);
void host_free(struct leat_host *host);

/* Who is asked by an endpoint's instance, and told of its certificate. Without one everybody may come in. */
struct host_ear {
    void *user;
    size_t endpoint; /* which it is, for the calls */
    int32_t (*admit)(void *user, size_t endpoint, const struct leat_visitor *visitor);
    void (*certificate)(void *user, size_t endpoint, int64_t expires_ns, const char *trouble);
};

/* Copied; NULL: nobody any more. Before the instance's threads run, or after. */
void host_listen(struct leat_host *host, const struct host_ear *ear);

/* Ends blaming: `problems` is about to go away, the instance lives on. */
void host_seal(struct leat_host *host);

#endif
