/* Where OpenSSL reads and writes: nng's buffers of the connection, through its engine interface. */
#ifndef LEAT_TLS_WIRE_H
#define LEAT_TLS_WIRE_H

#include <openssl/bio.h>
#include <stdbool.h>

struct tls_wire {
    void *connection; /* nng's */
    int error;        /* nng's code of the last operation that failed for good */
    bool heard;       /* the peer has sent something */
};

/* A BIO over `wire`, which outlives it. NULL when memory is short. */
BIO *tls_wire_bio(struct tls_wire *wire);

#endif
