/* Failed handshakes in the log: each peer and reason once, and not with every try. What comes again is counted, and said once
 * more after an hour, or when it comes back after a success and a while; a flood of different peers is summed up. */
#ifndef LEAT_TLS_FAILURES_H
#define LEAT_TLS_FAILURES_H

#include <leat/plugin/host.h>

#include <stdbool.h>

struct tls_failures;

/* Of one endpoint. `host` outlives it. NULL when memory is short, which the calls below accept. */
struct tls_failures *tls_failures_new(const struct leat_host *host, bool listen);
void tls_failures_free(struct tls_failures *failures);

/* `peer`: its address without the port; `name`: of its certificate, or "". Any thread. */
void tls_failures_note(struct tls_failures *failures, const char *peer, const char *reason, const char *name);

/* It went well with this peer: what fails next, after a minute in which nothing did, is news. Not at once, for behind one address
 * there may be a good peer and a bad one. */
void tls_failures_forgive(struct tls_failures *failures, const char *peer);

#endif
