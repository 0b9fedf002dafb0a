/* The URL of a transport over TCP taken apart: SCHEME://HOST:PORT, and for WebSocket a path behind it. HOST is a name, an IPv4
 * address, an IPv6 address in brackets, or, when listening, nothing or `*` for every address of this host. The scheme may end
 * in 4 or 6 for that family. A dialling ws or wss URL may leave its port out. */
#ifndef LEAT_INET_H
#define LEAT_INET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inet_address {
    int family;     /* AF_UNSPEC, AF_INET, AF_INET6: what the scheme allows */
    char host[256]; /* without brackets; empty: every address */
    uint16_t port;
    const char
        *path; /* what follows the port, in the URL itself; "" when nothing does. Only schemes of HTTP may have one. */
};

/* 0, or -EINVAL with a sentence in `why`. */
int inet_address_parse(struct inet_address *address, const char *url, bool listen, char *why, size_t why_size);

/* Whether something could listen there now, by binding and letting go. 0, or a negative errno with a sentence in `why`. May
 * block for the resolution of a name. */
int inet_address_try(const struct inet_address *address, char *why, size_t why_size);

/* Whether only this host can reach what listens there. False too when the name has no address. May block as above. */
bool inet_address_is_loopback(const struct inet_address *address);

#endif
