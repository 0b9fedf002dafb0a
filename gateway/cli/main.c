/* leat: finds the command and hands the rest of the line to it. */
#include "cli/command.h"
#include "config/problem.h"

#include <leat/version.h>

#include <argp.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    {"pub", command_pub, "publish messages into a channel"},
    {"sub", command_sub, "print the messages of a channel"},
    {"channels", command_channels, "show, remove and tidy up channels"},
    {"check", command_check, "find everything that is wrong with a configuration"},
    {"config", command_config, "show the configuration in force, and where each value comes from"},
    {"plan", command_plan, "show what a reload would change in a running gateway"},
    {"reload", command_reload, "apply a gateway's changed configuration"},
    {"top", command_top, "show what a gateway's bridges do at this moment"},
    {"ledger", command_ledger, "show the books of a gateway's bridges"},
    {"doctor", command_doctor, "find what is wrong, and mend what can be mended"},
    {"plugins", command_plugins, "show the gateway's plugins and their options"},
    {"plugin", command_plugin, "for a plugin's author: make a new one, test a compiled one"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static const char *command_nearest(const char *word)
{
    const char *names[COMMAND_COUNT + 2] = {"help"};
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        names[i + 1] = commands[i].name;
    }
    return problem_nearest(word, names);
}

/* argp and warnx take the name from here: messages then begin with "leat COMMAND: ". */
static int command_run(const struct command *command, int argc, char **argv)
{
    static char full_name[32];
    snprintf(full_name, sizeof full_name, "leat %s", command->name);
    argv[0] = full_name;
    program_invocation_name = full_name;
    program_invocation_short_name = full_name;
    return command->run(argc, argv);
}

static int command_unknown(const char *word)
{
    const char *nearest = command_nearest(word);
    if (nearest) {
        warnx("there is no command '%s'; did you mean '%s'?", word, nearest);
    } else {
        warnx("there is no command '%s'; `leat help` lists them", word);
    }
    return EX_USAGE;
}

/* The list of commands below the usage line, from the table above. */
static char *help_text(int key, const char *text, void *input)
{
    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC) {
        return (char *)text;
    }
    char *list = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&list, &size);
    if (!out) {
        return (char *)text;
    }
    fputs("Commands:\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\n`leat COMMAND --help` explains a command.", out);
    fclose(out);
    return list;
}

static int parse(int key, char *argument, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_ARG:
        *(int *)state->input = state->next - 1; /* the command; what follows is its own */
        state->next = state->argc;
        (void)argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .parser = parse,
    .args_doc = "COMMAND [ARGUMENT...]",
    .doc = "Shared-memory channels on this host, and the gateway that joins them to the network.\v",
    .help_filter = help_text,
};

static int help(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "help") == 0) {
        argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK, "leat");
        return EXIT_SUCCESS;
    }
    const struct command *command = command_find(argv[1]);
    if (!command) {
        return command_unknown(argv[1]);
    }
    char *arguments[] = {argv[0], "--help", NULL};
    return command_run(command, 2, arguments);
}

int main(int argc, char **argv)
{
    argp_program_version = "leat " LEAT_VERSION;
    argp_err_exit_status = EX_USAGE;

    int first = 0;
    int error = argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &first);
    if (error) {
        errx(EXIT_FAILURE, "%s", strerror(error));
    }
    if (strcmp(argv[first], "help") == 0) {
        return help(argc - first, argv + first);
    }
    const struct command *command = command_find(argv[first]);
    return command ? command_run(command, argc - first, argv + first) : command_unknown(argv[first]);
}
