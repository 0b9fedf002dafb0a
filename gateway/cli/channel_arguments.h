/* The options that describe a channel, shared by the commands that may create one: an argp child and what it fills. */
#ifndef LEAT_CLI_CHANNEL_ARGUMENTS_H
#define LEAT_CLI_CHANNEL_ARGUMENTS_H

#include <leat/channel.h>

#include <argp.h>
#include <stdbool.h>

/* What the user said; everything unsaid agrees with a channel that is there already. */
struct channel_arguments {
    struct leat_channel_options options;
    bool policy_given, producers_given, capacity_given;
};

/* To be initialised with LEAT_CHANNEL_OPTIONS_INIT and handed to the child as its input. */
extern const struct argp channel_argp;

/* The options with which to open channel `name`: properties that nobody asked for are taken from the channel that is there. */
struct leat_channel_options channel_arguments_for(const struct channel_arguments *arguments, const char *name);

/* For other parsers: argp_error with the option's name when `failed`. */
void argument_check(int failed, struct argp_state *state, const char *option, const char *value, const char *expected);

#endif
