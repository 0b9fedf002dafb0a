#include "config/rules.h"

#include "base/page.h"
#include "config/like.h"
#include "config/url.h"

#include <string.h>
#include <strings.h>

#define CHANNELS_MAX (PAGE_LANES - 1) /* a lane each outwards, and one inwards */

static const struct config_entry *entry_of(const struct config *config, const struct config_bridge *bridge,
                                           const char *key)
{
    return config_find(config, bridge->section, key);
}

/* A list that was not understood has been reported and is no empty list. */
static bool is_absent(const struct config_entry *entry)
{
    return entry == NULL || (!entry->doubtful && *entry->value == '\0');
}

static const char *quoted(const struct config_entry *entry, const char *text)
{
    return entry->secret ? "(secret)" : text;
}

/* ---- within a bridge --------------------------------------------------------------------------------------------- */

static void check_required_lists(const struct config *config, const struct config_bridge *bridge,
                                 struct problems *problems)
{
    const struct config_entry *channel = entry_of(config, bridge, "channel");
    if (channel != NULL && is_absent(channel))
        problems_add(problems, channel->file, channel->line,
                     "[%s] channel: expected at least one URL, such as shm://%s", bridge->section, bridge->name);
    if (like_is_whole(config, bridge->section) && is_absent(entry_of(config, bridge, "listen")) &&
        is_absent(entry_of(config, bridge, "dial")))
        problems_add(problems, bridge->file, bridge->line,
                     "[%s] needs 'listen' or 'dial': a URL such as tcp://127.0.0.1:5555", bridge->section);
}

static void check_channel_count(const struct config *config, const struct config_bridge *bridge,
                                struct problems *problems)
{
    const struct config_entry *channel = entry_of(config, bridge, "channel");
    if (bridge->direction == CONFIG_BOTH && bridge->channels.count > 1)
        problems_add(problems, channel->file, channel->line,
                     "[%s] channel: direction = both takes one channel, here are %zu", bridge->section,
                     bridge->channels.count);
    if (bridge->channels.count > CHANNELS_MAX)
        problems_add(problems, channel->file, channel->line,
                     "[%s] channel: at most %d channels in a bridge, here are %zu", bridge->section, CHANNELS_MAX,
                     bridge->channels.count);
}

/* Empty or several; or a channel that the bridge has already: what comes back would be read as if it came from here. */
static void check_reply_channel(const struct config *config, const struct config_bridge *bridge,
                                struct problems *problems)
{
    const struct config_entry *reply = entry_of(config, bridge, "reply_channel");
    if (reply == NULL || reply->doubtful)
        return;
    if (is_absent(reply) || bridge->reply.count > 1)
        problems_add(problems, reply->file, reply->line,
                     "[%s] reply_channel: expected one URL, such as shm://%s.replies", bridge->section, bridge->name);
    for (size_t i = 0; i < bridge->channels.count && bridge->reply.count == 1; i++) {
        if (strcmp(bridge->channels.items[i].text, bridge->reply.items[0].text) == 0)
            problems_add(problems, reply->file, reply->line,
                         "[%s] reply_channel = %s: this is the bridge's 'channel'; a reply_channel is another one",
                         bridge->section, quoted(reply, bridge->reply.items[0].text));
    }
}

/* The same port twice in one bridge. */
static void check_own_listeners(const struct config *config, const struct config_bridge *bridge,
                                struct problems *problems)
{
    const struct config_entry *entry = entry_of(config, bridge, "listen");
    for (size_t i = 0; i < bridge->listen.count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct config_url *url = &bridge->listen.items[i], *taken = &bridge->listen.items[j];
            const char *advice = url_clash(url, taken, true);
            if (advice != NULL && strcmp(url->text, taken->text) != 0)
                problems_add(problems, entry->file, entry->line, "[%s] listen = %s: %s in this list takes its port%s",
                             bridge->section, quoted(entry, url->text), quoted(entry, taken->text), advice);
        }
    }
}

static void check_repeats(const struct config *config, const struct config_bridge *bridge, const char *key,
                          const struct config_urls *urls, struct problems *problems)
{
    for (size_t i = 0; i < urls->count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct config_entry *entry = entry_of(config, bridge, key);
            if (strcmp(urls->items[i].text, urls->items[j].text) == 0)
                problems_add(problems, entry->file, entry->line, "[%s] %s = %s: the same URL twice in this list",
                             bridge->section, key, quoted(entry, urls->items[i].text));
        }
    }
}

/* ---- between bridges --------------------------------------------------------------------------------------------- */

static void blame_collision(const struct config *config, const struct config_bridge *bridge,
                            const struct config_url *url, const struct config_bridge *other,
                            const struct config_url *taken, const char *advice, struct problems *problems)
{
    const struct config_entry *entry = entry_of(config, bridge, "listen"), *first = entry_of(config, other, "listen");
    problems_add(problems, entry->file, entry->line, "[%s] listen = %s: [%s] listens at %s already (%s:%u)%s",
                 bridge->section, quoted(entry, url->text), other->section, quoted(first, taken->text), first->file,
                 first->line, advice);
}

static void check_listeners(const struct config *config, const struct config_bridge *bridge,
                            const struct config_bridge *other, struct problems *problems)
{
    const bool together = strcmp(bridge->worker, other->worker) == 0;
    for (size_t i = 0; i < bridge->listen.count; i++) {
        for (size_t j = 0; j < other->listen.count; j++) {
            const struct config_url *url = &bridge->listen.items[i], *taken = &other->listen.items[j];
            const char *advice = url_clash(url, taken, together);
            if (advice != NULL)
                blame_collision(config, bridge, url, other, taken, advice, problems);
        }
    }
}

