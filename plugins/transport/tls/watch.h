/* Connections that nng has forgotten. A TCP connection may end while nobody is receiving from the TLS one above it: between two
 * messages, or while a receiver is slow. nng (to 1.12) then closes the lower half, and a receive that comes later waits for ever:
 * the peer is never given up, and its descriptor stays open. So a thread looks at all connections once a second. It also ends
 * handshakes that take too long, which nng itself does for tls+tcp only. */
#ifndef LEAT_TLS_WATCH_H
#define LEAT_TLS_WATCH_H

#include <stdbool.h>

struct tls_watched {
    struct tls_watched *next, *previous;
    /* Whether it must end; called once a second, without nng's lock. From then on the engine fails whatever it is asked. */
    bool (*is_over)(struct tls_watched *self);
    void *connection; /* nng's, which is made to ask then */
};

/* No lock of nng's may be held. `watched` stays until it is removed; removing waits for a look that is under way, and one that was
 * never added is harmless. */
void tls_watch_add(struct tls_watched *watched);
void tls_watch_remove(struct tls_watched *watched);

/* Runs a thread for as long as the process lives; none of the process's signals are its. Where it cannot, nothing is watched. */
void tls_watch_thread(void *(*run)(void *));

#endif
