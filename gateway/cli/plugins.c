/* leat plugins: what is in the plugin folder, and the reference page of a plugin, printed from its own tables.
 *
 * This process loads strangers' code and lives for a moment only: a plugin that crashes while it is loaded ends it, with the
 * plugin's name. */
#include "cli/command.h"
#include "cli/json.h"
#include "config/plugin_dir.h"
#include "plugin/registry.h"

#include <argp.h>
#include <err.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_JSON = 0x500, KEY_PLUGIN_DIR };

static const struct argp_option options[] = {{"json", KEY_JSON, 0, 0, "Print JSON", 0},
                                             {"plugin-dir", KEY_PLUGIN_DIR, "DIR", 0,
                                              "Folder of the plugins; default $LEAT_PLUGIN_DIR, or the installed one",
                                              0},
                                             {0}};

struct arguments {
    const char *name; /* NULL: all */
    char *directory;
    bool json;
};

static int parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case KEY_PLUGIN_DIR:
        arguments->directory = text;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "'%s' is one argument too many; one plugin is explained at a time", text);
        }
        arguments->name = text;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- loading --------------------------------------------------------------------------------------------------- */

static char loading[256];

static void say_loading(const char *file, void *user)
{
    (void)user;
    snprintf(loading, sizeof loading, "%s", file);
}

static void crashed(int signal)
{
    static const char before[] = "leat plugins: crashed while it loaded ";
    (void)signal;
    if (write(STDERR_FILENO, before, sizeof before - 1) < 0 || write(STDERR_FILENO, loading, strlen(loading)) < 0 ||
        write(STDERR_FILENO, "\n", 1) < 0) {
        _exit(EXIT_FAILURE);
    }
    _exit(EXIT_FAILURE);
}

static void catch_crashes(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};
    const struct sigaction action = {.sa_handler = crashed};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        sigaction(signals[i], &action, NULL);
    }
}

/* The plugin of that name, whatever its kind; a refusal is in `explain`. */
static const struct plugin *find(struct registry *registry, const char *name, char *explain, size_t explain_size)
{
    static const uint32_t kinds[] = {LEAT_PLUGIN_CHANNEL, LEAT_PLUGIN_PATTERN, LEAT_PLUGIN_TRANSPORT};
    const struct plugin *plugin = NULL;
    for (size_t i = 0; !plugin && i < sizeof kinds / sizeof kinds[0]; i++) {
        plugin = registry_find(registry, kinds[i], name, explain, explain_size);
    }
    return plugin;
}

static const char *kind_name(uint32_t kind)
{
    return kind == LEAT_PLUGIN_CHANNEL ? "channel" : kind == LEAT_PLUGIN_PATTERN ? "pattern" : "transport";
}

static const char *or_nothing(const char *text)
{
    return text ? text : "";
}

/* ---- one option ------------------------------------------------------------------------------------------------ */

static const char *type_name(uint16_t type)
{
    static const char *const names[] = {
        [LEAT_OPTION_TEXT] = "text", [LEAT_OPTION_BOOL] = "yes or no",    [LEAT_OPTION_INT] = "number",
        [LEAT_OPTION_SIZE] = "size", [LEAT_OPTION_DURATION] = "duration", [LEAT_OPTION_CHOICE] = "choice",
        [LEAT_OPTION_LIST] = "list", [LEAT_OPTION_PATH] = "path",         [LEAT_OPTION_MODE] = "mode"};
    return type < sizeof names / sizeof names[0] && names[type] ? names[type] : "unknown";
}

/* A plugin's rows may be larger than ours, or smaller: what it does not have reads as zero. */
static struct leat_option option_at(const struct plugin *plugin, uint32_t index)
{
    const char *first = (const char *)plugin->table.options;
    const uint32_t stride = plugin->table.options->size;
    struct leat_option row = {0};
    memcpy(&row, first + (size_t)stride * index, stride < sizeof row ? stride : sizeof row);
    return row;
}

static void print_option(const struct plugin *plugin, const struct leat_option *row)
{
    printf("  %s.%s  (%s", plugin->table.name, row->name, type_name(row->type));
    if (row->choices) {
        printf(": %s", row->choices);
    }
    if (row->min != 0 || row->max != 0) {
        printf(", %" PRId64 " to %" PRId64, row->min, row->max);
    }
    if (row->flags & LEAT_OPTION_REQUIRED) {
        printf(", required");
    } else if (row->default_text) {
        printf(", default %s", *row->default_text ? row->default_text : "empty");
    }
    printf(")\n      %s\n", or_nothing(row->help));
}

