/* An SSL_CTX with everything that an endpoint's terms name: certificate, key, authorities, versions. */
#ifndef LEAT_TLS_CREDENTIALS_H
#define LEAT_TLS_CREDENTIALS_H

#include "tls/terms.h"

#include <openssl/ssl.h>

/* What every connection of ours does: TLS 1.2 at least, no compression, no renegotiation, no resumption (each handshake proves
 * anew who the peer is), partial writes. NULL when memory is short. */
SSL_CTX *tls_credentials_new(bool listen);

/* The same with the terms. NULL after a complaint. Warns of what runs out soon. */
SSL_CTX *tls_credentials_load(const struct tls_terms *terms, struct tls_complaints *complaints);

/* Parts of it, for configurations that come as PEM text. False after a complaint. */
bool tls_credentials_use(SSL_CTX *ctx, const char *certificates, const char *key, const char *password,
                         struct tls_complaints *complaints);
bool tls_credentials_trust(SSL_CTX *ctx, const char *authorities, struct tls_complaints *complaints);

#endif
