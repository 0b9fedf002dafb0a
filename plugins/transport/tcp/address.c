#include "tcp/address.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int refuse(char *why, size_t size, const char *sentence)
{
    snprintf(why, size, "%s", sentence);
    return -EINVAL;
}

static int family_of(const char *url)
{
    if (strncmp(url, "tcp4:", 5) == 0)
        return AF_INET;
    return strncmp(url, "tcp6:", 5) == 0 ? AF_INET6 : AF_UNSPEC;
}

/* Copies the host and leaves *rest at what follows it. */
static int take_host(struct tcp_address *address, const char **rest, char *why, size_t size)
{
    const char *start = *rest, *end;
    bool bracket = *start == '[';
    if (bracket) {
        start++;
        end = strchr(start, ']');
        if (!end)
            return refuse(why, size, "the bracket of the IPv6 address is not closed, as in tcp://[::1]:5555");
        *rest = end + 1;
    } else {
        end = strrchr(start, ':');
        if (!end)
            return refuse(why, size, "a port must follow the host, as in tcp://127.0.0.1:5555");
        if (memchr(start, ':', (size_t)(end - start)))
            return refuse(why, size, "an IPv6 address stands in brackets, as in tcp://[::1]:5555");
        *rest = end;
    }
    size_t len = (size_t)(end - start);
    if (len >= sizeof address->host)
        return refuse(why, size, "the host is too long");
    if (strcspn(start, ";@/ \t") < len)
        return refuse(why, size, "the host holds a character that no host name or address has");
    memcpy(address->host, start, len);
    return 0;
}

static int take_port(struct tcp_address *address, const char *text, bool listen, char *why, size_t size)
{
    if (*text != ':')
        return refuse(why, size, "a port must follow the host, as in tcp://127.0.0.1:5555");
    text++;
    size_t digits = strspn(text, "0123456789");
    if (text[digits] == '/')
        return refuse(why, size, "nothing may follow the port: tcp has no paths");
    unsigned long port = digits && digits < 6 && !text[digits] ? strtoul(text, NULL, 10) : 65536;
    if (port > 65535 || (port == 0 && !listen))
        return refuse(why, size,
                      listen ? "the port must be a number from 1 to 65535, or 0 for any that is free"
                             : "the port must be a number from 1 to 65535");
    address->port = (uint16_t)port;
    return 0;
}

int tcp_address_parse(struct tcp_address *address, const char *url, bool listen, char *why, size_t size)
{
    *address = (struct tcp_address){.family = family_of(url)};
    const char *rest = strstr(url, "://");
    if (!rest)
        return refuse(why, size, "must be tcp://HOST:PORT");
    rest += 3;
    int error = take_host(address, &rest, why, size);
    if (!error)
        error = take_port(address, rest, listen, why, size);
    if (error)
        return error;
    if (strcmp(address->host, "*") == 0)
        address->host[0] = '\0';
    if (!listen && !address->host[0])
        return refuse(why, size, "a host must stand before the port when dialling");
    return 0;
}

static int explain_bind(const struct tcp_address *address, int error, char *why, size_t size)
{
    const char *host = address->host[0] ? address->host : "*";
    switch (error) {
    case EADDRINUSE:
        snprintf(why, size, "port %u is in use", address->port);
        break;
    case EADDRNOTAVAIL:
        snprintf(why, size, "address %s is not on this host", host);
        break;
    case EACCES:
        snprintf(why, size, "port %u may only be used with the privilege to bind low ports (CAP_NET_BIND_SERVICE)",
                 address->port);
        break;
    default:
        snprintf(why, size, "%s", strerror(error));
        break;
    }
    return -error;
}

/* As nng binds: with SO_REUSEADDR, so that connections that linger from before do no harm. */
static int try_bind(const struct addrinfo *found)
{
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int error = bind(fd, found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
    close(fd);
    return error;
}

int tcp_address_try(const struct tcp_address *address, char *why, size_t size)
{
    struct addrinfo hints = {.ai_family = address->family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    char port[8];
    snprintf(port, sizeof port, "%u", address->port);
    int failed = getaddrinfo(address->host[0] ? address->host : NULL, port, &hints, &found);
    if (failed) {
        snprintf(why, size, "host '%s' has no address: %s", address->host, gai_strerror(failed));
        return -EADDRNOTAVAIL;
    }
    int error = try_bind(found); /* nng, too, takes the first */
    freeaddrinfo(found);
    return error ? explain_bind(address, error, why, size) : 0;
}
