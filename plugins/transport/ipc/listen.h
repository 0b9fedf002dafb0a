/* Listening at a local address, with the file's owner, group and mode as the options say. */
#ifndef LEAT_IPC_LISTEN_H
#define LEAT_IPC_LISTEN_H

#include "common/sp_attach.h"

struct ipc_options {
    uint32_t mode;
    const char *owner, *group; /* names or numbers; NULL: the gateway's */
    struct sp_reconnect reconnect;
};

/* Blames "owner" and "group" where there is no such user or group, or the gateway may not give a file to them. 0 or -EINVAL. */
int32_t ipc_listen_check(const struct leat_host *host, const struct ipc_options *options);

/* As sp_listen. Nobody who would not be let in at the end is let in on the way there. */
int32_t ipc_listen(const struct sp_attach *attach, nng_listener *listener);

#endif
