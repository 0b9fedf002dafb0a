/* The commands of `leat`. Each parses its own arguments with argp, says what failed in one sentence on stderr (warnx: the
 * program's name is then "leat COMMAND"), and returns the exit status: 0, EXIT_FAILURE, or EX_USAGE through argp. */
#ifndef LEAT_CLI_COMMAND_H
#define LEAT_CLI_COMMAND_H

int command_pub(int argc, char **argv);
int command_sub(int argc, char **argv);
int command_channels(int argc, char **argv);
int command_check(int argc, char **argv);
int command_config(int argc, char **argv);
int command_top(int argc, char **argv);
int command_ledger(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_reload(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_plugins(int argc, char **argv);
int command_plugin(int argc, char **argv);

#endif
