#include "common/inet.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- parsing ----------------------------------------------------------------------------------------------------- */

/* A URL under inspection, and where the sentence goes. */
struct parse {
    const char *url, *rest; /* what is not yet taken */
    int scheme_len;
    char *why;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct parse *parse, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(parse->why, parse->size, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static bool has_scheme(const struct parse *parse, const char *scheme)
{
    size_t len = strlen(scheme), got = (size_t)parse->scheme_len;
    if (strncmp(parse->url, scheme, len) != 0)
        return false;
    return got == len || (got == len + 1 && (parse->url[len] == '4' || parse->url[len] == '6'));
}

static bool is_http(const struct parse *parse)
{
    return has_scheme(parse, "ws") || has_scheme(parse, "wss");
}

static int family_of(const struct parse *parse)
{
    char last = parse->url[parse->scheme_len - 1];
    return last == '4' ? AF_INET : last == '6' ? AF_INET6 : AF_UNSPEC;
}

static int refuse_missing_port(const struct parse *parse)
{
    const char *host = family_of(parse) == AF_INET6 ? "[::1]" : "127.0.0.1";
    return refuse(parse, "a port must follow the host, as in %.*s://%s:5555", parse->scheme_len, parse->url, host);
}

static int take_host(struct inet_address *address, struct parse *parse)
{
    const char *start = parse->rest, *end = start + strcspn(start, "/?#"),
               *colon = memrchr(start, ':', (size_t)(end - start));
    if (*start == '[') {
        const char *closed = memchr(start, ']', (size_t)(end - start));
        if (!closed)
            return refuse(parse, "the bracket of the IPv6 address is not closed, as in %.*s://[::1]:5555",
                          parse->scheme_len, parse->url);
        start++;
        parse->rest = closed + 1;
        end = closed;
    } else if (colon) {
        if (memchr(start, ':', (size_t)(colon - start)))
            return refuse(parse, "an IPv6 address stands in brackets, as in %.*s://[::1]:5555", parse->scheme_len,
                          parse->url);
        parse->rest = end = colon;
    } else {
        parse->rest = end;
    }
    size_t len = (size_t)(end - start);
    if (len >= sizeof address->host)
        return refuse(parse, "the host is too long");
    if (strcspn(start, ";@ \t") < len)
        return refuse(parse, "the host holds a character that no host name or address has");
    memcpy(address->host, start, len);
    return 0;
}

static int take_port(struct inet_address *address, struct parse *parse, bool listen)
{
    if (*parse->rest != ':' && is_http(parse) && !listen) {
        address->port = has_scheme(parse, "wss") ? 443 : 80;
        return 0;
    }
    if (*parse->rest != ':')
        return refuse_missing_port(parse);
    const char *digits = ++parse->rest;
    parse->rest += strspn(digits, "0123456789");
    size_t len = (size_t)(parse->rest - digits);
    bool ends = *parse->rest == '\0' || strchr("/?#", *parse->rest);
    unsigned long port = len > 0 && len < 6 && ends ? strtoul(digits, NULL, 10) : 65536;
    if (port > 65535 || (port == 0 && !listen))
        return refuse(parse, "the port must be a number from 1 to 65535%s",
                      listen ? ", or 0 for any that is free" : "");
    address->port = (uint16_t)port;
    return 0;
}

static int check_rest(const struct inet_address *address, const struct parse *parse, bool listen)
{
    if (*parse->rest && !is_http(parse))
        return refuse(parse, "nothing may follow the port: %.*s has no paths", parse->scheme_len, parse->url);
    if (!listen && !address->host[0])
        return refuse(parse, "a host must stand before the port when dialling");
    return 0;
}

int inet_address_parse(struct inet_address *address, const char *url, bool listen, char *why, size_t size)
{
    const char *separator = strstr(url, "://");
    struct parse parse = {.url = url, .why = why, .size = size};
    *address = (struct inet_address){.path = ""};
    if (!separator || separator == url)
        return refuse(&parse, "must be SCHEME://HOST:PORT");
    parse.scheme_len = (int)(separator - url);
    parse.rest = separator + 3;
    address->family = family_of(&parse);
    int error = take_host(address, &parse);
    if (!error)
        error = take_port(address, &parse, listen);
    if (error)
        return error;
    if (strcmp(address->host, "*") == 0)
        address->host[0] = '\0';
    address->path = parse.rest;
    return check_rest(address, &parse, listen);
}

/* ---- listening --------------------------------------------------------------------------------------------------- */

static int explain_bind(const struct inet_address *address, int error, char *why, size_t size)
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

/* 0, or getaddrinfo's code. *found is to be freed; nng, too, takes its first. */
static int resolve(const struct inet_address *address, struct addrinfo **found)
{
    struct addrinfo hints = {.ai_family = address->family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    char port[8];
    snprintf(port, sizeof port, "%u", address->port);
    return getaddrinfo(address->host[0] ? address->host : NULL, port, &hints, found);
}

int inet_address_try(const struct inet_address *address, char *why, size_t size)
{
    struct addrinfo *found;
    int failed = resolve(address, &found);
    if (failed) {
        snprintf(why, size, "host '%s' has no address: %s", address->host, gai_strerror(failed));
        return -EADDRNOTAVAIL;
    }
    int error = try_bind(found);
    freeaddrinfo(found);
    return error ? explain_bind(address, error, why, size) : 0;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6) {
        const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
    }
    const struct sockaddr_in *four = (const void *)address;
    return ntohl(four->sin_addr.s_addr) >> 24 == 127;
}

bool inet_address_is_loopback(const struct inet_address *address)
{
    struct addrinfo *found;
    if (!address->host[0] || resolve(address, &found) != 0)
        return false;
    bool loopback = is_loopback(found->ai_addr);
    freeaddrinfo(found);
    return loopback;
}
