#include "config/url.h"

#include "config/memory.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789+.-"

/* ---- splitting --------------------------------------------------------------------------------------------------- */

static char *shape_problem(const char *text, const char *separator)
{
    const char *one_slash = strstr(text, ":/");
    if (separator == NULL && one_slash != NULL)
        return memory_format("expected scheme://rest; write '%.*s://%s'", (int)(one_slash - text), text, one_slash + 2);
    if (separator == NULL)
        return memory_copy("expected a URL, scheme://rest, such as tcp://127.0.0.1:5555 or shm://quotes");
    const size_t len = (size_t)(separator - text);
    if (len == 0 || strspn(text, SCHEME_LETTERS) != len || strchr("0123456789+.-", *text) != NULL)
        return memory_format("'%.*s' is no scheme: lower-case letters, digits, '+', '.' and '-', a letter first",
                             (int)len, text);
    if (separator[3] == '\0')
        return memory_format("nothing stands after '%s'", text);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c <= ' ' || *c == 0x7f)
            return memory_copy("a URL has no blanks; several URLs are separated by commas");
    }
    return NULL;
}

char *url_split(const char *text, struct config_url *url)
{
    const char *separator = strstr(text, "://");
    char *problem = shape_problem(text, separator);
    url->text = memory_copy(text);
    url->scheme = problem == NULL ? memory_copy_part(text, (size_t)(separator - text)) : memory_copy("");
    url->rest = memory_copy(problem == NULL ? separator + 3 : "");
    return problem;
}

void url_fini(struct config_url *url)
{
    free(url->text);
    free(url->scheme);
    free(url->rest);
}

void urls_fini(struct config_urls *urls)
{
    for (size_t i = 0; i < urls->count; i++)
        url_fini(&urls->items[i]);
    free(urls->items);
    *urls = (struct config_urls){0};
}

/* ---- colliding --------------------------------------------------------------------------------------------------- */

/* HOST:PORT at the start of a URL's rest. */
struct authority {
    const char *host; /* of no length for '*' */
    size_t host_len;
    unsigned long port;
    bool v6; /* by its host or its scheme; a name without either is taken for IPv4, as nng tries that first */
};

static bool takes_tcp_port(const char *scheme)
{
    static const char *const schemes[] = {"tcp", "tcp4", "tcp6", "tls+tcp", "tls+tcp4", "tls+tcp6",
                                          "ws",  "ws4",  "ws6",  "wss",     "wss4",     "wss6"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
        if (strcmp(scheme, schemes[i]) == 0)
            return true;
    }
    return false;
}

static bool split_authority(const struct config_url *url, struct authority *out)
{
    if (!takes_tcp_port(url->scheme))
        return false;
    const size_t len = strcspn(url->rest, "/?");
    const char *colon = memrchr(url->rest, ':', len);
    const size_t digits = colon != NULL ? strspn(colon + 1, "0123456789") : 0;
    if (digits == 0 || colon + 1 + digits != url->rest + len)
        return false;
    *out = (struct authority){.host = url->rest,
                              .host_len = *url->rest == '*' ? 0 : (size_t)(colon - url->rest),
                              .port = strtoul(colon + 1, NULL, 10),
                              .v6 = *url->rest == '[' || url->scheme[strlen(url->scheme) - 1] == '6'};
    return true;
}

static bool is_host(const struct authority *authority, const char *host)
{
    return authority->host_len == strlen(host) && strncasecmp(authority->host, host, authority->host_len) == 0;
}

static bool is_wildcard(const struct authority *authority)
{
    return is_host(authority, "") || is_host(authority, "0.0.0.0") || is_host(authority, "[::]");
}

static bool same_host(const struct authority *a, const struct authority *b)
{
    return a->host_len == b->host_len && strncasecmp(a->host, b->host, a->host_len) == 0;
}

/* Whether a listener at `a` also covers the address of `b`. At every IPv6 address, Linux gives it the port for IPv4 as well. */
static bool covers(const struct authority *a, const struct authority *b)
{
    if (is_host(a, "localhost") && (is_host(b, "127.0.0.1") || is_host(b, "[::1]")))
        return true;
    if (a->v6 != b->v6)
        return a->v6 && is_wildcard(a);
    return is_wildcard(a) || same_host(a, b);
}

bool url_collides(const struct config_url *a, const struct config_url *b)
{
    struct authority left, right;
    if (!split_authority(a, &left) || !split_authority(b, &right))
        return strcmp(a->text, b->text) == 0;
    return left.port == right.port && left.port != 0 && (covers(&left, &right) || covers(&right, &left));
}

/* Behind the authority, without a slash at the end: so nng compares paths. */
static size_t path_of(const struct config_url *url, const char **path)
{
    *path = url->rest + strcspn(url->rest, "/?");
    size_t len = strcspn(*path, "?");
    while (len > 0 && (*path)[len - 1] == '/')
        len--;
    return len;
}

static bool same_path(const struct config_url *a, const struct config_url *b)
{
    const char *left, *right;
    const size_t len = path_of(a, &left);
    return len == path_of(b, &right) && memcmp(left, right, len) == 0;
}

static bool same_server(const struct config_url *a, const struct config_url *b)
{
    const size_t len = strcspn(a->rest, "/?");
    return strcmp(a->scheme, b->scheme) == 0 && len == strcspn(b->rest, "/?") && memcmp(a->rest, b->rest, len) == 0;
}

static bool is_scheme(const struct config_url *url, const char *scheme)
{
    const size_t len = strlen(scheme);
    return strncmp(url->scheme, scheme, len) == 0 &&
           (url->scheme[len] == '\0' || strchr("46", url->scheme[len]) != NULL);
}

/* nng looks for a server that it has already by host and port; which family and whether with TLS, it does not compare. */
static bool one_server(const struct config_url *a, const struct config_url *b)
{
    struct authority left, right;
    return (is_scheme(a, "ws") || is_scheme(a, "wss")) && (is_scheme(b, "ws") || is_scheme(b, "wss")) &&
           split_authority(a, &left) && split_authority(b, &right) && left.port == right.port && left.port != 0 &&
           same_host(&left, &right);
}

static bool mixes_families(const struct config_url *a, const struct config_url *b)
{
    struct authority left, right;
    return split_authority(a, &left) && split_authority(b, &right) && left.v6 != right.v6;
}

const char *url_clash(const struct config_url *a, const struct config_url *b, bool together)
{
    if (!url_collides(a, b) && !(together && one_server(a, b)))
        return NULL;
    const bool a_is_wss = is_scheme(a, "wss"), b_is_wss = is_scheme(b, "wss");
    /* nng would serve a wss listener beside a ws one in clear, and two of wss with the certificate of one. */
    if ((a_is_wss && (b_is_wss || is_scheme(b, "ws"))) || (b_is_wss && is_scheme(a, "ws")))
        return "; a wss listener shares its port with no other";
    if (!is_scheme(a, "ws") || !is_scheme(b, "ws"))
        return mixes_families(a, b) ? "; at every IPv6 address means at every IPv4 address too" : "";
    if (!same_server(a, b))
        return "; WebSocket listeners that are to share a port write scheme and host alike, with different paths, and "
               "run in one worker";
    if (same_path(a, b))
        return "; WebSocket listeners that share a port need different paths";
    return together ? NULL : "; bridges that share a WebSocket port run in one worker: give both the same 'worker'";
}