static bool listens_at(const struct config_bridge *bridge, const char *url)
{
    for (size_t i = 0; i < bridge->listen.count; i++) {
        if (strcmp(bridge->listen.items[i].text, url) == 0)
            return true;
    }
    return false;
}

/* An inproc name is of one process: who dials it waits for ever unless another bridge of its worker listens there. */
static void check_inproc(const struct config *config, const struct config_bridge *bridge, const struct config_url *url,
                         struct problems *problems)
{
    const struct config_bridge *elsewhere = NULL;
    for (size_t i = 0; i < config->bridge_count; i++) {
        const struct config_bridge *other = &config->bridges[i];
        if (other == bridge || !listens_at(other, url->text))
            continue;
        if (strcmp(other->worker, bridge->worker) == 0)
            return;
        elsewhere = other;
    }
    const struct config_entry *entry = entry_of(config, bridge, "dial");
    if (elsewhere != NULL)
        problems_add(problems, entry->file, entry->line,
                     "[%s] dial = %s: [%s] listens there, but in another process, which inproc does not reach: "
                     "give both the same 'worker'",
                     bridge->section, quoted(entry, url->text), elsewhere->section);
    else
        problems_add(problems, entry->file, entry->line,
                     "[%s] dial = %s: no other bridge listens there, and nothing but bridges can", bridge->section,
                     quoted(entry, url->text));
}

static void check_joints(const struct config *config, const struct config_bridge *bridge, struct problems *problems)
{
    for (size_t i = 0; i < bridge->dial.count; i++) {
        if (strcmp(bridge->dial.items[i].scheme, "inproc") == 0)
            check_inproc(config, bridge, &bridge->dial.items[i], problems);
    }
}

static bool shows_certificates(const struct config_url *url)
{
    return strncmp(url->scheme, "tls+", 4) == 0 || strncmp(url->scheme, "wss", 3) == 0;
}

static const struct config_url *find_without(const struct config_urls *urls)
{
    for (size_t i = 0; i < urls->count; i++) {
        if (!shows_certificates(&urls->items[i]))
            return &urls->items[i];
    }
    return NULL;
}

static bool is_text(const struct config_entry *entry, const char *text)
{
    return entry != NULL && strcasecmp(entry->value, text) == 0;
}

/* Whether a peer must show a certificate that somebody vouches for: those whom the bridge dials do unless told otherwise, those who dial
 * where tls.ca says who vouches. */
static bool wants_certificates(const struct config *config, const struct config_bridge *bridge, bool perhaps)
{
    const struct config_entry *verify = entry_of(config, bridge, "tls.verify");
    if (verify == NULL || is_text(verify, "auto"))
        return bridge->listen.count == 0 || entry_of(config, bridge, "tls.ca") != NULL;
    return is_text(verify, "required") || (perhaps && is_text(verify, "optional"));
}

/* A name that is denied could be left out where a certificate may be; one that is allowed could not. */
static void check_certificates(const struct config *config, const struct config_bridge *bridge, const char *key,
                               const char *rule, struct problems *problems)
{
    const struct config_entry *entry = entry_of(config, bridge, key);
    if (!wants_certificates(config, bridge, strcmp(key, "allow") == 0))
        problems_add(problems, entry->file, entry->line,
                     "[%s] %s = %s: names count only in certificates that peers must show and somebody vouches for; it "
                     "needs tls.ca, and no tls.verify that asks for less",
                     bridge->section, key, quoted(entry, rule));
}

/* Who comes without a certificate has no name. */
static void check_names(const struct config *config, const struct config_bridge *bridge, const char *key,
                        const struct config_texts *rules, struct problems *problems)
{
    const struct config_url *listen = find_without(&bridge->listen), *dial = find_without(&bridge->dial);
    const struct config_url *url = listen != NULL ? listen : dial;
    const struct config_entry *entry = entry_of(config, bridge, key);
    for (size_t i = 0; i < rules->count; i++) {
        if (strncmp(rules->items[i], "name:", 5) != 0)
            continue;
        if (url == NULL)
            check_certificates(config, bridge, key, rules->items[i], problems);
        else
            problems_add(
                problems, entry->file, entry->line,
                "[%s] %s = %s: at %s nobody shows a certificate; names need tls+tcp or wss in all of listen and dial",
                bridge->section, key, quoted(entry, rules->items[i]), quoted(entry, url->text));
    }
}

void rules_check(const struct config *config, struct problems *problems)
{
    if (config->bridge_count > PAGE_BRIDGES_MAX) {
        const struct config_bridge *surplus = &config->bridges[PAGE_BRIDGES_MAX];
        problems_add(problems, surplus->file, surplus->line, "[%s]: at most %d bridges in a gateway, here are %zu",
                     surplus->section, (int)PAGE_BRIDGES_MAX, config->bridge_count);
    }
    for (size_t i = 0; i < config->bridge_count; i++) {
        const struct config_bridge *bridge = &config->bridges[i];
        check_required_lists(config, bridge, problems);
        check_channel_count(config, bridge, problems);
        check_reply_channel(config, bridge, problems);
        check_repeats(config, bridge, "channel", &bridge->channels, problems);
        check_repeats(config, bridge, "listen", &bridge->listen, problems);
        check_own_listeners(config, bridge, problems);
        check_repeats(config, bridge, "dial", &bridge->dial, problems);
        check_joints(config, bridge, problems);
        check_names(config, bridge, "allow", &bridge->allow, problems);
        check_names(config, bridge, "deny", &bridge->deny, problems);
        for (size_t j = 0; j < i; j++)
            check_listeners(config, bridge, &config->bridges[j], problems);
    }
}
