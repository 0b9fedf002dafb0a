/* Asking a running gateway over its control socket: one line of JSON there, lines of JSON back. */
#ifndef LEAT_CLI_CONFIGURATION_ORDER_H
#define LEAT_CLI_CONFIGURATION_ORDER_H

#include <cjson/cJSON.h>

/* Sends {"do": `what`} to the gateway, with a "config" unless `file` is NULL, calls `on_event` (may be NULL) for each line on the way, and returns the last one, to be freed with
 * cJSON_Delete. NULL after saying on stderr what is wrong: no such gateway, it is dead, it takes no orders, or not from this user; *status
 * is then the exit status for it. Blocks until the gateway is done. */
cJSON *order_send(const char *gateway, const char *what, const char *file, void (*on_event)(const cJSON *line),
                  int *status);

#endif
