/* Where the admin side listens, as `admin =` writes it: http://ADDRESS:PORT, the address in numbers, or localhost. No name is looked
 * up: that may take longer than a gateway may wait. */
#ifndef LEAT_CONFIG_ADMIN_ADDRESS_H
#define LEAT_CONFIG_ADMIN_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

struct admin_address {
    struct sockaddr_storage socket;
    socklen_t socket_bytes;
    bool loopback; /* this host alone can reach it */
};

/* Returns NULL, or a sentence that says what is wrong, to be freed. */
char *admin_address_parse(const char *url, struct admin_address *address);

/* A socket that listens there, O_CLOEXEC and O_NONBLOCK, or -errno. */
int admin_address_listen(const struct admin_address *address);

#endif
