#include "config/schema.h"

#include "config/access.h"
#include "config/memory.h"
#include "config/options.h"
#include "config/plugin_dir.h"
#include "config/secret.h"
#include "config/url.h"

#include <leat/channel.h>
#include <leat/plugin/host.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789._-"

/* ---- the tables -------------------------------------------------------------------------------------------------- */

struct gateway_values {
    const char *name, *plugin_dir, *admin, *admin_token, *control, *control_group;
    uint32_t log_level, control_mode;
    int64_t drain_ns, stall_ns, backoff_min_ns, backoff_max_ns, worker_threads;
};

#define GATEWAY(member, name, type, default_text, min, max, help) \
    LEAT_OPTION_RANGE(struct gateway_values, member, name, type, default_text, min, max, help)

const struct leat_option schema_gateway[] = {
    LEAT_OPTION(struct gateway_values, name, "name", LEAT_OPTION_TEXT, "leat",
                "The gateway's name. Its page of counters is /dev/shm/leat-gateway.NAME, so two gateways on one host "
                "need two names."),
    LEAT_OPTION(
        struct gateway_values, plugin_dir, "plugin_dir", LEAT_OPTION_PATH, NULL,
        "The folder that plugins are loaded from. It belongs to root or to the user that runs leatd, and others "
        "cannot write to it."),
    LEAT_OPTION_CHOICES(struct gateway_values, log_level, "log_level", "info", "error|warning|info|debug",
                        "How much is logged."),
    GATEWAY(drain_ns, "drain_timeout", LEAT_OPTION_DURATION, "5s", 0, HOUR,
            "How long a stop waits for messages in flight."),
    GATEWAY(stall_ns, "stall_timeout", LEAT_OPTION_DURATION, "5s", SECOND / 10, HOUR,
            "A lane that gives no sign of life for so long is restarted."),
    GATEWAY(backoff_min_ns, "restart_min", LEAT_OPTION_DURATION, "100ms", SECOND / 1000, HOUR,
            "The pause before a worker that ended is started again; doubled each time it ends early."),
    GATEWAY(backoff_max_ns, "restart_max", LEAT_OPTION_DURATION, "10s", SECOND / 1000, HOUR, "The longest such pause."),
    GATEWAY(worker_threads, "worker_threads", LEAT_OPTION_INT, "0", 0, 64,
            "Bound on the threads of each pool of nng in a worker; 0: one for each core, at most 4."),
    LEAT_OPTION(struct gateway_values, admin, "admin", LEAT_OPTION_TEXT, NULL,
                "Where the gateway answers HTTP: metrics, health, JSON and a status page. http://127.0.0.1:9464 is for "
                "this host alone; an address that other hosts reach needs admin_token."),
    LEAT_OPTION_FULL(struct gateway_values, admin_token, "admin_token", LEAT_OPTION_TEXT, LEAT_OPTION_SECRET, NULL, 0,
                     0, NULL,
                     "What clients of the admin side show, as `Authorization: Bearer TOKEN` or `?token=TOKEN`; best "
                     "written as ${file:admin.token}."),
    LEAT_OPTION(
        struct gateway_values, control, "control", LEAT_OPTION_TEXT, NULL,
        "The socket where leat reload, leat plan and leat config ask this gateway, or off. When it is not set: "
        "NAME.sock in $RUNTIME_DIRECTORY, in $XDG_RUNTIME_DIR/leat, or for root in /run/leat; none where there is "
        "no such folder."),
    LEAT_OPTION(struct gateway_values, control_mode, "control_mode", LEAT_OPTION_MODE, "0600",
                "The permission bits of that socket: whoever can write to it can reload the gateway."),
    LEAT_OPTION(struct gateway_values, control_group, "control_group", LEAT_OPTION_TEXT, NULL,
                "The group of that socket, by name or number; with control_mode = 0660 its members may use it too."),
};
const size_t schema_gateway_count = sizeof(schema_gateway) / sizeof(*schema_gateway);

struct bridge_values {
    const char *like, *pattern, *worker;
    uint32_t direction;
    const char *const *channels, *const *reply, *const *listen, *const *dial;
    const char *const *allow, *const *deny;
    int64_t max_peers;
    uint64_t receive_limit_bytes;
};

#define BRIDGE(member, name, type, flags, default_text, min, max, choices, help) \
    LEAT_OPTION_FULL(struct bridge_values, member, name, type, flags, default_text, min, max, choices, help)

