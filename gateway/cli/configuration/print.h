/* A configuration printed with what its plugins know of their options. Plugins are a stranger's code: they are loaded in a process of
 * their own, and one that ends it is named. */
#ifndef LEAT_CLI_CONFIGURATION_PRINT_H
#define LEAT_CLI_CONFIGURATION_PRINT_H

#include "config/effective.h"

#include <stdbool.h>

/* Prints it to stdout. What is wrong with it goes to stderr, and nothing is printed then: false. `trusted`: it is one that a gateway
 * runs; where its plugins cannot be found here it is printed all the same, as far as it can be understood without them. */
bool config_print(struct config *config, struct effective_how how, bool json, bool trusted);

#endif
