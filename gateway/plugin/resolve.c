#include "plugin/resolve.h"

#include "config/lanes.h"
#include "config/memory.h"
#include "config/secret.h"
#include "plugin/guard.h"
#include "plugin/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXPLAIN_BYTES 768

/* A resolution under way. */
struct resolution {
    struct resolved_bridge *out;
    const struct config *config;
    const struct config_bridge *bridge;
    struct registry *registry;
    struct problems *problems;
    bool missing; /* a plugin was not found, or not understood where it is named: what depends on it is not judged */
};

/* ---- blame -------------------------------------------------------------------------------------------------------- */

/* What is wrong with the value (one of several) of one of the bridge's keys. */
static void blame(struct resolution *resolution, const char *key, const char *value, const char *text)
{
    const struct config_bridge *bridge = resolution->bridge;
    const struct config_entry *entry = config_find(resolution->config, bridge->section, key);
    if (entry != NULL)
        problems_add(resolution->problems, entry->file, entry->line, "[%s] %s = %s: %s", bridge->section, key,
                     entry->secret ? "(secret)" : value, entry->secret ? secret_safe(value, text) : text);
    else
        problems_add(resolution->problems, bridge->file, bridge->line, "[%s] %s: %s", bridge->section, key, text);
}

/* Whether a key has been complained about. */
static bool is_doubtful(const struct resolution *resolution, const char *key)
{
    const struct config_entry *entry = config_find(resolution->config, resolution->bridge->section, key);
    return entry != NULL && entry->doubtful;
}

/* Whether a key is there and says what it should. */
static bool is_settled(const struct resolution *resolution, const char *key)
{
    return config_find(resolution->config, resolution->bridge->section, key) != NULL && !is_doubtful(resolution, key);
}

/* ---- plugins and their options ------------------------------------------------------------------------------------ */

/* Options that were not understood are dropped, so that nobody asks a check() about their defaults. */
static void fill(struct resolution *resolution, const struct plugin *plugin, struct options *options)
{
    const struct leat_plugin *table = &plugin->table;
    if (options_fill(options, resolution->config, resolution->bridge->section, table->name, table->options,
                     table->option_count, sizeof(*table->options), table->options_size, resolution->problems) != 0)
        options_fini(options);
}

static void resolve_pattern(struct resolution *resolution)
{
    struct resolved_bridge *out = resolution->out;
    const char *name = resolution->bridge->pattern;
    char explain[EXPLAIN_BYTES];
    if (!is_settled(resolution, "pattern")) {
        resolution->missing = true;
        return;
    }
    guard_place(resolution->config, resolution->bridge, "pattern", name);
    out->pattern = registry_find(resolution->registry, LEAT_PLUGIN_PATTERN, name, explain, sizeof(explain));
    if (out->pattern == NULL) {
        blame(resolution, "pattern", name, explain);
        resolution->missing = true;
        return;
    }
    fill(resolution, out->pattern, &out->pattern_options);
    out->pattern_host =
        host_new(resolution->config, resolution->bridge, out->pattern, NULL, NULL, resolution->problems);
}

static void resolve_channel(struct resolution *resolution, const char *key, struct resolved_channel *channel,
                            const struct config_url *url)
{
    char explain[EXPLAIN_BYTES];
    channel->where = url->rest;
    channel->url = url->text;
    channel->plugin = registry_find(resolution->registry, LEAT_PLUGIN_CHANNEL, url->scheme, explain, sizeof(explain));
    if (channel->plugin == NULL) {
        blame(resolution, key, url->text, explain);
        resolution->missing = true;
        return;
    }
    fill(resolution, channel->plugin, &channel->options);
    channel->host =
        host_new(resolution->config, resolution->bridge, channel->plugin, key, url->text, resolution->problems);
}

static void resolve_channels(struct resolution *resolution)
{
    struct resolved_bridge *out = resolution->out;
    const struct config_urls *urls = &resolution->bridge->channels;
    resolution->missing |= is_doubtful(resolution, "channel");
    out->channel_count = urls->count;
    out->channels = memory_zeroed((urls->count + 1) * sizeof(*out->channels));
    out->channel_names = memory_zeroed((urls->count + 1) * sizeof(*out->channel_names));
    for (size_t i = 0; i < urls->count; i++) {
        resolve_channel(resolution, "channel", &out->channels[i], &urls->items[i]);
        out->channel_names[i] = out->channels[i].where;
    }
}

