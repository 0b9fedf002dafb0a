/* Loading a plugin runs a stranger's code. Each is loaded in a process of its own, which hands back what is to be printed: one that
 * crashes, ends its process or takes too long is named, and the others are served all the same. */
#ifndef LEAT_CLI_ISOLATED_H
#define LEAT_CLI_ISOLATED_H

#include <stdbool.h>
#include <stdio.h>

/* Runs `work`, which loads plugin NAME.so, in a child process; what it writes to stdout goes to `output`, which is rewound. `work` returns
 * false after it has said on stderr why not. The result is work's; false also when the child ended before it returned, or
 * took longer than `limit_s`: that is said here, as "plugin NAME.so crashed while it DOING". */
bool isolated_run(const char *name, const char *doing, unsigned limit_s, FILE *output, bool (*work)(void *user),
                  void *user);

#endif
