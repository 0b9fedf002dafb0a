#include "config/admin_address.h"

#include "config/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHAPE "expected http://ADDRESS:PORT, such as http://127.0.0.1:9464"
#define BACKLOG 64

/* ---- parsing ----------------------------------------------------------------------------------------------------- */

static bool is_loopback6(const struct in6_addr *address)
{
    return IN6_IS_ADDR_LOOPBACK(address) || (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

static bool take_v4(const char *host, in_port_t port, struct admin_address *address)
{
    struct sockaddr_in *socket = (struct sockaddr_in *)&address->socket;
    if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &socket->sin_addr) != 1)
        return false;
    socket->sin_family = AF_INET;
    socket->sin_port = htons(port);
    address->socket_bytes = sizeof(*socket);
    address->loopback = ntohl(socket->sin_addr.s_addr) >> 24 == 127;
    return true;
}

/* "[::1]" */
static bool take_v6(const char *host, in_port_t port, struct admin_address *address)
{
    struct sockaddr_in6 *socket = (struct sockaddr_in6 *)&address->socket;
    const size_t len = strlen(host);
    if (len < 2 || host[0] != '[' || host[len - 1] != ']')
        return false;
    char *inside = memory_copy_part(host + 1, len - 2);
    const bool valid = inet_pton(AF_INET6, inside, &socket->sin6_addr) == 1;
    free(inside);
    socket->sin6_family = AF_INET6;
    socket->sin6_port = htons(port);
    address->socket_bytes = sizeof(*socket);
    address->loopback = is_loopback6(&socket->sin6_addr);
    return valid;
}

char *admin_address_parse(const char *url, struct admin_address *address)
{
    *address = (struct admin_address){0};
    if (strncmp(url, "https://", 8) == 0)
        return memory_copy("the admin side speaks plain HTTP; put a TLS proxy before a loopback address");
    const char *authority = strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;
    const char *colon = authority != NULL ? strrchr(authority, ':') : NULL;
    const size_t digits = colon != NULL ? strspn(colon + 1, "0123456789") : 0;
    if (digits == 0 || (strcmp(colon + 1 + digits, "") != 0 && strcmp(colon + 1 + digits, "/") != 0))
        return memory_copy(SHAPE);
    const unsigned long port = digits <= 5 ? strtoul(colon + 1, NULL, 10) : 0;
    if (port == 0 || port > UINT16_MAX)
        return memory_format("'%.*s' is no port: 1 to 65535", (int)digits, colon + 1);
    char *host = memory_copy_part(authority, (size_t)(colon - authority)), *problem = NULL;
    if (!take_v4(host, (in_port_t)port, address) && !take_v6(host, (in_port_t)port, address))
        problem = memory_format("'%s' is no address: an IPv4 one, an IPv6 one in brackets, or localhost", host);
    free(host);
    return problem;
}

/* ---- listening --------------------------------------------------------------------------------------------------- */

int admin_address_listen(const struct admin_address *address)
{
    const int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)); /* connections of a gateway that has ended linger */
    if (bind(fd, (const struct sockaddr *)&address->socket, address->socket_bytes) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    const int error = -errno;
    close(fd);
    return error;
}
