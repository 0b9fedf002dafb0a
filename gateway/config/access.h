/* Who may become a peer of a bridge: the rules in its `allow` and `deny`, and `max_peers`.
 *
 *     192.168.1.5   10.0.0.0/8   2001:db8::/32     an address, a network; of a network peer
 *     user:alice   uid:1000                        of a peer on this host (ipc, abstract)
 *     name:desk.example   name:*.example           in the peer's certificate; with * any name that ends so
 *
 * One rule of `deny` that fits refuses. Where `allow` has rules, a network peer's address must fit one of those for addresses, a local
 * peer's user one of those for users, and where there are some for names, a name in the certificate one of those too. */
#ifndef LEAT_CONFIG_ACCESS_H
#define LEAT_CONFIG_ACCESS_H

#include "config/config.h"

#include <leat/plugin/host.h>

/* What is wrong with a rule, a sentence to be freed, or NULL. */
char *access_rule_problem(const char *text);

struct access;

/* The rules of a bridge whose configuration has no problems. A user that is gone fits nobody. */
struct access *access_new(const struct config_bridge *bridge);
void access_free(struct access *access); /* accepts NULL */

/* Whether the visitor may come in, as far as what it is known by goes; else `why` gets "deny = 10.0.0.0/8", "no rule of 'allow' fits". Any
 * thread. */
bool access_admits(const struct access *access, const struct leat_visitor *visitor, char *why, size_t why_size);

#endif