const struct leat_option schema_bridge[] = {
    BRIDGE(
        like, "like", LEAT_OPTION_TEXT, 0, NULL, 0, 0, NULL,
        "the [template.NAME] or, where there is none, the [bridge.NAME] from which this one takes what it does not say "
        "itself, options of plugins too"),
    BRIDGE(pattern, "pattern", LEAT_OPTION_TEXT, LEAT_OPTION_REQUIRED, NULL, 0, 0, NULL,
           "who may say what to whom: the name of a pattern plugin, such as pubsub or pipeline"),
    BRIDGE(direction, "direction", LEAT_OPTION_CHOICE, LEAT_OPTION_REQUIRED, NULL, 0, 0, "out|in|both",
           "out (channel to network), in (network to channel) or both"),
    BRIDGE(channels, "channel", LEAT_OPTION_LIST, LEAT_OPTION_REQUIRED, NULL, 0, 0, NULL,
           "the local channels, such as shm://quotes; several are separated by commas"),
    BRIDGE(
        reply, "reply_channel", LEAT_OPTION_LIST, 0, NULL, 0, 0, NULL,
        "the local channel for answers, such as shm://orders.replies, where a pattern answers (reqrep, survey); with "
        "direction = both it gets what comes in"),
    BRIDGE(listen, "listen", LEAT_OPTION_LIST, 0, NULL, 0, 0, NULL,
           "URLs to listen at, such as tcp://127.0.0.1:5555; several are separated by commas"),
    BRIDGE(dial, "dial", LEAT_OPTION_LIST, 0, NULL, 0, 0, NULL,
           "URLs to dial, such as tcp://hub.example:5555; several are separated by commas"),
    BRIDGE(worker, "worker", LEAT_OPTION_TEXT, 0, NULL, 0, 0, NULL,
           "the worker process that runs this bridge; bridges with the same name share one, the default is one each"),
    BRIDGE(receive_limit_bytes, "receive_limit", LEAT_OPTION_SIZE, 0, "64MiB", 1, INT64_C(8) << 30, NULL,
           "the largest message that is taken from the network"),
    BRIDGE(allow, "allow", LEAT_OPTION_LIST, 0, NULL, 0, 0, NULL,
           "who may become a peer: addresses (10.1.2.3, ::1), networks (10.0.0.0/8), users of this host (user:alice, "
           "uid:1000) and names in certificates (name:desk.example, name:*.example); everybody without it"),
    BRIDGE(deny, "deny", LEAT_OPTION_LIST, 0, NULL, 0, 0, NULL, "who may not, in the same words; it goes before allow"),
    BRIDGE(max_peers, "max_peers", LEAT_OPTION_INT, 0, "0", 0, 1000000, NULL,
           "how many peers there may be at a time; 0: any number"),
};
const size_t schema_bridge_count = sizeof(schema_bridge) / sizeof(*schema_bridge);

/* ---- names ------------------------------------------------------------------------------------------------------- */

bool schema_is_name(const char *text)
{
    const size_t len = strlen(text);
    return len > 0 && len <= LEAT_READER_NAME_MAX && strspn(text, NAME_LETTERS) == len && strchr("._-", *text) == NULL;
}

static void blame_name(const struct config *config, const char *section, const char *key, const char *value,
                       struct problems *problems)
{
    const struct config_entry *entry = config_find(config, section, key);
    if (entry != NULL && !entry->doubtful)
        problems_add(problems, entry->file, entry->line,
                     "[%s] %s = %.80s: expected a name of at most %d lower-case letters, digits, '.', '_' and '-', a "
                     "letter or digit first",
                     section, key, entry->secret ? "(secret)" : value, LEAT_READER_NAME_MAX);
}

/* ---- [gateway] --------------------------------------------------------------------------------------------------- */

static void refuse_dotted_keys(const struct config *config, struct problems *problems)
{
    for (size_t i = 0; i < config->entry_count; i++) {
        const struct config_entry *entry = &config->entries[i];
        if (strcmp(entry->section, "gateway") == 0 && strchr(entry->key, '.') != NULL && !config_is_users(entry->key))
            problems_add(problems, entry->file, entry->line,
                         "[gateway] %s: unknown key; options of plugins stand in a bridge's section", entry->key);
    }
}

static void mark_secrets(struct config *config)
{
    for (size_t i = 0; i < schema_gateway_count; i++) {
        if ((schema_gateway[i].flags & LEAT_OPTION_SECRET) != 0)
            config_mark_secret(config, "gateway", schema_gateway[i].name);
    }
}

