/* The roll of connections whose peer has shown a certificate that was verified: by the peer's address, as nng tells it of a pipe, the name in
 * it. Whoever looks at a socket's peers knows pipes, and no certificates: nng before 1.9 does not pass these on. */
#ifndef LEAT_TLS_ROLL_H
#define LEAT_TLS_ROLL_H

#include <stdbool.h>
#include <stddef.h>

#define TLS_ROLL_ADDRESS_BYTES 64
#define TLS_ROLL_NAME_BYTES 64

/* One connection; zeroed is on no roll. It stays put while it is on one. */
struct tls_rolled {
    struct tls_rolled *next, *previous;
    char address[TLS_ROLL_ADDRESS_BYTES]; /* with its port: "10.1.2.3:5000" */
    char name[TLS_ROLL_NAME_BYTES];
    bool listed;
};

/* Any thread. Removing one that was never added is harmless. */
void tls_roll_add(struct tls_rolled *rolled);
void tls_roll_remove(struct tls_rolled *rolled);

/* The name of the peer at that address; false: it has none. Any thread. */
bool tls_roll_find(const char *address, char *name, size_t size);

#endif
