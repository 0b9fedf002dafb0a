#include "plug.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ENTRIES_MAX 16

const struct leat_plugin *plug_load(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.so", PLUGIN_DIR, name);
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    cr_assert(object, "%s", dlerror());
    const struct leat_plugin *plugin = dlsym(object, LEAT_PLUGIN_SYMBOL);
    cr_assert(plugin);
    return plugin;
}

static void hear(void *context, const char *format, const char *first, const char *second)
{
    struct plug *plug = context;
    size_t used = strlen(plug->heard);
    snprintf(plug->heard + used, sizeof plug->heard - used, format, first, second);
}

static void on_log(void *context, int32_t level, const char *text)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    hear(context, "log %s: %s\n", levels[level], text);
}

static void on_blame(void *context, const char *option, const char *text)
{
    hear(context, "blame %s: %s\n", option, text);
}

static int64_t now_ns(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static size_t read_settings(char *text, const char *plugin, struct config_entry *entries, char keys[][64])
{
    size_t count = 0;
    char *rest;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[48], value[256];
        if (sscanf(line, " %47[a-z_] = %255[^\n]", name, value) != 2)
            continue;
        cr_assert(count < ENTRIES_MAX);
        snprintf(keys[count], sizeof keys[count], "%s.%s", plugin, name);
        entries[count] = (struct config_entry){.section = "bridge.test",
                                               .key = keys[count],
                                               .value = strstr(line, "= ") + 2,
                                               .file = "test.ini",
                                               .line = 1};
        count++;
    }
    return count;
}

void plug_init(struct plug *plug, const char *name, const char *settings)
{
    *plug = (struct plug){.plugin = plug_load(name)};
    plug->host = (struct leat_host){
        .size = sizeof plug->host, .context = plug, .log = on_log, .blame = on_blame, .now_ns = now_ns};
    struct config_entry entries[ENTRIES_MAX] = {0};
    char keys[ENTRIES_MAX][64], *text = strdup(settings);
    struct config config = {.entries = entries, .entry_count = read_settings(text, name, entries, keys)};
    struct problems problems = {0};
    const struct leat_plugin *table = plug->plugin;
    if (table->option_count)
        options_fill(&plug->options, &config, "bridge.test", name, table->options, table->option_count,
                     table->options->size, table->options_size, &problems);
    cr_assert(problems.count == 0, "%s", problems.items[0].text);
    problems_fini(&problems);
    free(text);
}

void plug_fini(struct plug *plug)
{
    if (plug->plugin->option_count)
        options_fini(&plug->options);
}

void plug_expect(const char *name, const char *settings, const char *url, uint32_t listen, const char *key,
                 const char *says)
{
    struct plug plug;
    plug_init(&plug, name, settings);
    struct leat_endpoint endpoint = {
        .size = sizeof endpoint, .listen = listen, .url = url, .options = plug.options.values};
    int32_t result = plug.plugin->transport->check(&plug.host, &endpoint);
    if (!says)
        cr_expect(result == 0 && !plug.heard[0], "%s: %s", url, plug.heard);
    else
        cr_expect(result == -EINVAL && strstr(plug.heard, says) && (!key || strstr(plug.heard, key)), "%s: %s", url,
                  plug.heard);
    plug_fini(&plug);
}
