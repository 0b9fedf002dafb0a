/* Which web pages may connect to a WebSocket listener. A browser lets any page of any site open a WebSocket to any address
 * that its user can reach, this host's loopback too, and says in the Origin header which page it is.
 *
 * Pipes are seen by whoever opened the socket, which may be another plugin than the one that added the listener. So the rule
 * travels with the listener itself: in the fragment of its URL, which nng keeps and makes no use of. */
#ifndef LEAT_SP_ORIGIN_H
#define LEAT_SP_ORIGIN_H

#include <nng/nng.h>
#include <stdbool.h>

/* The URL to listen at so that only these origins are admitted; to be freed. NULL: no memory. */
char *sp_origin_url(const char *url, const char *const *origins);

/* Whether an item is an origin as browsers send it: SCHEME://HOST, SCHEME://HOST:PORT or null. */
bool sp_origin_is_valid(const char *origin);

/* Whether a pipe may become a peer; asked when nng announces it. One without an Origin header is no browser's, and may. */
bool sp_origin_admits(nng_pipe pipe);

#endif