static cJSON *option_json(const struct leat_option *row)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", row->name);
    cJSON_AddStringToObject(object, "type", type_name(row->type));
    if (row->default_text) {
        cJSON_AddStringToObject(object, "default", row->default_text);
    }
    if (row->choices) {
        cJSON_AddStringToObject(object, "choices", row->choices);
    }
    if (row->min != 0 || row->max != 0) {
        json_add_i64(object, "min", row->min);
        json_add_i64(object, "max", row->max);
    }
    cJSON_AddBoolToObject(object, "required", (row->flags & LEAT_OPTION_REQUIRED) != 0);
    cJSON_AddBoolToObject(object, "reloadable", (row->flags & LEAT_OPTION_RELOADABLE) != 0);
    cJSON_AddBoolToObject(object, "secret", (row->flags & LEAT_OPTION_SECRET) != 0);
    cJSON_AddStringToObject(object, "help", or_nothing(row->help));
    return object;
}

/* ---- one plugin ------------------------------------------------------------------------------------------------ */

static void print_reference(const struct plugin *plugin)
{
    const struct leat_plugin *table = &plugin->table;
    printf("%s: %s plugin, version %s, %s\n%s\n", table->name, kind_name(table->kind), or_nothing(table->version),
           or_nothing(table->licence), or_nothing(table->summary));
    if (plugin->transport.schemes) {
        printf("Schemes: %s\n", plugin->transport.schemes);
    }
    if (table->reference) {
        size_t len = strlen(table->reference);
        printf("\n%s%s", table->reference, len > 0 && table->reference[len - 1] == '\n' ? "" : "\n");
    }
    puts(table->option_count > 0 ? "\nOptions, in the section of a bridge:" : "\nIt has no options.");
    for (uint32_t i = 0; i < table->option_count; i++) {
        const struct leat_option row = option_at(plugin, i);
        print_option(plugin, &row);
    }
}

static cJSON *plugin_json(const struct plugin *plugin)
{
    const struct leat_plugin *table = &plugin->table;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", table->name);
    cJSON_AddStringToObject(object, "kind", kind_name(table->kind));
    cJSON_AddStringToObject(object, "version", or_nothing(table->version));
    cJSON_AddStringToObject(object, "licence", or_nothing(table->licence));
    cJSON_AddStringToObject(object, "summary", or_nothing(table->summary));
    cJSON_AddStringToObject(object, "reference", or_nothing(table->reference));
    cJSON_AddStringToObject(object, "file", or_nothing(plugin->file));
    if (plugin->transport.schemes) {
        cJSON_AddStringToObject(object, "schemes", plugin->transport.schemes);
    }
    cJSON *rows = cJSON_AddArrayToObject(object, "options");
    for (uint32_t i = 0; i < table->option_count; i++) {
        const struct leat_option row = option_at(plugin, i);
        cJSON_AddItemToArray(rows, option_json(&row));
    }
    return object;
}

static int explain_one(struct registry *registry, const struct arguments *arguments)
{
    char explain[512] = "";
    const struct plugin *plugin = find(registry, arguments->name, explain, sizeof explain);
    if (!plugin) {
        warnx("%s", explain);
        return EXIT_FAILURE;
    }
    if (arguments->json) {
        json_print(plugin_json(plugin), true);
    } else {
        print_reference(plugin);
    }
    return EXIT_SUCCESS;
}

/* ---- all of them ----------------------------------------------------------------------------------------------- */

static void print_row(const struct plugin *plugin)
{
    printf("%-12s %-10s %-9s %s\n", plugin->table.name, kind_name(plugin->table.kind),
           or_nothing(plugin->table.version), or_nothing(plugin->table.summary));
}

static int list(struct registry *registry, const struct arguments *arguments)
{
    cJSON *all = arguments->json ? cJSON_CreateArray() : NULL;
    int status = EXIT_SUCCESS;
    if (!all) {
        printf("%-12s %-10s %-9s %s\n", "PLUGIN", "KIND", "VERSION", "SUMMARY");
    }
    for (const char *const *name = registry_names(registry); *name; name++) {
        char explain[512] = "";
        const struct plugin *plugin = find(registry, *name, explain, sizeof explain);
        if (!plugin) {
            warnx("%s", explain);
            status = EXIT_FAILURE;
        } else if (all) {
            cJSON_AddItemToArray(all, plugin_json(plugin));
        } else {
            print_row(plugin);
        }
    }
    if (all) {
        json_print(all, true);
    }
    return status;
}

int command_plugins(int argc, char **argv)
{
    static const struct argp argp = {
        options, parse, "[NAME]", "Lists the plugins of the gateway, or explains one: what it does and its options.",
        NULL,    NULL,  NULL};
    struct arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (!arguments.directory) {
        arguments.directory = plugin_dir_default();
    }

    char explain[512] = "";
    struct registry *registry;
    if (registry_open(&registry, arguments.directory, explain, sizeof explain) < 0) {
        warnx("%s", explain);
        return EXIT_FAILURE;
    }
    registry_on_load(registry, say_loading, NULL);
    catch_crashes();
    int status = arguments.name ? explain_one(registry, &arguments) : list(registry, &arguments);
    registry_close(registry);
    return status;
}
