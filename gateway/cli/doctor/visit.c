#include "cli/doctor/visit.h"

#include "base/clock.h"
#include "cli/isolated.h"
#include "config/options.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#define VISIT_SECONDS 60

/* ---- what the plugin is given -------------------------------------------------------------------------------------- */

static void on_log(void *context, int32_t level, const char *text)
{
    (void)context, (void)level;
    warnx("%s", text);
}

static void on_blame(void *context, const char *option, const char *text)
{
    (void)context;
    warnx("%s: %s", option, text);
}

static int64_t on_now(void *context)
{
    (void)context;
    return clock_monotonic_ns();
}

static void on_found(void *context, const struct leat_finding *finding)
{
    doctor_report_write(stdout, context, finding);
}

/* ---- in the child -------------------------------------------------------------------------------------------------- */

static bool fill_options(const struct doctor_visit *visit, const struct plugin *plugin, struct options *options)
{
    struct problems problems = {0};
    int error =
        options_fill(options, visit->config, "doctor", plugin->table.name, plugin->table.options,
                     plugin->table.option_count, sizeof(struct leat_option), plugin->table.options_size, &problems);
    if (error) {
        problems_print(&problems, stderr);
    }
    return error == 0;
}

static bool examine(const struct doctor_visit *visit, const struct plugin *plugin, const char *where,
                    const void *options)
{
    const struct leat_host host = {
        .size = sizeof host, .minor = LEAT_PLUGIN_MINOR, .log = on_log, .blame = on_blame, .now_ns = on_now};
    char name[64];
    snprintf(name, sizeof name, "%s", plugin->table.name);
    const struct leat_examination examination = {
        .size = sizeof examination, .repair = visit->repair, .context = name, .found = on_found};
    const int error = plugin->channel.examine(&host, where, options, &examination);
    if (error) {
        warnx("%s%s%s: %s", name, where ? "://" : "", where ? where : "", strerror(-error));
    }
    return error == 0;
}

static bool examine_all(const struct doctor_visit *visit, const struct plugin *plugin)
{
    struct options options;
    bool done = fill_options(visit, plugin, &options);
    if (done && visit->where_count == 0) {
        done = examine(visit, plugin, NULL, options.values);
    } else if (done) {
        for (size_t i = 0; i < visit->where_count; i++) {
            done &= examine(visit, plugin, visit->wheres[i], options.values);
        }
    }
    options_fini(&options);
    return done;
}

static bool work(void *user)
{
    const struct doctor_visit *visit = user;
    const bool asked = visit->where_count > 0;
    char explain[512] = "";
    const struct plugin *plugin =
        registry_find(visit->registry, LEAT_PLUGIN_CHANNEL, visit->plugin, explain, sizeof explain);
    if (!plugin && asked) {
        warnx("%s", explain);
    } else if (plugin && !plugin->channel.examine && asked) {
        warnx("plugin %s.so has no examination; `leat channels` shows what is there", visit->plugin);
    } else if (plugin && plugin->channel.examine) {
        return examine_all(visit, plugin);
    }
    return !asked; /* patterns and transports are no concern of ours */
}

bool doctor_visit(const struct doctor_visit *visit, struct doctor_report *report)
{
    struct doctor_visit copy = *visit;
    FILE *output = tmpfile();
    if (!output) {
        err(EXIT_FAILURE, "plugin %s.so", visit->plugin);
    }
    const bool done = isolated_run(visit->plugin, "examined", VISIT_SECONDS, output, work, &copy);
    doctor_report_add(report, output);
    fclose(output);
    return done;
}
