/* Names the plugin whose code crashes the checker, at the place in the configuration that brought it in. Only the checker
 * installs it: a worker that crashes is its supervisor's business. One thread. */
#ifndef LEAT_PLUGIN_GUARD_H
#define LEAT_PLUGIN_GUARD_H

#include "config/config.h"

/* From now on a crash inside guard_enter..guard_leave writes a line `problem FILE LINE TEXT` (worker.h) to `fd` and ends the
 * process with `status`. A crash elsewhere ends it as ever. */
void guard_install(int fd, int status);

/* What is served from now on: one of the URLs or names in a bridge's `key`. Copied. */
void guard_place(const struct config *config, const struct config_bridge *bridge, const char *key, const char *value);

/* Around every call into a plugin: plugin NAME.so "crashed while it was DOING". */
void guard_enter(const char *name, const char *doing);
void guard_leave(void);

#endif
