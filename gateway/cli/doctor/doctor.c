/* leat doctor: looks at memory, gateways and configurations, asks the channel plugins what is wrong with what is there, and lets them mend
 * what harms nobody. */
#include "cli/command.h"
#include "cli/doctor/areas.h"
#include "cli/doctor/report.h"
#include "cli/doctor/visit.h"
#include "config/memory.h"
#include "config/plugin_dir.h"

#include <argp.h>
#include <ctype.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { KEY_JSON = 0x700, KEY_REPAIR, KEY_SET, KEY_PLUGIN_DIR };

#define SETTINGS_MOST 64

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0,
     "The configuration to look at; default: those of the gateways that run, and " LEAT_CONFIG_FILE, 0},
    {"repair", KEY_REPAIR, 0, 0, "Mend what can be mended without harm to anybody who is alive", 0},
    {"set", KEY_SET, "PLUGIN.OPTION=VALUE", 0,
     "An option as in a bridge, such as cppipc.prefix=app; may be given again and again", 0},
    {"json", KEY_JSON, 0, 0, "Print JSON", 0},
    {"plugin-dir", KEY_PLUGIN_DIR, "DIR", 0, "Folder of the plugins; default $LEAT_PLUGIN_DIR, or the installed one",
     0},
    {0}};

struct arguments {
    char *directory;
    const char *file; /* of the configuration; NULL: all that can be found */
    bool json, repair;
    const char *urls[VISIT_MOST];
    size_t url_count;
    struct config_entry settings[SETTINGS_MOST];
    size_t setting_count;
};

static void set(struct arguments *arguments, const char *text, struct argp_state *state)
{
    const char *equals = strchr(text, '='), *dot = strchr(text, '.');
    static char section[] = "doctor", file[] = "--set"; /* a relative path begins in the working directory */
    if (!equals || !dot || dot > equals) {
        argp_error(state, "--set takes PLUGIN.OPTION=VALUE, not '%s'", text);
    }
    if (arguments->setting_count == SETTINGS_MOST) {
        argp_error(state, "more than %d times --set", SETTINGS_MOST);
    }
    char *key = memory_copy_part(text, (size_t)(equals - text));
    for (char *at = key; *at; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    arguments->settings[arguments->setting_count++] =
        (struct config_entry){.section = section, .key = key, .value = memory_copy(equals + 1), .file = file};
}

static void forget_settings(struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->setting_count; i++) {
        free(arguments->settings[i].key);
        free(arguments->settings[i].value);
    }
}

static void add_url(struct arguments *arguments, const char *url, struct argp_state *state)
{
    const char *rest = strstr(url, "://");
    if (!rest || rest == url || rest[3] == '\0') {
        argp_error(state, "'%s' is no channel; channels are written PLUGIN://NAME", url);
    }
    if (arguments->url_count == VISIT_MOST) {
        argp_error(state, "more than %d channels", VISIT_MOST);
    }
    arguments->urls[arguments->url_count++] = url;
}

