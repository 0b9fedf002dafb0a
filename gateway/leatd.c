/* leatd, the gateway's main program: reads what it was asked for, has the configuration checked, and hands over to the
 * supervisor. The same binary, started by the supervisor with a hidden option, is a worker or the checker. */
#include "base/log.h"
#include "config/config.h"
#include "config/problem_json.h"
#include "supervisor/supervisor.h"
#include "worker/worker.h"

#include <leat/version.h>

#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- the command line -------------------------------------------------------------------------------------------- */

enum { KEY_CHECK = 256, KEY_FORMAT, KEY_LOG_LEVEL, KEY_WORKER, KEY_CHECKER };

struct arguments {
    const char *file;
    const char *worker; /* run as the worker of this name */
    int log_level;      /* -1: as the configuration says */
    bool check, checker;
    bool json; /* what --check finds */
};

/* argp looks for it in the whole process, so it cannot be hidden. */
__attribute__((visibility("default"))) const char *argp_program_version = "leatd " LEAT_VERSION;

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0, "The configuration (" LEAT_CONFIG_FILE " when not given)", 0},
    {"check", KEY_CHECK, NULL, 0, "Validate the configuration, report everything wrong with it, and stop", 0},
    {"format", KEY_FORMAT, "FORMAT", 0, "How --check reports: text, or json for programs", 0},
    {"log-level", KEY_LOG_LEVEL, "LEVEL", 0, "error, warning, info or debug, instead of what the configuration says",
     0},
    {"worker", KEY_WORKER, "NAME", OPTION_HIDDEN, NULL, 0},
    {"checker", KEY_CHECKER, NULL, OPTION_HIDDEN, NULL, 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static int log_level(const char *text, struct argp_state *state)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(levels[i], text) == 0)
            return i;
    }
    argp_error(state, "--log-level=%s: expected error, warning, info or debug", text);
    return -1;
}

static bool is_json(const char *text, struct argp_state *state)
{
    if (strcmp(text, "json") != 0 && strcmp(text, "text") != 0)
        argp_error(state, "--format=%s: expected text or json", text);
    return strcmp(text, "json") == 0;
}

static error_t take_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'c':
        arguments->file = value;
        return 0;
    case KEY_CHECK:
        arguments->check = true;
        return 0;
    case KEY_FORMAT:
        arguments->json = is_json(value, state);
        return 0;
    case KEY_LOG_LEVEL:
        arguments->log_level = log_level(value, state);
        return 0;
    case KEY_WORKER:
        arguments->worker = value;
        return 0;
    case KEY_CHECKER:
        arguments->checker = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is not expected here; the configuration is named by -c FILE", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = take_option,
    .doc = "The leat gateway: carries messages between shared-memory channels on this host and nng endpoints, as an "
           "INI file "
           "says. Runs in the foreground and logs to stderr; SIGTERM or SIGINT stops it after a drain."
           "\vExit status: 0 stopped or valid, 64 wrong arguments, 69 a gateway of that name runs already, 71 shared "
           "memory is "
           "full or cannot be used, 75 stopped "
           "with "
           "messages left in flight, 78 the configuration is wrong.\n\nSee leatd(8) and leat.ini(5).",
};

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* What was found, as it was asked for. */
static void report(const struct arguments *arguments, const struct config *config, struct problems *problems)
{
    const size_t bridges = config != NULL ? config->bridge_count : 0;
    if (arguments->check && arguments->json)
        problems_print_json(problems, bridges, stdout);
    else if (problems->count > 0)
        problems_print(problems, stderr);
    else if (arguments->check)
        printf("configuration is valid: %zu bridge%s\n", bridges, bridges == 1 ? "" : "s");
}

/* The configuration, validated down to its plugins; NULL after reporting everything that is wrong with it. */
static struct config *load(const struct arguments *arguments)
{
    struct problems warnings = {0}, problems = {.warnings = &warnings};
    struct config *config = NULL;
    if (access(arguments->file, F_OK) != 0 && errno == ENOENT)
        problems_add(&problems, arguments->file, 0,
                     "there is no configuration file here; write one, or name another with -c FILE");
    else
        config = supervisor_read(&(struct supervisor_origin){arguments->file, arguments->log_level}, &problems);
    if (config != NULL && !arguments->check)
        supervisor_clear_the_way(config);
    if (config != NULL)
        supervisor_check(config, &problems);
    report(arguments, config, &problems);
    if (problems.count > 0) {
        config_free(config);
        config = NULL;
    }
    problems_fini(&problems);
    problems_fini(&warnings);
    return config;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.file = LEAT_CONFIG_FILE, .log_level = -1};
    argp_err_exit_status = EX_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.worker != NULL)
        worker_main(arguments.worker);
    if (arguments.checker)
        checker_main();

    struct config *config = load(&arguments);
    if (config == NULL)
        return EX_CONFIG;
    if (!arguments.check)
        return supervisor_run(config, &(struct supervisor_origin){arguments.file, arguments.log_level});
    config_free(config);
    return EXIT_SUCCESS;
}
