/* A local address taken apart: ipc://PATH, unix://PATH or abstract://NAME, and what is at it. */
#ifndef LEAT_IPC_PATH_H
#define LEAT_IPC_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct ipc_path {
    struct sockaddr_un address;
    socklen_t address_len;
    bool abstract;
};

/* 0, or -EINVAL with a sentence in `why`. */
int ipc_path_parse(struct ipc_path *path, const char *url, char *why, size_t why_size);

/* Whether something could listen there now; changes nothing. 0, or a negative errno with a sentence in `why`. */
int ipc_path_try(const struct ipc_path *path, char *why, size_t why_size);

/* Knocks: connects, goes through SP's greeting to its end as a peer that no protocol accepts, and hangs up. (Hanging up any
 * earlier makes a listener of nng 1.5 deaf.) 0: an SP listener answered; -EPROTO, -ETIMEDOUT: something else listens there;
 * -ECONNREFUSED: nobody does; or what connect() says. May block up to the timeout. */
int ipc_path_knock(const struct ipc_path *path, int timeout_ms);

#endif
