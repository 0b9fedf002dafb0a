/* nng's protocols by role. */
#ifndef LEAT_SP_ROLE_H
#define LEAT_SP_ROLE_H

#include "common/sp_pace.h"

#include <leat/plugin/transport.h>

#include <nng/nng.h>
#include <stdbool.h>

struct sp_role {
    int (*open)(nng_socket *socket);
    bool
        raw; /* the only way this role is played: cooked, these answer one at a time, and nng 1.5 may crash (#1702, #1959) */
    bool sends, receives;
    bool send_queue, receive_queue; /* SENDBUF, RECVBUF are a queue for each peer here, and matter */
    bool sends_at_once;             /* a send never waits: it is over when the call returns */
    bool sends_early;               /* a send is finished before it is written: sp_proof.h                      */
    struct sp_pace_kind pace;       /* a send that nng would drop waits: sp_pace.h */
    bool no_cancel;                 /* receives end only with the socket: nng 1.5 may crash on cancelling one (#1523) */
};

/* `flags`: LEAT_SOCKET_... NULL: nng has no such protocol. */
const struct sp_role *sp_role(uint32_t role, uint32_t flags);

#endif
