/* HTTP for the admin side, by libmicrohttpd in one thread of its own: who may ask, and how much, for how long. What is answered is
 * answer.h's. */
#ifndef LEAT_ADMIN_SERVER_H
#define LEAT_ADMIN_SERVER_H

#include "admin/view.h"

struct server;

/* Listens at `url` (http://ADDRESS:PORT). With a `token` other than "" only who shows it is answered; without one only who calls this
 * host by a number or localhost, so that no web page can make a browser ask under a name of its own. 0, or -errno. */
int server_start(struct server **server, struct view *view, const char *url, const char *token);

/* For every request from now on. Any thread. */
void server_set_token(struct server *server, const char *token);

/* Ends connections that have not finished a request for too long, as idle ones are, and those who send or take a byte now and then. To
 * be called about every second; any thread. */
void server_sweep(struct server *server);

/* Within the time of one answer. NULL is accepted. */
void server_stop(struct server *server);

#endif
