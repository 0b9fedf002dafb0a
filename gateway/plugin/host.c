#include "plugin/host.h"

#include "base/log.h"
#include "config/memory.h"
#include "config/secret.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One instance's services; `table.context` points back here. */
struct host {
    struct leat_host table;
    const struct config *config;
    const struct config_bridge *bridge;
    const struct plugin *plugin;
    const char *key, *subject;
    struct problems *problems;
    char *who; /* "bridge quotes: pubsub" */
    struct host_ear ear;
};

static void host_log(void *context, int32_t level, const char *text)
{
    const struct host *host = context;
    const int known = level < LEAT_LOG_ERROR ? LEAT_LOG_ERROR : level > LEAT_LOG_DEBUG ? LEAT_LOG_DEBUG : level;
    log_line(known, host->who, "%s", text);
    if (known == LEAT_LOG_WARNING && host->problems != NULL && host->problems->warnings != NULL)
        problems_add(host->problems->warnings, host->bridge->file, host->bridge->line, "[%s] %s: %s",
                     host->bridge->section, host->plugin->table.name, text);
}

/* `option` as the bridge's section writes it: PLUGIN.NAME for an option of the plugin, else a key of the bridge. */
static char *option_key(const struct host *host, const char *option)
{
    const struct leat_plugin *table = &host->plugin->table;
    for (size_t i = 0; i < table->option_count; i++) {
        if (strcmp(table->options[i].name, option) == 0)
            return memory_format("%s.%s", table->name, option);
    }
    if (strcmp(option, "channel") == 0 && host->key != NULL)
        return memory_copy(host->key);
    return memory_copy(option);
}

/* The plugin knows by itself that such a value is secret, and what it says of it is meant to be read. */
static bool is_secret_option(const struct host *host, const char *option)
{
    const struct leat_plugin *table = &host->plugin->table;
    for (size_t i = 0; i < table->option_count; i++) {
        if ((table->options[i].flags & LEAT_OPTION_SECRET) != 0 && strcmp(table->options[i].name, option) == 0)
            return true;
    }
    return false;
}

static void host_blame(void *context, const char *option, const char *text)
{
    const struct host *host = context;
    if (host->problems == NULL) {
        log_line(LEAT_LOG_ERROR, host->who, "%s: %s", option, text);
        return;
    }
    char *key = option_key(host, option);
    const struct config_entry *entry = config_find(host->config, host->bridge->section, key);
    if (entry == NULL) {
        problems_add(host->problems, host->bridge->file, host->bridge->line, "[%s] %s: %s", host->bridge->section, key,
                     text);
    } else {
        const char *value = host->key != NULL && strcmp(key, host->key) == 0 ? host->subject : entry->value;
        const bool known = is_secret_option(host, option), secret = known || entry->secret;
        problems_add(host->problems, entry->file, entry->line, "[%s] %s = %s: %s", host->bridge->section, key,
                     secret ? "(secret)" : value, secret && !known ? secret_safe(value, text) : text);
    }
    free(key);
}

static int64_t host_now_ns(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int32_t host_admit(void *context, const struct leat_visitor *visitor)
{
    const struct host *host = context;
    return host->ear.admit != NULL ? host->ear.admit(host->ear.user, host->ear.endpoint, visitor) : 0;
}

static void host_certificate(void *context, int64_t expires_ns, const char *trouble)
{
    const struct host *host = context;
    if (host->ear.certificate != NULL)
        host->ear.certificate(host->ear.user, host->ear.endpoint, expires_ns, trouble);
}

/* Without rules nobody needs to ask. */
static bool has_rules(const struct config_bridge *bridge)
{
    return bridge->allow.count > 0 || bridge->deny.count > 0 || bridge->max_peers > 0;
}

struct leat_host *host_new(const struct config *config, const struct config_bridge *bridge, const struct plugin *plugin,
                           const char *key, const char *subject, struct problems *problems)
{
    struct host *host = memory_zeroed(sizeof(*host));
    *host = (struct host){.table = {.size = sizeof(host->table),
                                    .minor = LEAT_PLUGIN_MINOR,
                                    .context = host,
                                    .log = host_log,
                                    .blame = host_blame,
                                    .now_ns = host_now_ns,
                                    .admit = has_rules(bridge) ? host_admit : NULL,
                                    .certificate = host_certificate},
                          .config = config,
                          .bridge = bridge,
                          .plugin = plugin,
                          .key = key,
                          .subject = subject,
                          .problems = problems,
                          .who = memory_format("bridge %s: %s", bridge->name, plugin->table.name)};
    return &host->table;
}

void host_listen(struct leat_host *table, const struct host_ear *ear)
{
    if (table != NULL)
        ((struct host *)table->context)->ear = ear != NULL ? *ear : (struct host_ear){0};
}

void host_seal(struct leat_host *table)
{
    if (table != NULL)
        ((struct host *)table->context)->problems = NULL;
}

void host_free(struct leat_host *table)
{
    if (table == NULL)
        return;
    struct host *host = table->context;
    free(host->who);
    free(host);
}