static void resolve_reply(struct resolution *resolution)
{
    struct resolved_bridge *out = resolution->out;
    const struct config_urls *urls = &resolution->bridge->reply;
    resolution->missing |= is_doubtful(resolution, "reply_channel");
    if (urls->count == 0)
        return;
    out->reply = memory_zeroed(sizeof(*out->reply));
    resolve_channel(resolution, "reply_channel", out->reply, &urls->items[0]);
}

/* A plugin that was not found, or whose options are wrong, is given the benefit of the doubt. */
static uint32_t channel_keeps(const struct resolved_channel *channel)
{
    if (channel->plugin == NULL || channel->options.values == NULL)
        return UINT32_MAX;
    const struct leat_channel_ops *ops = &channel->plugin->channel;
    return ops->keeps_with != NULL ? ops->keeps_with(channel->options.values) : ops->keeps;
}

/* What all channels of the bridge keep. */
static uint32_t common_keeps(const struct resolved_bridge *resolved)
{
    uint32_t keeps = UINT32_MAX;
    for (size_t i = 0; i < resolved->channel_count; i++)
        keeps &= channel_keeps(&resolved->channels[i]);
    if (resolved->reply != NULL)
        keeps &= channel_keeps(resolved->reply);
    return keeps;
}

static void fill_view(struct resolution *resolution)
{
    struct resolved_bridge *out = resolution->out;
    out->view = (struct leat_bridge_view){.size = sizeof(out->view),
                                          .direction = resolution->bridge->direction,
                                          .channel_count = (uint32_t)out->channel_count,
                                          .channel_names = out->channel_names,
                                          .reply_channel_name = out->reply != NULL ? out->reply->where : NULL,
                                          .gateway_name = resolution->config->gateway.name,
                                          .name = resolution->bridge->name,
                                          .keeps = common_keeps(out)};
}

static void resolve_endpoint(struct resolution *resolution, struct resolved_endpoint *endpoint,
                             const struct config_url *url, bool listen)
{
    char explain[EXPLAIN_BYTES];
    const char *key = listen ? "listen" : "dial";
    endpoint->endpoint = (struct leat_endpoint){.size = sizeof(endpoint->endpoint), .listen = listen, .url = url->text};
    guard_place(resolution->config, resolution->bridge, key, url->text);
    endpoint->plugin = registry_find_scheme(resolution->registry, url->scheme, explain, sizeof(explain));
    if (endpoint->plugin == NULL) {
        blame(resolution, key, url->text, explain);
        resolution->missing = true;
        return;
    }
    fill(resolution, endpoint->plugin, &endpoint->options);
    endpoint->endpoint.options = endpoint->options.values;
    endpoint->host =
        host_new(resolution->config, resolution->bridge, endpoint->plugin, key, url->text, resolution->problems);
}

static void resolve_endpoints(struct resolution *resolution)
{
    struct resolved_bridge *out = resolution->out;
    const struct config_urls *listen = &resolution->bridge->listen, *dial = &resolution->bridge->dial;
    resolution->missing |= is_doubtful(resolution, "listen") || is_doubtful(resolution, "dial");
    out->endpoint_count = listen->count + dial->count;
    out->endpoints = memory_zeroed((out->endpoint_count + 1) * sizeof(*out->endpoints));
    for (size_t i = 0; i < listen->count; i++)
        resolve_endpoint(resolution, &out->endpoints[i], &listen->items[i], true);
    for (size_t i = 0; i < dial->count; i++)
        resolve_endpoint(resolution, &out->endpoints[listen->count + i], &dial->items[i], false);
    if (out->endpoint_count > 0)
        out->engine = out->endpoints[0].plugin;
}

/* ---- what must fit together --------------------------------------------------------------------------------------- */

