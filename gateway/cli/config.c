/* leat config: the configuration that is in force, and where each value comes from. */
#include "config/config.h"
#include "cli/command.h"
#include "cli/config_print.h"

#include <argp.h>
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
    const char *file;
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
        argp_error(state, "'%s' is not expected here; the configuration is named by -c FILE", text);
        return 0;
    case ARGP_KEY_END:
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

int command_config(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     NULL,
                                     "Prints the configuration that is in force as one INI file: drop-ins, templates "
                                     "and expansions done, each value with "
                                     "the place that it comes from. What is printed can be used in its stead.",
                                     NULL,
                                     NULL,
                                     NULL};
    struct arguments arguments = {.file = LEAT_CONFIG_FILE};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    return print_file(&arguments) ? EXIT_SUCCESS : EXIT_FAILURE;
}
