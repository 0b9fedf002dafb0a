/* What all connections of one endpoint share. The plugin makes it and nng's configuration object holds it: nng asks the engine
 * to make such an object, and what this thread has lent it at that moment goes in. */
#ifndef LEAT_TLS_CONTEXT_H
#define LEAT_TLS_CONTEXT_H

#include "tls/failures.h"
#include "tls/terms.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#define TLS_PEER_NAME_BYTES 128

struct tls_context {
    atomic_uint references;
    SSL_CTX *ctx;         /* of connections that begin now; replaced when the files change */
    pthread_mutex_t lock; /* of ctx */
    struct tls_renewal *renewal;
    const struct leat_host *host; /* that says whose names may come in; NULL: nobody asks */
    bool listen;
    char **allow; /* NULL-terminated, or NULL: everybody */
    char *sni;    /* or NULL */
    struct tls_failures *failures;
};

/* Reads the files that the terms name. NULL after a complaint. One reference is the caller's. */
struct tls_context *tls_context_new(const struct tls_terms *terms, const struct leat_host *host,
                                    struct tls_complaints *complaints);

/* One that trusts nobody and shows nothing, for configurations that nng makes for itself. NULL when memory is short. */
struct tls_context *tls_context_new_bare(bool listen);

struct tls_context *tls_context_hold(struct tls_context *context);
void tls_context_release(struct tls_context *context); /* NULL is harmless */

/* A connection with what holds at this moment; NULL when memory is short. */
SSL *tls_context_connect(struct tls_context *context);

/* For connections from now on. Takes over `ctx`. */
void tls_context_replace(struct tls_context *context, SSL_CTX *ctx, enum tls_verify verify);

/* When its own certificate, or the first that leads to its authority, expires: CLOCK_REALTIME; 0: it has none. */
int64_t tls_context_expires_ns(struct tls_context *context);

/* Asks for the peer's certificate and enforces `allow` in the very handshake, so that a peer which is not let in is told so. The
 * name of one that is refused goes where the SSL's app data points: TLS_PEER_NAME_BYTES, or NULL. */
void tls_context_verify(struct tls_context *context, enum tls_verify verify);

#endif
