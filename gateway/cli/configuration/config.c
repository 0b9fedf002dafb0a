/* leat config: the configuration that is in force, and where each value comes from. */
#include "config/config.h"
#include "cli/command.h"
#include "cli/configuration/order.h"
#include "cli/configuration/print.h"
#include "cli/gateway_choice.h"
#include "config/exchange.h"

#include <argp.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEY_ALL = 0x700, KEY_BARE, KEY_JSON, KEY_SHOW_SECRETS };

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0, "The configuration (" LEAT_CONFIG_FILE " when not given)", 0},
    {"all", KEY_ALL, 0, 0, "Defaults too, and what is not set as a comment", 0},
    {"bare", KEY_BARE, 0, 0, "Without the places that the values come from", 0},
    {"show-secrets", KEY_SHOW_SECRETS, 0, 0, "Print the values of secrets", 0},
    {"json", KEY_JSON, 0, 0, "Print JSON, never with secrets", 0},
    {0}};

struct arguments {
    const char *file, *gateway; /* one of them; none: the system's file */
    struct effective_how how;
    bool json;
};

static int parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'c':
        arguments->file = text;
        return 0;
    case KEY_ALL:
        arguments->how.all = true;
        return 0;
    case KEY_BARE:
        arguments->how.bare = true;
        return 0;
    case KEY_SHOW_SECRETS:
        arguments->how.secrets = true;
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        gateway_take(&arguments->gateway, text, state);
        return 0;
    case ARGP_KEY_END:
        if (arguments->file && arguments->gateway) {
            argp_error(state, "either a running gateway or -c FILE");
        }
        if (arguments->gateway && arguments->how.secrets) {
            argp_error(state, "a gateway does not tell its secrets; -c FILE shows those of a file that you can read");
        }
        if (arguments->json && (arguments->how.all || arguments->how.bare || arguments->how.secrets)) {
            argp_error(state, "--json goes with none of --all, --bare and --show-secrets");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool print_file(const struct arguments *arguments)
{
    struct problems problems = {0};
    struct config *config = config_load(arguments->file, &problems);
    const bool printed = config && config_print(config, arguments->how, arguments->json, false);
    problems_print(&problems, stderr);
    problems_fini(&problems);
    config_free(config);
    return printed;
}

/* What a running gateway has in force, whatever its files say by now. */
static int print_running(const struct arguments *arguments)
{
    int status;
    cJSON *answer = order_send(arguments->gateway, "config", NULL, NULL, &status);
    if (!answer) {
        return status;
    }
    struct config *config = config_from_json(cJSON_GetObjectItemCaseSensitive(answer, "config"));
    if (!config) {
        warnx("gateway '%s' does not tell its configuration in a way that this version understands",
              arguments->gateway);
    }
    status = config && config_print(config, arguments->how, arguments->json, true) ? EXIT_SUCCESS : EXIT_FAILURE;
    config_free(config);
    cJSON_Delete(answer);
    return status;
}

int command_config(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[GATEWAY]",
        "Prints a configuration as one INI file: drop-ins, templates and expansions done, "
        "each value with the place that it comes from. What is printed can be used in its "
        "stead. Of a running GATEWAY it is what is in force there; otherwise what FILE says.",
        NULL,
        NULL,
        NULL};
    struct arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.gateway) {
        return print_running(&arguments);
    }
    if (!arguments.file) {
        arguments.file = LEAT_CONFIG_FILE;
    }
    return print_file(&arguments) ? EXIT_SUCCESS : EXIT_FAILURE;
}
