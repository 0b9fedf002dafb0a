/* Which gateway of a folder a command is about, and what it means when its page cannot be read. */
#ifndef LEAT_CLI_GATEWAY_CHOICE_H
#define LEAT_CLI_GATEWAY_CHOICE_H

#include "base/page.h"

#include <argp.h>

/* Takes an argument of a command as the gateway's name; a second one is an error of usage. */
void gateway_take(const char **name, const char *text, struct argp_state *state);

/* *name, or where that is NULL the only gateway of the folder, or the only one there that runs: then *name points to `only`. 0, or an exit
 * status after a message. */
int gateway_choose(const char *directory, const char **name, char only[PAGE_NAME_BYTES]);

/* Says why page_copy() failed; returns the exit status. */
int gateway_explain(const char *name, int error);

#endif
