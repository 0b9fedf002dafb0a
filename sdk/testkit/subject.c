#include "subject.h"

#include "config/memory.h"
#include "plugin/table.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- loading --------------------------------------------------------------------------------------------------------- */

void subject_open(void)
{
    test_enter("its constructor");
    test_subject.object = dlopen(test_subject.file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    test_leave();
    test_require(test_subject.object, "it cannot be loaded: %s", dlerror());
    test_subject.exported = dlsym(test_subject.object, LEAT_PLUGIN_SYMBOL);
    test_require(test_subject.exported, "it has no symbol " LEAT_PLUGIN_SYMBOL
                                        "; expected LEAT_EXPORT const struct leat_plugin " LEAT_PLUGIN_SYMBOL);
}

void subject_load(void)
{
    char explain[512] = "";
    subject_open();
    if (table_copy(&test_subject.plugin, test_subject.exported, test_subject.name, explain, sizeof explain) != 0)
        test_fail("%s", explain);
}

/* ---- options --------------------------------------------------------------------------------------------------------- */

static void set(struct config *config, const char *name, const char *value)
{
    char *key = memory_format("%s.%s", test_subject.name, name);
    size_t i = 0;
    while (i < config->entry_count && strcmp(config->entries[i].key, key) != 0)
        i++;
    if (i == config->entry_count) {
        config->entries = memory_resize(config->entries, i + 1, sizeof *config->entries);
        config->entry_count = i + 1;
        config->entries[i] = (struct config_entry){.section = memory_copy("bridge.test"), .key = key};
    } else {
        free(key);
        free(config->entries[i].value);
        free(config->entries[i].file);
    }
    config->entries[i].value = memory_copy(value);
    config->entries[i].file = memory_format("%s/test.ini", test_subject.folder);
}

static void set_given(struct config *config)
{
    const char *const *setting = test_subject.kit->settings;
    for (size_t i = 0; i < TESTKIT_SETTINGS_MAX && setting[i]; i++) {
        const char *equals = strchr(setting[i], '=');
        size_t len = equals ? (size_t)(equals - setting[i]) : strlen(setting[i]);
        char *name = memory_copy_part(setting[i], len);
        size_t prefix = strlen(test_subject.name);
        bool full = strncmp(name, test_subject.name, prefix) == 0 && name[prefix] == '.';
        set(config, full ? name + prefix + 1 : name, equals ? equals + 1 : "");
        free(name);
    }
}

static void config_clear(struct config *config)
{
    for (size_t i = 0; i < config->entry_count; i++) {
        free(config->entries[i].section);
        free(config->entries[i].key);
        free(config->entries[i].value);
        free(config->entries[i].file);
    }
    free(config->entries);
}

bool subject_options(struct options *options, const char *const *more, char *problem, size_t size)
{
    const struct leat_plugin *table = &test_subject.plugin.table;
    struct config config = {0};
    struct problems problems = {0};
    set_given(&config);
    for (; more && more[0]; more += 2)
        set(&config, more[0], more[1]);
    int error = options_fill(options, &config, "bridge.test", table->name, table->options, table->option_count,
                             sizeof(struct leat_option), table->options_size, &problems);
    if (error && problems.count)
        snprintf(problem, size, "%s", problems.items[0].text);
    problems_fini(&problems);
    config_clear(&config);
    return error == 0;
}

const void *subject_values(void)
{
    static struct options options;
    static bool filled;
    char problem[512] = "";
    if (filled)
        return options.values;
    if (!subject_options(&options, NULL, problem, sizeof problem))
        test_fail("its options cannot be filled: %s (--set OPTION=VALUE sets one)", problem);
    filled = true;
    return options.values;
}

/* ---- its host -------------------------------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct subject_heard heard;

static void on_log(void *context, int32_t level, const char *text)
{
    (void)context;
    test_require(level >= LEAT_LOG_ERROR && level <= LEAT_LOG_DEBUG,
                 "log() got level %d; expected LEAT_LOG_ERROR to LEAT_LOG_DEBUG", level);
    test_require(text, "log() got NULL for a text");
    pthread_mutex_lock(&lock);
    heard.logs++;
    snprintf(heard.log, sizeof heard.log, "%s", text);
    pthread_mutex_unlock(&lock);
}

static bool is_option(const char *name)
{
    static const char *const keys[] = {"channel", "listen", "dial", "reply_channel"}; /* of the bridge */
    const struct leat_plugin *table = &test_subject.plugin.table;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(name, keys[i]) == 0)
            return true;
    for (uint32_t i = 0; i < table->option_count; i++)
        if (strcmp(name, table->options[i].name) == 0)
            return true;
    return false;
}

static void on_blame(void *context, const char *option, const char *text)
{
    (void)context;
    test_require(option && is_option(option),
                 "check() blamed '%s', which is neither one of its options nor channel, reply_channel, listen or dial",
                 option ? option : "(NULL)");
    test_require(text && *text, "check() blamed '%s' without saying what is wrong", option);
    pthread_mutex_lock(&lock);
    heard.blames++;
    snprintf(heard.blame_option, sizeof heard.blame_option, "%s", option);
    snprintf(heard.blame, sizeof heard.blame, "%s", text);
    pthread_mutex_unlock(&lock);
}

static int64_t on_now(void *context)
{
    (void)context;
    return test_now_ns();
}

struct leat_host *subject_host(void)
{
    static struct leat_host host = {.size = sizeof host,
                                    .minor = LEAT_PLUGIN_MINOR,
                                    .context = &heard,
                                    .log = on_log,
                                    .blame = on_blame,
                                    .now_ns = on_now};
    return &host;
}

void subject_forget(void)
{
    pthread_mutex_lock(&lock);
    heard = (struct subject_heard){0};
    pthread_mutex_unlock(&lock);
}

struct subject_heard subject_heard(void)
{
    pthread_mutex_lock(&lock);
    struct subject_heard copy = heard;
    pthread_mutex_unlock(&lock);
    return copy;
}
