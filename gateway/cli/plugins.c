/* leat plugins: what is in the plugin folder, and the reference page of a plugin.
 *
 * Loading a plugin runs a stranger's code. Each is loaded in a process of its own, which hands back what is to be printed: one
 * that crashes, ends its process or takes too long is named, and the others are shown all the same. */
#include "cli/command.h"
#include "cli/plugin_page.h"
#include "config/plugin_dir.h"

#include <argp.h>
#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

/* ---- a plugin in a process of its own -------------------------------------------------------------------------- */

#define LOAD_SECONDS 10
enum { SHOWN = 42, REFUSED = 43 }; /* exit statuses that a plugin is not likely to choose when it ends its process */

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

/* The child: shows the plugin on stdout. */
static _Noreturn void show(struct registry *registry, const char *name, const struct arguments *arguments)
{
    char explain[512] = "";
    alarm(LOAD_SECONDS);
    const struct plugin *plugin = find(registry, name, explain, sizeof explain);
    if (!plugin) {
        warnx("%s", explain);
        _exit(REFUSED);
    }
    if (arguments->json) {
        char *text = cJSON_Print(plugin_json(plugin));
        fputs(text ? text : "null", stdout);
    } else if (arguments->name) {
        plugin_print_page(plugin);
    } else {
        plugin_print_row(plugin);
    }
    fflush(stdout);
    _exit(SHOWN);
}

static void explain_end(const char *name, int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        warnx("plugin %s.so was not loaded within %d s", name, LOAD_SECONDS);
    } else if (WIFSIGNALED(status)) {
        warnx("plugin %s.so crashed while it was loaded (%s)", name, strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != REFUSED) {
        warnx("plugin %s.so ended its process while it was loaded (exit status %d)", name, WEXITSTATUS(status));
    }
}

/* Passes on what the child printed, `before` it, once all of it is there. Whether it was shown. */
static bool pass_on(struct registry *registry, const char *name, const struct arguments *arguments, const char *before)
{
    FILE *output = tmpfile();
    fflush(stdout);
    const pid_t child = output ? fork() : -1;
    if (child < 0) {
        err(EXIT_FAILURE, "plugin %s.so", name);
    }
    if (child == 0) {
        dup2(fileno(output), STDOUT_FILENO);
        show(registry, name, arguments);
    }
    int status;
    waitpid(child, &status, 0);
    const bool shown = WIFEXITED(status) && WEXITSTATUS(status) == SHOWN;
    if (!shown) {
        explain_end(name, status);
    } else {
        char block[4096];
        fputs(before, stdout);
        rewind(output);
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
    if (!arguments.directory) {
        arguments.directory = plugin_dir_default();
    }

    char explain[512] = "";
    struct registry *registry;
    if (registry_open(&registry, arguments.directory, explain, sizeof explain) < 0) {
        warnx("%s", explain);
        return EXIT_FAILURE;
    }
    int status = arguments.name ? explain_one(registry, &arguments) : list(registry, &arguments);
    registry_close(registry);
    return status;
}
