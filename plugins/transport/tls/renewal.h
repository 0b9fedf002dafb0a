/* Certificates that change while the bridge runs. Once a second a thread looks at the files of each context; when one has changed, and
 * then stood still for a look (a certificate and its key are seldom replaced in one instant), they are read anew, and handshakes from
 * then on use what they say. What cannot be used is said once, and everything stays as it is. */
#ifndef LEAT_TLS_RENEWAL_H
#define LEAT_TLS_RENEWAL_H

#include "tls/context.h"

struct tls_renewal;

/* Watches the files that the terms name and tells the host when the certificate expires. `context` outlives it, `host` too; the terms are
 * copied. NULL when memory is short, or when there is no file to watch. */
struct tls_renewal *tls_renewal_start(struct tls_context *context, const struct tls_terms *terms,
                                      const struct leat_host *host);

/* Waits for a look that is under way. NULL is harmless. */
void tls_renewal_stop(struct tls_renewal *renewal);

#endif
