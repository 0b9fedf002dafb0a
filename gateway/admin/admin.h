/* The admin side: what a gateway says of itself over HTTP, to a person with a browser, to Prometheus and to scripts.
 *
 *     the page in shared memory -> look (a private copy) -> history -> server: /metrics /health /ready /api/v1 and a status page
 *
 * It runs in the supervisor, in two threads of its own that share nothing with the supervisor's loop but admin_beat(): whatever a
 * client does costs the bridges nothing. It changes nothing in the gateway. sdk/doc/admin-api.md describes what it answers. */
#ifndef LEAT_ADMIN_ADMIN_H
#define LEAT_ADMIN_ADMIN_H

#include "config/config.h"

struct admin;

/* Starts it as the configuration says, once the gateway's page stands. Also where there is no `admin` key, as a reload may bring one:
 * then *admin only waits. An address that cannot be had is logged and tried again every few seconds, because a gateway that cannot be
 * watched still carries messages. 0, or -errno when there is no memory or no thread; *admin is NULL then. */
int admin_start(struct admin **admin, const struct config_gateway *gateway);

/* Another configuration: a new address is taken before the old one is given up, a new token holds for the next request, and the history
 * stays. 0, or -errno when the new address cannot be had; everything is as before then. Not to be called by two threads at once. */
int admin_reload(struct admin *admin, const struct config_gateway *gateway);

/* The supervisor's loop is alive: /health says so, until it has been silent for 10 s. Any thread, no lock. */
void admin_beat(struct admin *admin);

/* Ends it, within the time of one answer. NULL is accepted, by admin_beat() and admin_reload() too. */
void admin_stop(struct admin *admin);

#endif
