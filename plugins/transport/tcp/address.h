/* A tcp URL taken apart: SCHEME://HOST:PORT, where HOST is a name, an IPv4 address, an IPv6 address in brackets, or, when
 * listening, nothing or `*` for every address of this host. */
#ifndef LEAT_TCP_ADDRESS_H
#define LEAT_TCP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tcp_address {
    int family;     /* AF_UNSPEC, AF_INET, AF_INET6: what the scheme allows */
    char host[256]; /* without brackets; empty: every address */
    uint16_t port;
};

/* 0, or -EINVAL with a sentence in `why`. */
int tcp_address_parse(struct tcp_address *address, const char *url, bool listen, char *why, size_t why_size);

/* Whether something could listen there now, by binding and letting go. 0, or a negative errno with a sentence in `why`. May
 * block for the resolution of a name. */
int tcp_address_try(const struct tcp_address *address, char *why, size_t why_size);

#endif
