#include "plugin/used.h"

#include "config/memory.h"

#include <stdlib.h>

static void add(const struct plugin **plugins, const struct plugin *plugin)
{
    if (plugin == NULL)
        return;
    for (; *plugins != NULL; plugins++) {
        if (*plugins == plugin)
            return;
    }
    *plugins = plugin;
}

const struct plugin **used_plugins(const struct resolved_bridge *resolved)
{
    const size_t most = resolved->channel_count + resolved->endpoint_count + 2;
    const struct plugin **plugins = memory_zeroed((most + 1) * sizeof(*plugins));
    add(plugins, resolved->pattern);
    for (size_t i = 0; i < resolved->channel_count; i++)
        add(plugins, resolved->channels[i].plugin);
    if (resolved->reply != NULL)
        add(plugins, resolved->reply->plugin);
    for (size_t i = 0; i < resolved->endpoint_count; i++)
        add(plugins, resolved->endpoints[i].plugin);
    return plugins;
}

static void mark(struct config *config, const char *section, const char *prefix, const struct leat_option *row,
                 void (*tell)(const char *section, const char *key))
{
    char *key = memory_format("%s.%s", prefix, row->name);
    if (config_find(config, section, key) != NULL) {
        config_mark_secret(config, section, key);
        if (tell != NULL)
            tell(section, key);
    }
    free(key);
}

void used_mark_secrets(const struct resolved_bridge *resolved, struct config *config,
                       void (*tell)(const char *section, const char *key))
{
    const struct plugin **plugins = used_plugins(resolved);
    for (size_t i = 0; plugins[i] != NULL; i++) {
        const struct leat_plugin *table = &plugins[i]->table;
        for (size_t row = 0; row < table->option_count; row++) {
            if ((table->options[row].flags & LEAT_OPTION_SECRET) != 0)
                mark(config, resolved->bridge->section, table->name, &table->options[row], tell);
        }
    }
    free(plugins);
}