static void fill_gateway(struct config *config, struct problems *problems)
{
    struct options options;
    options_fill(&options, config, "gateway", NULL, schema_gateway, schema_gateway_count, sizeof(*schema_gateway),
                 sizeof(struct gateway_values), problems);
    const struct gateway_values *values = options.values;
    config->gateway = (struct config_gateway){
        .name = memory_copy(schema_is_name(values->name) ? values->name : "leat"),
        .plugin_dir = values->plugin_dir != NULL ? memory_copy(values->plugin_dir) : plugin_dir_default(),
        .log_level = values->log_level,
        .drain_ns = values->drain_ns,
        .stall_ns = values->stall_ns,
        .backoff_min_ns = values->backoff_min_ns,
        .backoff_max_ns = values->backoff_max_ns,
        .worker_threads = (uint32_t)values->worker_threads,
        .admin = memory_copy(values->admin != NULL ? values->admin : ""),
        .admin_token = memory_copy(values->admin_token != NULL ? values->admin_token : ""),
        .control = memory_copy(values->control != NULL ? values->control : ""),
        .control_group = memory_copy(values->control_group != NULL ? values->control_group : ""),
        .control_mode = values->control_mode,
    };
    if (!schema_is_name(values->name))
        blame_name(config, "gateway", "name", values->name, problems);
    const struct config_entry *max = config_find(config, "gateway", "restart_max");
    const struct config_entry *entry = max != NULL ? max : config_find(config, "gateway", "restart_min");
    if (values->backoff_max_ns < values->backoff_min_ns && entry != NULL)
        problems_add(problems, entry->file, entry->line, "[gateway] %s = %s: restart_max is shorter than restart_min",
                     entry->key, entry->value);
    options_fini(&options);
    mark_secrets(config);
    refuse_dotted_keys(config, problems);
}

/* ---- [bridge.NAME] ----------------------------------------------------------------------------------------------- */

/* The URLs that are ones. */
static struct config_urls take_urls(const struct config *config, const char *section, const char *key,
                                    const char *const *texts, struct problems *problems)
{
    struct config_urls urls = {0};
    const struct config_entry *entry = config_find(config, section, key);
    for (; *texts != NULL; texts++) {
        struct config_url url = {0};
        char *problem = url_split(*texts, &url);
        if (problem == NULL) {
            urls.items = memory_resize(urls.items, urls.count + 1, sizeof(*urls.items));
            urls.items[urls.count++] = url;
            continue;
        }
        problems_add(problems, entry->file, entry->line, "[%s] %s = %s: %s", section, key,
                     entry->secret ? "(secret)" : *texts, entry->secret ? secret_safe(*texts, problem) : problem);
        url_fini(&url);
        free(problem);
    }
    return urls;
}

/* The rules of access.h that are ones. An empty list would be read as "nobody" or as "everybody". */
static struct config_texts take_rules(const struct config *config, const char *section, const char *key,
                                      const char *const *texts, struct problems *problems)
{
    struct config_texts rules = {0};
    const struct config_entry *entry = config_find(config, section, key);
    if (entry != NULL && !entry->doubtful && *texts == NULL)
        problems_add(problems, entry->file, entry->line,
                     "[%s] %s: an empty list; leave the line out when nothing is to be listed", section, key);
    for (; *texts != NULL; texts++) {
        char *problem = access_rule_problem(*texts);
        if (problem != NULL)
            problems_add(problems, entry->file, entry->line, "[%s] %s = %s: %s", section, key,
                         entry->secret ? "(secret)" : *texts, entry->secret ? secret_safe(*texts, problem) : problem);
        free(problem);
        rules.items = memory_resize(rules.items, rules.count + 1, sizeof(*rules.items));
        rules.items[rules.count++] = memory_copy(*texts);
    }
    return rules;
}

