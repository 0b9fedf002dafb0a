/* leatd's supervisor: starts a worker for each bridge (or group of bridges), watches them by pidfd and heartbeat, restarts a
 * dead or stuck one with backoff, applies a changed configuration to the bridges that it touches, and stops all of them within the drain
 * deadline. It runs no plugin code. */
#ifndef LEAT_SUPERVISOR_SUPERVISOR_H
#define LEAT_SUPERVISOR_SUPERVISOR_H

#include "config/config.h"

/* Where a configuration comes from, to read it again. */
struct supervisor_origin {
    const char *file; /* NULL: from nowhere, and it cannot be read again */
    int log_level;    /* instead of what the file says; -1: as it says */
};

/* The configuration as the file says now. As config_read(). */
struct config *supervisor_read(const struct supervisor_origin *origin, struct problems *problems);

/* Waits for the workers that a killed gateway of that name left behind, which are about to end, and ends those that do not: they
 * have the ports that this configuration wants. Before supervisor_check when supervisor_run is to follow; may block for half a second. */
void supervisor_clear_the_way(const struct config *config);

/* Runs until SIGTERM or SIGINT and everything has stopped; SIGHUP, or an order on its control socket, makes it read its configuration
 * again. Takes the configuration. The exit status of leatd: 0; 75 when something was left in flight; 69 when a gateway of that name runs
 * already; 71 when it cannot start at all (no room for its page, ...). */
int supervisor_run(struct config *config, const struct supervisor_origin *origin);

/* Runs the checker on the configuration in a process of its own and collects its problems; a plugin that crashes it becomes a
 * problem that names the plugin. Marks the keys whose values are secret. It touches no gateway, living or dead. 0 or -EINVAL. */
int supervisor_check(struct config *config, struct problems *problems);

#endif