static int parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'c':
        arguments->file = text;
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case KEY_REPAIR:
        arguments->repair = true;
        return 0;
    case KEY_SET:
        set(arguments, text, state);
        return 0;
    case KEY_PLUGIN_DIR:
        arguments->directory = text;
        return 0;
    case ARGP_KEY_ARG:
        add_url(arguments, text, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- the round ----------------------------------------------------------------------------------------------------- */

static bool is_scheme(const char *url, const char *plugin)
{
    size_t len = strlen(plugin);
    return strncmp(url, plugin, len) == 0 && strncmp(url + len, "://", 3) == 0;
}

/* The URLs of one plugin are served together; what is served is taken off the list. */
static void take_urls(struct arguments *arguments, struct doctor_visit *visit)
{
    for (size_t i = 0; i < arguments->url_count; i++) {
        if (arguments->urls[i] && is_scheme(arguments->urls[i], visit->plugin)) {
            visit->wheres[visit->where_count++] = arguments->urls[i] + strlen(visit->plugin) + 3;
            arguments->urls[i] = NULL;
        }
    }
}

static bool visit_named(struct arguments *arguments, struct doctor_visit visit, struct doctor_report *report)
{
    bool done = true;
    for (size_t i = 0; i < arguments->url_count; i++) {
        if (!arguments->urls[i]) {
            continue;
        }
        char *scheme =
            memory_copy_part(arguments->urls[i], (size_t)(strstr(arguments->urls[i], "://") - arguments->urls[i]));
        visit.plugin = scheme;
        visit.where_count = 0;
        take_urls(arguments, &visit);
        done &= doctor_visit(&visit, report);
        free(scheme);
    }
    return done;
}

/* Without its plugins a gateway cannot start: that is a finding, and the rest is looked at all the same. */
static void tell_folder(struct doctor_report *report, const char *folder, const char *explain)
{
    doctor_tell(report, "plugins",
                (struct leat_finding){.grade = LEAT_FINDING_ERROR,
                                      .subject = folder,
                                      .code = "plugin-folder",
                                      .remedy = "Install leat's plugins there, or name their folder: plugin_dir in the "
                                                "configuration, --plugin-dir here."},
                "%s", explain);
}

/* `visit.registry` NULL: there are no plugins that could be asked. */
static bool visit_all(struct doctor_visit visit, struct doctor_report *report, const char *file)
{
    bool done = true;
    doctor_memory(report);
    for (const char *const *name = visit.registry ? registry_names(visit.registry) : NULL; name && *name; name++) {
        visit.plugin = *name;
        done &= doctor_visit(&visit, report);
    }
    doctor_gateways(report);
    done &= doctor_configurations(report, file);
    return done;
}

/* An option of a plugin that is not there would be passed over in silence. */
static bool check_settings(const struct arguments *arguments, struct registry *registry)
{
    for (size_t i = 0; i < arguments->setting_count; i++) {
        const char *key = arguments->settings[i].key;
        size_t len = strcspn(key, ".");
        const char *const *name = registry_names(registry);
        while (*name && (strlen(*name) != len || strncmp(*name, key, len) != 0)) {
            name++;
        }
        if (!*name) {
            warnx("--set %s: there is no plugin '%.*s'", key, (int)len, key);
            return false;
        }
    }
    return true;
}

static int examine(struct arguments *arguments, struct registry *registry, const char *explain)
{
    struct config config = {.entries = arguments->settings, .entry_count = arguments->setting_count};
    struct doctor_visit visit = {.registry = registry, .config = &config, .repair = arguments->repair};
    struct doctor_report report;
    if (registry && !check_settings(arguments, registry)) {
        return EX_USAGE;
    }
    doctor_report_init(&report, arguments->json, arguments->repair);
    if (!registry) {
        tell_folder(&report, arguments->directory, explain);
    }
    const bool done =
        arguments->url_count ? visit_named(arguments, visit, &report) : visit_all(visit, &report, arguments->file);
    doctor_report_end(&report, done);
    return !done ? EX_UNAVAILABLE : report.bad ? EXIT_FAILURE : EXIT_SUCCESS;
}

int command_doctor(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[URL...]",
        "Finds what is wrong with channels (PLUGIN://NAME, those only), or with everything that is there: memory, "
        "channels, "
        "gateways, their bridges, books and peers, configurations, certificates, ports.\v"
        "Exit status: 0 nothing wrong, 1 something is and was not mended, 69 something could not be examined.",
        NULL,
        NULL,
        NULL};
    struct arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    char explain[512] = "", *installed = arguments.directory ? NULL : plugin_dir_default();
    struct registry *registry = NULL;
    arguments.directory = arguments.directory ? arguments.directory : installed;
    const int error = registry_open(&registry, arguments.directory, explain, sizeof explain);
    if (error < 0 && arguments.url_count) {
        warnx("%s", explain);
    }
    int status =
        error < 0 && arguments.url_count ? EX_UNAVAILABLE : examine(&arguments, error < 0 ? NULL : registry, explain);
    if (error == 0) {
        registry_close(registry);
    }
    forget_settings(&arguments);
    free(installed);
    return status;
}
