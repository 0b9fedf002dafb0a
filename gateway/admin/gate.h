/* Who may ask. */
#ifndef LEAT_ADMIN_GATE_H
#define LEAT_ADMIN_GATE_H

#include <stdbool.h>

/* Whether both texts are the same, in a time that tells nothing about `secret` but its length. */
bool gate_same_secret(const char *given, const char *secret);

/* The token in an Authorization header's value, or NULL. */
const char *gate_bearer(const char *authorization);

/* Whether a Host header names this host by a number or as localhost, or is missing: such a name no web page can have made up to reach
 * a loopback address from within somebody's browser (DNS rebinding). */
bool gate_is_plain_host(const char *host);

#endif
