#include "admin/gate.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

bool gate_same_secret(const char *given, const char *secret)
{
    size_t given_len = strlen(given), len = strlen(secret);
    volatile unsigned char difference = given_len != len;
    for (size_t i = 0; i < len; i++) {
        unsigned char other = given_len > 0 ? (unsigned char)given[i % given_len] : 0;
        difference = (unsigned char)(difference | (other ^ (unsigned char)secret[i]));
    }
    return difference == 0;
}

const char *gate_bearer(const char *authorization)
{
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return NULL;
    return authorization + 7 + strspn(authorization + 7, " ");
}

bool gate_is_plain_host(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    char name[64];
    if (!host)
        return true;
    const char *end = *host == '[' ? strchr(host, ']') : host + strcspn(host, ":");
    size_t skip = *host == '[', len = end ? (size_t)(end - host) - skip : sizeof name;
    if (len >= sizeof name)
        return false;
    memcpy(name, host + skip, len);
    name[len] = '\0';
    if (skip)
        return inet_pton(AF_INET6, name, address) == 1;
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1;
}
