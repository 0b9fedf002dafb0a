#include "subject.h"
#include "transport_pair.h"
#include "ways.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCHEMES_MAX 16
#define URL_BYTES 256

#define OPS (&test_subject.plugin.transport)

/* ---- addresses ------------------------------------------------------------------------------------------------------- */

bool transport_listens(void)
{
    return !test_subject.kit->dial;
}

bool transport_scheme(unsigned scheme, char *text, size_t size)
{
    const char *word = OPS->schemes;
    for (; scheme > 0 && *word; scheme--)
        word += strcspn(word, "|") + (word[strcspn(word, "|")] == '|');
    snprintf(text, size, "%.*s", (int)strcspn(word, "|"), word);
    return *word != '\0';
}

/* One that nobody listens at now. */
static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = (socket)(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        test_fail("the suite found no free port");
    close(fd);
    return ntohs(address.sin_port);
}

/* As --url says: a %d becomes a free port. */
static void write_given(const char *url, unsigned port, char text[URL_BYTES])
{
    const char *number = strstr(url, "%d");
    if (number)
        snprintf(text, URL_BYTES, "%.*s%u%s", (int)(number - url), url, port, number + 2);
    else
        snprintf(text, URL_BYTES, "%s", url);
}

/* What the gateway's own schemes look like; a scheme like one of them is taken for one. False: unknown. */
static bool write_usual(const char *scheme, unsigned number, unsigned port, char text[URL_BYTES])
{
    const char *own = strrchr(test_subject.folder, '/') + 1, *host = strchr(scheme, '6') ? "[::1]" : "127.0.0.1";
    if (strncmp(scheme, "ipc", 3) == 0 || strncmp(scheme, "unix", 4) == 0)
        snprintf(text, URL_BYTES, "%s://%s/%u.sock", scheme, test_subject.folder, number);
    else if (strncmp(scheme, "abstract", 8) == 0 || strncmp(scheme, "inproc", 6) == 0)
        snprintf(text, URL_BYTES, "%s://%s-%u", scheme, own, number);
    else if (strncmp(scheme, "ws", 2) == 0)
        snprintf(text, URL_BYTES, "%s://%s:%u/test", scheme, host, port);
    else if (strstr(scheme, "tcp") || strstr(scheme, "udp"))
        snprintf(text, URL_BYTES, "%s://%s:%u", scheme, host, port);
    else
        return false;
    return true;
}

const char *transport_url_of(unsigned scheme, unsigned number)
{
    static char urls[SCHEMES_MAX][TRANSPORT_URLS][URL_BYTES];
    const struct testkit *kit = test_subject.kit;
    char *text = urls[scheme % SCHEMES_MAX][number % TRANSPORT_URLS], name[32];
    if (*text)
        return text;
    unsigned port = free_port();
    transport_scheme(scheme, name, sizeof name);
    if (kit->dial || kit->url)
        write_given(kit->dial ? kit->dial : kit->url, port, text);
    else if (!write_usual(name, number, port, text))
        test_skip("no address is known for %s:// (--url URL names one, or --dial URL where something else listens)",
                  name);
    return text;
}

const char *transport_url(unsigned number)
{
    return transport_url_of(0, number);
}

/* ---- the ways -------------------------------------------------------------------------------------------------------- */

enum { LISTENING, DIALLING, COUNT };

/* Where something else listens, the one way is to dial. */
static unsigned count(void)
{
    return transport_listens() ? COUNT : 1;
}

static bool is_listening(unsigned way)
{
    return transport_listens() && way == LISTENING;
}

static const char *name(unsigned way)
{
    return is_listening(way) ? "to listen" : "to dial";
}

static bool has_check(void)
{
    return OPS->check != NULL;
}

static int32_t check(unsigned way, const void *values)
{
    const struct leat_endpoint endpoint = {
        .size = sizeof endpoint, .listen = is_listening(way), .url = transport_url(0), .options = values};
    return OPS->check(subject_host(), &endpoint);
}

/* Who dials finds somebody who listens. */
static void prepare(unsigned way)
{
    static struct socket listener;
    char explain[256];
    if (transport_listens() && !is_listening(way) && socket_open(&listener, pair_any()->first) == 0)
        socket_attach(&listener, transport_url(0), true, subject_values(), explain, sizeof explain);
}

static int32_t start(unsigned way, const void *values)
{
    struct socket self;
    char explain[256];
    bool listens = is_listening(way);
    int32_t error = socket_open(&self, listens ? pair_any()->first : pair_any()->second);
    if (error)
        return error;
    error = socket_attach(&self, transport_url(listens ? 1 : 0), listens, values, explain, sizeof explain);
    if (!error && !listens)
        socket_await_peers(&self, true, TEST_S); /* a connection, and not the middle of a greeting */
    socket_close(&self);
    return error;
}

/* Without a peer: connections that come and go are the engine's business, and another test's. */
static void cycle(unsigned way, const void *values)
{
    struct socket self;
    char explain[256];
    bool listens = is_listening(way);
    if (socket_open(&self, listens ? pair_any()->first : pair_any()->second) != 0)
        return;
    socket_attach(&self, transport_url(2), listens, values, explain, sizeof explain);
    socket_close(&self);
}

const struct ways transport_ways = {count, name, has_check, check, prepare, start, cycle};
