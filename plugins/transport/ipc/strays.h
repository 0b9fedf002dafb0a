/* Connections that a deaf listener has let in and never handed on: their peers believe to be connected. */
#ifndef LEAT_IPC_STRAYS_H
#define LEAT_IPC_STRAYS_H

#include "ipc/path.h"

/* Hangs up on every accepted connection of this process to the socket at `path` whose peer process has no live pipe, so that
 * it dials again. Returns how many. A process that has both is left alone. */
int ipc_strays_hang_up(const char *path);

/* Takes an abstract name from a listening socket of this process that nng has closed and not parted with: the name is free when the
 * last descriptor is, so another socket takes its number. Returns how many there were. */
int ipc_strays_take_name(const struct ipc_path *path);

#endif
