/* The engine's part of one connection: what nng_tls_engine_conn_ops calls. nng holds the connection's lock around each of these
 * but init and fini, so none of them runs twice at once. */
#ifndef LEAT_TLS_CONNECTION_H
#define LEAT_TLS_CONNECTION_H

#include "tls/context.h"
#include "tls/roll.h"
#include "tls/watch.h"
#include "tls/wire.h"

#include <stddef.h>
#include <stdint.h>

#define TLS_PEER_BYTES 64

struct tls_connection {
    SSL *ssl; /* NULL: never came so far */
    struct tls_context *context;
    struct tls_wire wire;
    int64_t since_ns;     /* CLOCK_MONOTONIC */
    bool broken, trusted; /* trusted: something came from it, so it has accepted this end too */
    /* The watch reads these without nng's lock. */
    atomic_bool established;
    atomic_bool waiting; /* for bytes that have not come */
    atomic_int doomed;   /* 0, or nng's code: what everything ends with now */
    bool fallen;         /* the watch's own: it did not stand at the last look */
    struct tls_watched watched;
    struct tls_rolled rolled;
    char peer[TLS_PEER_BYTES];         /* its address, without the port */
    char refused[TLS_PEER_NAME_BYTES]; /* the name in a certificate that was refused */
};

/* 0 or nng's code. `self` is zeroed; `connection` is nng's, connected already. */
int tls_connection_init(struct tls_connection *self, void *connection, struct tls_context *context);
void tls_connection_fini(struct tls_connection *self); /* also of one that was only zeroed */

int tls_connection_handshake(struct tls_connection *self);
int tls_connection_receive(struct tls_connection *self, uint8_t *data, size_t *len);
int tls_connection_send(struct tls_connection *self, const uint8_t *data, size_t *len);
void tls_connection_close(struct tls_connection *self);

/* Whether the peer has shown a certificate and it was found valid. */
bool tls_connection_is_verified(const struct tls_connection *self);

#endif