static void check_direction(struct resolution *resolution)
{
    static const char *const words[] = {"", "out", "in", "both"};
    static const char *const has[] = {"none", "out",          "in",          "out and in",
                                      "both", "out and both", "in and both", "out, in and both"};
    const uint32_t wanted = resolution->bridge->direction;
    if (resolution->out->pattern == NULL || !is_settled(resolution, "direction"))
        return;
    const struct leat_pattern_ops *ops = &resolution->out->pattern->pattern;
    if (wanted == LEAT_BOTH ? ops->duplex != 0 : (ops->directions & wanted) != 0)
        return;
    char *text = memory_format("pattern '%s' has no such direction; it has %s", resolution->bridge->pattern,
                               has[(ops->directions & LEAT_BOTH) | (ops->duplex != 0 ? 4 : 0)]);
    blame(resolution, "direction", words[wanted], text);
    free(text);
    options_fini(&resolution->out->pattern_options);
}

/* A pattern that answers has a way for questions and one for answers. It is not asked before it does. */
static void check_answers(struct resolution *resolution)
{
    const struct config_bridge *bridge = resolution->bridge;
    char *text;
    if (bridge->reply.count == 0 && !is_doubtful(resolution, "reply_channel")) {
        text = memory_format("answers travel on a channel of their own; give the bridge one: reply_channel = "
                             "shm://%s.replies",
                             bridge->name);
        blame(resolution, "pattern", bridge->pattern, text);
        free(text);
    }
    if (bridge->channels.count > 1) {
        const struct config_entry *entry = config_find(resolution->config, bridge->section, "channel");
        text = memory_format("pattern '%s' takes one channel for all questions, here are %zu", bridge->pattern,
                             bridge->channels.count);
        blame(resolution, "channel", entry->value, text);
        free(text);
    }
    if (bridge->reply.count == 0 || bridge->channels.count > 1)
        options_fini(&resolution->out->pattern_options);
}

static void check_reply(struct resolution *resolution)
{
    const struct config_bridge *bridge = resolution->bridge;
    if (resolution->out->pattern == NULL || resolution->out->pattern_options.values == NULL ||
        !is_settled(resolution, "direction"))
        return;
    if (resolution->out->pattern->pattern.answers != 0) {
        check_answers(resolution);
    } else if (bridge->reply.count > 0 && bridge->direction != CONFIG_BOTH) {
        char *text = memory_format("pattern '%s' brings no answers back with direction = %s; leave reply_channel out",
                                   bridge->pattern, bridge->direction == CONFIG_OUT ? "out" : "in");
        blame(resolution, "reply_channel", bridge->reply.items[0].text, text);
        free(text);
    }
}

static void check_families(struct resolution *resolution)
{
    const struct resolved_bridge *out = resolution->out;
    for (size_t i = 1; i < out->endpoint_count; i++) {
        const struct resolved_endpoint *endpoint = &out->endpoints[i];
        if (endpoint->plugin == NULL || out->engine == NULL ||
            strcmp(endpoint->plugin->transport.family, out->engine->transport.family) == 0)
            continue;
        char *text = memory_format("one bridge has one socket, and '%s' (%s) cannot share that of '%s' (%s)",
                                   endpoint->plugin->table.name, endpoint->plugin->transport.family,
                                   out->engine->table.name, out->engine->transport.family);
        blame(resolution, endpoint->endpoint.listen ? "listen" : "dial", endpoint->endpoint.url, text);
        free(text);
    }
}

/* Rules that nobody asks for would let everybody in. */
static void check_access(struct resolution *resolution)
{
    const struct config_bridge *bridge = resolution->bridge;
    const struct plugin *engine = resolution->out->engine;
    static const char *const keys[] = {"allow", "deny", "max_peers"};
    if (engine == NULL || engine->transport.asks != 0)
        return;
    const bool used[] = {bridge->allow.count > 0, bridge->deny.count > 0, bridge->max_peers > 0};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const struct config_entry *entry = config_find(resolution->config, bridge->section, keys[i]);
        char *text = memory_format("transport '%s' does not ask who may become a peer", engine->table.name);
        if (used[i] && entry != NULL)
            blame(resolution, keys[i], entry->value, text);
        free(text);
    }
}

static void add_name(const char **names, size_t *count, const struct plugin *plugin)
{
    if (plugin != NULL)
        names[(*count)++] = plugin->table.name;
}

