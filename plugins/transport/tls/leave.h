/* Whether the names in a peer's certificate may come in, which the host says (leat_host.admit). */
#ifndef LEAT_TLS_LEAVE_H
#define LEAT_TLS_LEAVE_H

#include <leat/plugin/host.h>

#include <openssl/x509.h>
#include <stdbool.h>

/* `certificate` was verified; NULL: the peer has shown none that was, and so has no name. `host` may be NULL: everybody may. */
bool tls_leave_given(const struct leat_host *host, X509 *certificate, const char *address);

#endif
