/* leatd's supervisor: starts a worker for each bridge (or group of bridges), watches them by pidfd and heartbeat, restarts a
 * dead or stuck one with backoff, and stops all of them within the drain deadline. It runs no plugin code. */
#ifndef LEAT_SUPERVISOR_SUPERVISOR_H
#define LEAT_SUPERVISOR_SUPERVISOR_H

#include "config/config.h"

/* Waits for the workers that a killed gateway of that name left behind, which are about to end, and ends those that do not: they
 * have the ports that this configuration wants. Before supervisor_check when supervisor_run is to follow; may block for half a second. */
void supervisor_clear_the_way(const struct config *config);

/* Runs until SIGTERM or SIGINT and everything has stopped. The exit status of leatd: 0; 75 when something was left in flight;
 * 69 when a gateway of that name runs already; 71 when it cannot start at all (no room for its page, ...). */
int supervisor_run(const struct config *config);

/* Runs the checker on the configuration in a process of its own and collects its problems; a plugin that crashes it becomes a
 * problem that names the plugin. It touches no gateway, living or dead. 0 or -EINVAL. */
int supervisor_check(const struct config *config, struct problems *problems);

#endif