static void fill_bridge(struct config *config, const struct config_section *section, struct problems *problems)
{
    struct options options;
    options_fill(&options, config, section->name, NULL, schema_bridge, schema_bridge_count, sizeof(*schema_bridge),
                 sizeof(struct bridge_values), problems);
    const struct bridge_values *values = options.values;
    const char *name = section->name + strlen("bridge.");
    const char *worker = values->worker != NULL ? values->worker : name;
    if (!schema_is_name(worker))
        blame_name(config, section->name, "worker", worker, problems);
    config->bridges = memory_resize(config->bridges, config->bridge_count + 1, sizeof(*config->bridges));
    config->bridges[config->bridge_count++] = (struct config_bridge){
        .name = memory_copy(name),
        .section = memory_copy(section->name),
        .worker = memory_copy(worker),
        .pattern = memory_copy(values->pattern != NULL ? values->pattern : ""),
        .direction = (enum config_direction)(values->direction + 1),
        .channels = take_urls(config, section->name, "channel", values->channels, problems),
        .reply = take_urls(config, section->name, "reply_channel", values->reply, problems),
        .listen = take_urls(config, section->name, "listen", values->listen, problems),
        .dial = take_urls(config, section->name, "dial", values->dial, problems),
        .allow = take_rules(config, section->name, "allow", values->allow, problems),
        .deny = take_rules(config, section->name, "deny", values->deny, problems),
        .max_peers = (uint32_t)values->max_peers,
        .receive_limit_bytes = values->receive_limit_bytes,
        .file = memory_copy(section->file),
        .line = section->line,
    };
    options_fini(&options);
}

/* ---- [template.NAME] --------------------------------------------------------------------------------------------- */

static void check_urls(const struct config *config, const char *section, const char *key, const char *const *texts,
                       struct problems *problems)
{
    struct config_urls urls = take_urls(config, section, key, texts, problems);
    urls_fini(&urls);
}

static void check_template(const struct config *config, const char *section, struct problems *problems)
{
    struct leat_option rows[sizeof(schema_bridge) / sizeof(*schema_bridge)];
    struct options options;
    for (size_t i = 0; i < schema_bridge_count; i++) {
        rows[i] = schema_bridge[i];
        rows[i].flags &= (uint16_t)~LEAT_OPTION_REQUIRED;
    }
    options_fill(&options, config, section, NULL, rows, schema_bridge_count, sizeof(*rows),
                 sizeof(struct bridge_values), problems);
    const struct bridge_values *values = options.values;
    check_urls(config, section, "channel", values->channels, problems);
    check_urls(config, section, "reply_channel", values->reply, problems);
    check_urls(config, section, "listen", values->listen, problems);
    check_urls(config, section, "dial", values->dial, problems);
    options_fini(&options);
}

void schema_check_templates(const struct config *config, struct problems *problems)
{
    for (size_t i = 0; i < config->section_count; i++) {
        if (strncmp(config->sections[i].name, "template.", 9) == 0)
            check_template(config, config->sections[i].name, problems);
    }
}

/* ---- all sections ------------------------------------------------------------------------------------------------ */

/* A section of many, [HEAD.NAME], named as it must be. */
static bool is_one_of(const char *section, const char *head)
{
    const size_t len = strlen(head);
    return strncmp(section, head, len) == 0 && section[len] == '.' && schema_is_name(section + len + 1);
}

static void blame_section(const struct config_section *section, struct problems *problems)
{
    static const char *const known[] = {"gateway", "bridge", "template", NULL};
    const char *dot = strchr(section->name, '.');
    char *head =
        dot != NULL ? memory_copy_part(section->name, (size_t)(dot - section->name)) : memory_copy(section->name);
    const char *nearest = problem_nearest(head, known);
    if (strcmp(head, "bridge") == 0 || strcmp(head, "template") == 0)
        problems_add(problems, section->file, section->line,
                     "[%s]: expected [%s.NAME] with a name of at most %d lower-case letters, digits, '.', '_' and "
                     "'-', a letter or digit first",
                     section->name, head, LEAT_READER_NAME_MAX);
    else if (nearest != NULL && strcmp(nearest, "gateway") != 0)
        problems_add(problems, section->file, section->line, "[%s]: unknown section; did you mean [%s%s]?",
                     section->name, nearest, dot != NULL ? dot : ".NAME");
    else if (nearest != NULL)
        problems_add(problems, section->file, section->line, "[%s]: unknown section; did you mean [gateway]?",
                     section->name);
    else
        problems_add(problems, section->file, section->line,
                     "[%s]: unknown section; expected [gateway], [bridge.NAME] or [template.NAME]", section->name);
    free(head);
}

void schema_apply(struct config *config, const char *main_file, struct problems *problems)
{
    fill_gateway(config, problems);
    for (size_t i = 0; i < config->section_count; i++) {
        const struct config_section *section = &config->sections[i];
        if (is_one_of(section->name, "bridge"))
            fill_bridge(config, section, problems);
        else if (strcmp(section->name, "gateway") != 0 && !is_one_of(section->name, "template") &&
                 !config_is_users(section->name))
            blame_section(section, problems);
    }
    if (config->bridge_count == 0 && problems->count == 0)
        problems_add(problems, main_file, 0, "no [bridge.NAME] section: nothing to do");
}
