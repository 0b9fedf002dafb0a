#include "cli/configuration/print.h"

#include "cli/json.h"
#include "config/exchange.h"
#include "config/memory.h"
#include "plugin/guard.h"
#include "plugin/used.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLUGIN_SECONDS 20

struct job {
    struct config *config;
    struct effective_how how;
    bool json, trusted;
    FILE *output;
};

/* ---- in a process of its own ------------------------------------------------------------------------------------- */

/* The tables of all bridges, and the memory that they need until the process ends. */
struct gathering {
    struct effective_table *items;
    size_t count, capacity;
    struct problems problems;
};

static void add_table(struct gathering *gathering, const char *section, const struct leat_plugin *plugin)
{
    gathering->items = memory_grow(gathering->items, gathering->count, &gathering->capacity, sizeof *gathering->items);
    gathering->items[gathering->count++] = (struct effective_table){
        .section = section, .prefix = plugin->name, .rows = plugin->options, .count = plugin->option_count};
}

static void gather_bridge(struct gathering *gathering, struct config *config, const struct config_bridge *bridge,
                          struct registry *registry)
{
    struct resolved_bridge resolved;
    resolve_bridge(&resolved, config, bridge, registry, &gathering->problems);
    used_mark_secrets(&resolved, config, NULL);
    const struct plugin **plugins = used_plugins(&resolved);
    for (size_t i = 0; plugins[i]; i++) {
        add_table(gathering, bridge->section, &plugins[i]->table);
    }
    free(plugins);
    resolved_bridge_fini(&resolved);
}

static void gather(struct gathering *gathering, struct config *config)
{
    char explain[768] = "";
    struct registry *registry;
    if (registry_open(&registry, config->gateway.plugin_dir, explain, sizeof explain) != 0) {
        problems_add(&gathering->problems, NULL, 0, "%s", explain);
        return;
    }
    for (size_t i = 0; i < config->bridge_count; i++) {
        gather_bridge(gathering, config, &config->bridges[i], registry);
    }
}

static int print(void *user)
{
    const struct job *job = user;
    struct gathering gathering = {0};
    alarm(PLUGIN_SECONDS);
    gather(&gathering, job->config);
    if (gathering.problems.count > 0 && !job->trusted) {
        problems_print(&gathering.problems, stderr);
        return EXIT_FAILURE;
    }
    const struct effective_tables tables = {
        .items = gathering.items, .count = gathering.count, .complete = gathering.problems.count == 0};
    if (job->json) {
        char *text = cJSON_Print(config_to_json(job->config));
        fprintf(job->output, "%s\n", text ? text : "null");
    } else {
        effective_print(job->config, &tables, job->how, job->output);
    }
    return fflush(job->output) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- here -------------------------------------------------------------------------------------------------------- */

static void pass_on(FILE *from, FILE *to)
{
    char block[4096];
    rewind(from);
    for (size_t len; (len = fread(block, 1, sizeof block, from)) > 0;) {
        fwrite(block, 1, len, to);
    }
}

/* What guard_run says: problem, FILE, LINE, TEXT. */
static void tell_end(FILE *notes)
{
    char line[2048];
    rewind(notes);
    while (fgets(line, sizeof line, notes)) {
        char *rest = line, *word = strsep(&rest, "\t"), *file = strsep(&rest, "\t"), *number = strsep(&rest, "\t");
        if (strcmp(word, "problem") == 0 && rest && strcmp(file, "-") == 0) {
            fprintf(stderr, "%s", rest);
        } else if (strcmp(word, "problem") == 0 && rest) {
            fprintf(stderr, "%s:%s: %s", file, number, rest);
        }
    }
}

bool config_print(struct config *config, struct effective_how how, bool json, bool trusted)
{
    struct job job = {.config = config, .how = how, .json = json, .trusted = trusted, .output = tmpfile()};
    FILE *notes = tmpfile();
    if (!job.output || !notes) {
        err(EXIT_FAILURE, "a temporary file");
    }
    const int status = guard_run(print, &job, fileno(notes));
    if (status < 0) {
        tell_end(notes);
    } else if (status == EXIT_SUCCESS) {
        pass_on(job.output, stdout);
    }
    fclose(notes);
    fclose(job.output);
    return status == EXIT_SUCCESS;
}
