/* Names the plugin whose code ended the checker, at the place in the configuration that brought it in: the work runs in a child
 * process that notes, in memory shared with its parent, whose code it is about to call. One thread. In a worker, which does not
 * use guard_run, the notes are made and nobody reads them: a worker that ends is its supervisor's business. */
#ifndef LEAT_PLUGIN_GUARD_H
#define LEAT_PLUGIN_GUARD_H

#include "config/config.h"

/* Runs `work` in a child process and returns its result, 0..255. When the child ends before `work` returns, writes a line `problem
 * FILE LINE TEXT` (worker.h) to `fd` and returns -1. The child dies with this process. Call it before any plugin is loaded. */
int guard_run(int (*work)(void *user), void *user, int fd);

/* What is served from now on: one of the URLs or names in a bridge's `key`. Copied. */
void guard_place(const struct config *config, const struct config_bridge *bridge, const char *key, const char *value);

/* Around every call into a plugin: NAME.so ended the process "while it was DOING". */
void guard_enter(const char *name, const char *doing);
void guard_leave(void);

#endif
