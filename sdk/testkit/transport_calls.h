/* A transport plugin's functions, and a socket as a lane would use it: slots in flight, each of which must get exactly one completion.
 * What they mean stands in leat/plugin/transport.h. */
#ifndef SDK_TESTKIT_TRANSPORT_CALLS_H
#define SDK_TESTKIT_TRANSPORT_CALLS_H

#include <leat/plugin/transport.h>
#include <pthread.h>
#include <stdbool.h>

#define SOCKET_DEPTH 32
#define SOCKET_LIMIT (UINT64_C(4) << 20) /* receive_limit */

struct socket_slot {
    struct leat_packet packet;
    bool busy;
    int32_t status;
};

/* One socket and what became of everything that was submitted. Does not move while it is open. */
struct socket {
    void *socket;
    uint32_t role;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool closed; /* close() has returned: nothing may complete any more */
    struct socket_slot sends[SOCKET_DEPTH], receives[SOCKET_DEPTH];
    uint64_t next_send, next_receive;  /* submitted so far; the next to be taken */
    uint64_t sent, failed;             /* completions of sends */
    uint64_t received, receive_failed; /* completions of receives */
    uint32_t connected;
};

/* Opens a socket of that role; posts receives where it has such. 0 or what open() returned; -ENOTSUP: it has no such role. */
int32_t socket_open(struct socket *self, uint32_t role);
/* Closes it and fails the test unless everything that was submitted has completed, once. */
void socket_close(struct socket *self);

/* The same for a socket with traffic. The interface allows an engine to hang there, so a close that does not return in time ends the
 * test, well where everything that was submitted has completed. */
void socket_close_busy(struct socket *self);

/* attach() with these options. */
int32_t socket_attach(struct socket *self, const char *url, bool listen, const void *values, char *explain,
                      uint64_t explain_size);

bool socket_await_peers(struct socket *self, bool some, int64_t timeout_ns);

/* Submits a send of that message, with a protocol header where the role is raw. False when no slot came free in time. */
bool socket_send(struct socket *self, uint64_t number, uint64_t len, int64_t timeout_ns);
/* Until all sends have completed. */
bool socket_await_sends(struct socket *self, int64_t timeout_ns);

/* The next packet in slot order: its length, copied to `data` as far as it fits; or -ETIMEDOUT. The slot is posted again. */
int64_t socket_receive(struct socket *self, struct leat_packet *header, void *data, uint64_t size, int64_t timeout_ns);

/* Fails unless `data` are the `len` bytes of that message. */
void socket_judge(const void *data, uint64_t got, uint64_t number, uint64_t len);

bool role_sends(uint32_t role);
bool role_receives(uint32_t role);
const char *role_name(uint32_t role);

#endif
