/* What --check says of a WebSocket endpoint. */
#include "common/inet.h"
#include "common/sp_origin.h"
#include "common/sp_start.h"
#include "common/sp_ws.h"
#include "common/sp_ws_headers.h"

#include <errno.h>
#include <nng/nng.h>
#include <stdio.h>
#include <string.h>

/* nng before 1.6 writes beyond its buffer for a request whose path ends in %XX, whoever sends it. */
#define SAFE_MAJOR 1
#define SAFE_MINOR 6

bool sp_ws_is_url(const char *url)
{
    size_t len = strcspn(url, ":");
    if (len > 2 && (url[len - 1] == '4' || url[len - 1] == '6'))
        len--;
    return strncmp(url, "ws", 2) == 0 && (len == 2 || (len == 3 && url[2] == 's'));
}

/* ---- the path ---------------------------------------------------------------------------------------------------- */

static bool has_dot_segment(const char *path)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t len = strcspn(slash + 1, "/?#");
        if ((len == 1 || len == 2) && strncmp(slash + 1, "..", len) == 0)
            return true;
    }
    return false;
}

/* nng decodes the path of a request and compares it with a listener's as it is written, so a path that has more than one
 * spelling would match some requests and not others. */
static const char *listening_path_problem(const char *path)
{
    if (path[0] && path[0] != '/')
        return "a path starts with '/' and has no query when listening, as in ws://127.0.0.1:5556/quotes";
    if (strchr(path, '?'))
        return "a path has no query when listening: what stands after '?' in a request is not looked at";
    if (strchr(path, '%'))
        return "a path to listen at is written without '%': a request's is decoded before the two are compared";
    if (strstr(path, "//") || has_dot_segment(path))
        return "a path to listen at is written in its shortest form, without '//', '/./' and '/../'";
    return NULL;
}

static const char *path_problem(const char *path, bool listen)
{
    for (const char *c = path; *c; c++)
        if (*c <= ' ' || *c >= 0x7f || strchr("\"<>\\^`{|}", *c))
            return "the path holds a character that no path has; it may be written as '%XX' when dialling";
    if (strchr(path, '#'))
        return "a '#' and what follows it never leave a browser, and mean nothing here";
    return listen ? listening_path_problem(path) : NULL;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static bool is_subprotocol(const char *text, bool several)
{
    size_t len = strlen(text);
    return len > 0 && strcspn(text, "\"(),/:;<=>?@[\\]{}\t\r\n") == len && text[0] != ' ' && text[len - 1] != ' ' &&
           (several || !strchr(text, ' '));
}

static int32_t check_listener_options(const struct leat_host *host, const struct sp_ws *ws)
{
    for (size_t i = 0; ws->origins && ws->origins[i]; i++) {
        if (sp_origin_is_valid(ws->origins[i]))
            continue;
        char why[256];
        snprintf(why, sizeof why,
                 "'%.100s' is no origin: expected SCHEME://HOST or SCHEME://HOST:PORT, without a path, or null",
                 ws->origins[i]);
        host->blame(host->context, "origins", why);
        return -EINVAL;
    }
    return 0;
}

static int32_t check_dialer_options(const struct leat_host *host, const struct sp_ws *ws)
{
    char why[256];
    if (sp_ws_headers_check(ws->headers, why, sizeof why) == 0)
        return 0;
    host->blame(host->context, "headers", why);
    return -EINVAL;
}

static int32_t check_options(const struct leat_host *host, const struct sp_ws *ws, bool listen)
{
    int32_t error = listen ? check_listener_options(host, ws) : check_dialer_options(host, ws);
    if (!ws->subprotocol || is_subprotocol(ws->subprotocol, listen))
        return error;
    host->blame(host->context, "subprotocol",
                listen ? "expected names such as pub.sp.nanomsg.org, with one blank between them"
                       : "expected one name, such as pub.sp.nanomsg.org");
    return -EINVAL;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static bool is_unsafe(const struct inet_address *address, const struct sp_ws *ws)
{
    return !ws->accept_unsafe_nng && sp_older_than(SAFE_MAJOR, SAFE_MINOR) && !inet_address_is_loopback(address);
}

static int check_url(const struct leat_endpoint *endpoint, const struct sp_ws *ws, const char *plugin, char *why,
                     size_t size)
{
    struct inet_address address;
    int error = inet_address_parse(&address, endpoint->url, endpoint->listen, why, size);
    if (error)
        return error;
    const char *problem = path_problem(address.path, endpoint->listen);
    if (problem) {
        snprintf(why, size, "%s", problem);
        return -EINVAL;
    }
    if (!endpoint->listen)
        return 0;
    if (endpoint->served) /* the address may be wrong all the same */
        address.port = 0;
    error = inet_address_try(&address, why, size);
    if (error || !is_unsafe(&address, ws))
        return error;
    snprintf(why, size,
             "with nng %s, one HTTP request from anybody who reaches this address can corrupt the memory of the "
             "bridge's process (mended in nng %d.%d); listen on a loopback address and put a proxy in front, or take "
             "the risk with %s.accept_unsafe_nng = yes",
             nng_version(), SAFE_MAJOR, SAFE_MINOR, plugin);
    return -EINVAL;
}

int32_t sp_ws_check(const struct leat_host *host, const struct leat_endpoint *endpoint, const struct sp_ws *ws,
                    const char *plugin)
{
    char why[384];
    int error = check_url(endpoint, ws, plugin, why, sizeof why);
    if (error)
        host->blame(host->context, endpoint->listen ? "listen" : "dial", why);
    if (check_options(host, ws, endpoint->listen) != 0)
        error = -EINVAL;
    return error ? -EINVAL : 0;
}
