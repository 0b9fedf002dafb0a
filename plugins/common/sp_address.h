/* A peer's address as people write it. */
#ifndef LEAT_SP_ADDRESS_H
#define LEAT_SP_ADDRESS_H

#include <nng/nng.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a pipe leads to whose connection had ended before anybody asked; a pipe's number follows. */
#define SP_ADDRESS_GONE "pipe "

/* Writes where a pipe leads to: "192.0.2.7:5555", "/run/x.sock (pid 4711)", "inproc://name". Returns 1 when nng counts the
 * traffic of this pipe, 0 for transports where it does not. Only while the pipe lives. */
uint32_t sp_address_of_pipe(nng_pipe pipe, char *text, size_t size);

/* An IPv4 or IPv6 address as that text. */
void sp_address_write(const nng_sockaddr *address, char *text, size_t size);

/* The same text for the other end of a connected TCP socket. False: it is none, or its connection has ended. */
bool sp_address_of_fd(int fd, char *text, size_t size);

#endif