/* Names of the bridge's plugins, NULL-terminated, some perhaps twice; to be freed. */
static const char **plugin_names(const struct resolved_bridge *resolved)
{
    const char **names = memory_zeroed((resolved->channel_count + resolved->endpoint_count + 3) * sizeof(*names));
    size_t count = 0;
    add_name(names, &count, resolved->pattern);
    for (size_t i = 0; i < resolved->channel_count; i++)
        add_name(names, &count, resolved->channels[i].plugin);
    if (resolved->reply != NULL)
        add_name(names, &count, resolved->reply->plugin);
    for (size_t i = 0; i < resolved->endpoint_count; i++)
        add_name(names, &count, resolved->endpoints[i].plugin);
    return names;
}

static bool contains(const char *const *names, const char *name)
{
    for (; *names != NULL; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

/* A bridge that is like another need not use every plugin that the other one has options for. */
static bool is_left_over(const struct resolution *resolution, const struct config_entry *entry, const char *prefix)
{
    return strcmp(entry->origin, entry->section) != 0 && contains(registry_names(resolution->registry), prefix);
}

static void check_prefix(struct resolution *resolution, const struct config_entry *entry, const char *const *names)
{
    const char *dot = strchr(entry->key, '.');
    if (strcmp(entry->section, resolution->bridge->section) != 0 || dot == NULL || config_is_users(entry->key))
        return;
    char *prefix = memory_copy_part(entry->key, (size_t)(dot - entry->key));
    const char *nearest = problem_nearest(prefix, names);
    if (!contains(names, prefix) && !is_left_over(resolution, entry, prefix)) {
        char *advice = nearest != NULL ? memory_format("; did you mean '%s'?", nearest) : memory_copy("");
        problems_add(resolution->problems, entry->file, entry->line,
                     "[%s] %s: no plugin of bridge '%s' is called '%s'%s", entry->section, entry->key,
                     resolution->bridge->name, prefix, advice);
        free(advice);
    }
    free(prefix);
}

static void check_prefixes(struct resolution *resolution)
{
    const char **names = plugin_names(resolution->out);
    for (size_t i = 0; i < resolution->config->entry_count && !resolution->missing; i++)
        check_prefix(resolution, &resolution->config->entries[i], names);
    free(names);
}

/* Nobody is asked to check what depends on a key that was not understood. */
static void drop_unasked(struct resolution *resolution)
{
    struct resolved_bridge *out = resolution->out;
    const bool direction = is_settled(resolution, "direction"), reply = !is_doubtful(resolution, "reply_channel");
    if (!direction || !reply || !is_settled(resolution, "channel"))
        options_fini(&out->pattern_options);
    for (size_t i = 0; i < out->channel_count && !(direction && reply); i++)
        options_fini(&out->channels[i].options);
    if (out->reply != NULL && !(direction && reply))
        options_fini(&out->reply->options);
}

/* ---- the ends of the lanes ---------------------------------------------------------------------------------------- */

static struct resolved_span span_of(const struct resolved_bridge *resolved, enum lanes_end end)
{
    switch (end) {
    case LANES_CHANNELS:
        return (struct resolved_span){resolved->channels, resolved->channel_count};
    case LANES_REPLY:
        return (struct resolved_span){resolved->reply, 1};
    case LANES_NONE:
        break;
    }
    return (struct resolved_span){NULL, 0};
}

struct resolved_span resolved_bridge_read(const struct resolved_bridge *resolved)
{
    return span_of(resolved, lanes_of(resolved->bridge).read);
}

struct resolved_span resolved_bridge_written(const struct resolved_bridge *resolved)
{
    return span_of(resolved, lanes_of(resolved->bridge).written);
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

int resolve_bridge(struct resolved_bridge *out, const struct config *config, const struct config_bridge *bridge,
                   struct registry *registry, struct problems *problems)
{
    const size_t before = problems->count;
    struct resolution resolution = {
        .out = out, .config = config, .bridge = bridge, .registry = registry, .problems = problems};
    *out = (struct resolved_bridge){.config = config, .bridge = bridge};
    resolve_pattern(&resolution);
    resolve_channels(&resolution);
    resolve_reply(&resolution);
    resolve_endpoints(&resolution);
    fill_view(&resolution);
    check_direction(&resolution);
    check_reply(&resolution);
    check_families(&resolution);
    check_access(&resolution);
    check_prefixes(&resolution);
    drop_unasked(&resolution);
    return problems->count == before ? 0 : -EINVAL;
}

static int32_t check_pattern(struct resolved_bridge *resolved)
{
    const struct plugin *plugin = resolved->pattern;
    if (resolved->pattern_options.values == NULL || plugin->pattern.check == NULL)
        return 0;
    guard_place(resolved->config, resolved->bridge, "pattern", plugin->table.name);
    guard_enter(plugin->table.name, "checking its options");
    const int32_t result =
        plugin->pattern.check(resolved->pattern_host, &resolved->view, resolved->pattern_options.values);
    guard_leave();
    return result;
}

static int32_t check_channel(const struct resolved_bridge *resolved, const char *key,
                             const struct resolved_channel *channel)
{
    const struct plugin *plugin = channel->plugin;
    if (channel->options.values == NULL || plugin->channel.check == NULL)
        return 0;
    guard_place(resolved->config, resolved->bridge, key, channel->url);
    guard_enter(plugin->table.name, "checking its options");
    const int32_t result = plugin->channel.check(channel->host, channel->where, channel->options.values,
                                                 resolved_bridge_read(resolved).count > 0);
    guard_leave();
    return result;
}

static int32_t check_endpoint(const struct resolved_bridge *resolved, const struct resolved_endpoint *endpoint)
{
    const struct plugin *plugin = endpoint->plugin;
    if (endpoint->options.values == NULL || plugin->transport.check == NULL)
        return 0;
    guard_place(resolved->config, resolved->bridge, endpoint->endpoint.listen ? "listen" : "dial",
                endpoint->endpoint.url);
    guard_enter(plugin->table.name, "checking its options");
    const int32_t result = plugin->transport.check(endpoint->host, &endpoint->endpoint);
    guard_leave();
    return result;
}

int resolved_bridge_check(struct resolved_bridge *resolved, bool (*ours)(const char *url, void *user), void *user)
{
    int32_t result = check_pattern(resolved);
    for (size_t i = 0; i < resolved->channel_count; i++)
        result |= check_channel(resolved, "channel", &resolved->channels[i]);
    if (resolved->reply != NULL)
        result |= check_channel(resolved, "reply_channel", resolved->reply);
    for (size_t i = 0; i < resolved->endpoint_count; i++) {
        struct leat_endpoint *endpoint = &resolved->endpoints[i].endpoint;
        endpoint->served = endpoint->listen != 0 && ours != NULL && ours(endpoint->url, user);
        result |= check_endpoint(resolved, &resolved->endpoints[i]);
    }
    return result == 0 ? 0 : -EINVAL;
}

void resolved_bridge_seal(struct resolved_bridge *resolved)
{
    host_seal(resolved->pattern_host);
    for (size_t i = 0; i < resolved->channel_count; i++)
        host_seal(resolved->channels[i].host);
    if (resolved->reply != NULL)
        host_seal(resolved->reply->host);
    for (size_t i = 0; i < resolved->endpoint_count; i++)
        host_seal(resolved->endpoints[i].host);
}

static void fini_channel(struct resolved_channel *channel)
{
    host_free(channel->host);
    options_fini(&channel->options);
}

void resolved_bridge_fini(struct resolved_bridge *resolved)
{
    host_free(resolved->pattern_host);
    options_fini(&resolved->pattern_options);
    for (size_t i = 0; i < resolved->channel_count; i++)
        fini_channel(&resolved->channels[i]);
    if (resolved->reply != NULL)
        fini_channel(resolved->reply);
    for (size_t i = 0; i < resolved->endpoint_count; i++) {
        host_free(resolved->endpoints[i].host);
        options_fini(&resolved->endpoints[i].options);
    }
    free(resolved->channels);
    free(resolved->reply);
    free(resolved->endpoints);
    free(resolved->channel_names);
    *resolved = (struct resolved_bridge){0};
}
