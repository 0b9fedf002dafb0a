/* The one wrapper of nng's sockets: what leat_transport_ops asks of an engine, for every transport of the family "sp/1".
 *
 *     lane -> alloc, send / receive -> nng aio -> completion -> lane
 *
 * `native` is the nng socket's id, so that a transport of another shared object can attach endpoints to it: this library is
 * linked into each of them, and nng is one in the process. The functions are those of the ops table; see there. */
#ifndef LEAT_SP_SOCKET_H
#define LEAT_SP_SOCKET_H

#include "common/sp_probe.h"

#include <leat/plugin/transport.h>

#define SP_FAMILY "sp/1"

int32_t sp_open(void **socket, const struct leat_host *host, const struct leat_socket_request *request);
uint64_t sp_native(void *socket);
int32_t sp_alloc(void *socket, struct leat_packet *packet, uint64_t len);
void sp_drop(void *socket, struct leat_packet *packet);
int32_t sp_send(void *socket, uint32_t slot, struct leat_packet *packet);
int32_t sp_receive(void *socket, uint32_t slot, struct leat_packet *packet);
int32_t sp_list_peers(void *socket, struct leat_peer *peers, uint32_t max);
int32_t sp_list_books(void *socket, struct leat_peer_books *books, uint32_t max);
void sp_close(void *socket);

/* The members of an ops table that all transports of the family share. */
#define SP_OPS                                                                                                       \
    .size = sizeof(struct leat_transport_ops), .asks = 1, .family = SP_FAMILY, .open = sp_open, .native = sp_native, \
    .alloc = sp_alloc, .drop = sp_drop, .send = sp_send, .receive = sp_receive, .list_peers = sp_list_peers,         \
    .close = sp_close, .probe = sp_probe, .books = sp_list_books

#endif
