/* Pipes whose connection has ended without nng noticing. Where a peer goes away while nobody receives from its pipe, nng 1.5 may
 * drop the end of the connection on the floor: a WebSocket pipe then waits for ever, keeps its descriptor, and a pair's keeps
 * everybody else out.
 *
 * So the peers on record are compared with the TCP connections that this process really has. A peer that has none is closed after
 * two looks; not while messages wait for the host to take them, for then nng looks at no connection, and there may be some of that
 * peer's among them. */
#ifndef LEAT_SP_FORGOTTEN_H
#define LEAT_SP_FORGOTTEN_H

/* Looks once a second, however often it is called; on a thread that may hang. 0, or NNG_ETIMEDOUT: nng does not even part with a
 * pipe that was closed here. */
int sp_forgotten_look(void);

#endif
