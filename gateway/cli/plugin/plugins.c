/* leat plugins: what is in the plugin folder, and the reference page of a plugin. */
#include "cli/command.h"
#include "cli/isolated.h"
#include "cli/plugin/page.h"
#include "config/plugin_dir.h"

#include <argp.h>
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

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

/* ---- a plugin in a process of its own -------------------------------------------------------------------------- */

#define LOAD_SECONDS 10

struct showing {
    struct registry *registry;
    const char *name;
    const struct arguments *arguments;
};

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

static bool show(void *user)
{
    const struct showing *showing = user;
    char explain[512] = "";
    const struct plugin *plugin = find(showing->registry, showing->name, explain, sizeof explain);
    if (!plugin) {
        warnx("%s", explain);
        return false;
    }
    if (showing->arguments->json) {
        char *text = cJSON_Print(plugin_json(plugin));
        fputs(text ? text : "null", stdout);
    } else if (showing->arguments->name) {
        plugin_print_page(plugin);
    } else {
        plugin_print_row(plugin);
    }
    return true;
}

/* Passes on what the child printed, `before` it, once all of it is there. Whether it was shown. */
static bool pass_on(struct registry *registry, const char *name, const struct arguments *arguments, const char *before)
{
    struct showing showing = {registry, name, arguments};
    FILE *output = tmpfile();
    if (!output) {
        err(EXIT_FAILURE, "plugin %s.so", name);
    }
    const bool shown = isolated_run(name, "was loaded", LOAD_SECONDS, output, show, &showing);
    if (shown) {
        char block[4096];
        fputs(before, stdout);
        for (size_t len; (len = fread(block, 1, sizeof block, output)) > 0;) {
            fwrite(block, 1, len, stdout);
        }
    }
    fclose(output);
    return shown;
}

static int list(struct registry *registry, const struct arguments *arguments)
{
    int status = EXIT_SUCCESS;
    const char *before = arguments->json ? "[\n" : "";
    if (!arguments->json) {
        plugin_print_heading();
    }
    for (const char *const *name = registry_names(registry); *name; name++) {
        const bool shown = pass_on(registry, *name, arguments, before);
        before = arguments->json && shown ? ",\n" : before;
        status = shown ? status : EXIT_FAILURE;
    }
    if (arguments->json) {
        puts(*before == '[' ? "[]" : "\n]");
    }
    return status;
}

static int explain_one(struct registry *registry, const struct arguments *arguments)
{
    const bool shown = pass_on(registry, arguments->name, arguments, "");
    if (shown && arguments->json) {
        putchar('\n');
    }
    return shown ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_plugins(int argc, char **argv)
{
    static const struct argp argp = {
        options, parse, "[NAME]", "Lists the plugins of the gateway, or explains one: what it does and its options.",
        NULL,    NULL,  NULL};
    struct arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    char explain[512] = "", *installed = arguments.directory ? NULL : plugin_dir_default();
    struct registry *registry;
    const int error = registry_open(&registry, installed ? installed : arguments.directory, explain, sizeof explain);
    free(installed);
    if (error < 0) {
        warnx("%s", explain);
        return EXIT_FAILURE;
    }
    int status = arguments.name ? explain_one(registry, &arguments) : list(registry, &arguments);
    registry_close(registry);
    return status;
}
