/* Watches ipc listeners of nng 1.5, which go deaf: when a peer hangs up in the middle of its greeting, nng may stop accepting
 * for good, while the kernel and nng's lower half still let peers connect (nng #1518, fixed in 1.6).
 *
 *     nng counts an error at the listener -> knock -> nothing accepted -> a new listener takes the path over
 */
#ifndef LEAT_IPC_WATCH_H
#define LEAT_IPC_WATCH_H

#include "common/sp_attach.h"

/* Watches one listener, which was started as `attach` says, until its socket is closed; what `attach` points to is copied,
 * except the options and the host, which live as long as the socket. 0 or a negative errno. */
int32_t ipc_watch(const struct sp_attach *attach, nng_listener listener, const struct leat_host *host);

#endif
