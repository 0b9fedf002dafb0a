/* leat check: the configuration judged by the gateway itself, so that both say the same. */
#include "base/beside.h"
#include "cli/command.h"

#include <argp.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { KEY_FORMAT = 0x800 };

static const struct argp_option options[] = {{"config", 'c', "FILE", 0, "The same as FILE", 0},
                                             {"format", KEY_FORMAT, "FORMAT", 0, "text (default) or json", 0},
                                             {0}};

struct arguments {
    char *file, *format;
};

static void take_file(struct arguments *arguments, char *file, struct argp_state *state)
{
    if (arguments->file) {
        argp_error(state, "'%s' is one file too many; one configuration is checked at a time", file);
    }
    arguments->file = file;
}

static int parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'c':
    case ARGP_KEY_ARG:
        take_file(arguments, text, state);
        return 0;
    case KEY_FORMAT:
        if (strcmp(text, "text") != 0 && strcmp(text, "json") != 0) {
            argp_error(state, "--format=%s: expected text or json", text);
        }
        arguments->format = text;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_check(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[FILE]",
        "Validates a configuration (" LEAT_CONFIG_FILE
        " when none is named) down to its plugins, certificates and ports, "
        "and reports everything that is wrong with it. A running gateway is not touched."
        "\vExit status: 0 valid, 64 wrong arguments, 78 the configuration is wrong. `leatd --check` does the same.",
        NULL,
        NULL,
        NULL};
    struct arguments arguments = {.file = NULL, .format = "text"};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    char *program = beside_program(LEAT_DAEMON_FROM_PROGRAM);
    if (!program) {
        errx(EX_UNAVAILABLE, "there is no leatd beside this program");
    }
    char *file = arguments.file ? arguments.file : LEAT_CONFIG_FILE;
    execv(program, (char *[]){"leatd", "--check", "--format", arguments.format, "--config", file, NULL});
    err(EX_OSERR, "%s", program);
}
