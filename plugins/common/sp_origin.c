#include "common/sp_origin.h"

#include <nng/transport/ws/websocket.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MARK "#origins="
#define SEPARATOR '|' /* in no origin and in no URL that is configured */

char *sp_origin_url(const char *url, const char *const *origins)
{
    size_t size = strlen(url) + sizeof MARK;
    for (size_t i = 0; origins[i]; i++)
        size += strlen(origins[i]) + 1;
    char *text = malloc(size), *at = text;
    if (!text)
        return NULL;
    at = stpcpy(stpcpy(at, url), MARK);
    for (size_t i = 0; origins[i]; i++) {
        at = stpcpy(at, origins[i]);
        *at++ = SEPARATOR;
    }
    *at = '\0';
    return text;
}

bool sp_origin_is_valid(const char *origin)
{
    if (strcmp(origin, "null") == 0)
        return true;
    const char *separator = strstr(origin, "://");
    if (!separator || separator == origin || !separator[3])
        return false;
    for (const char *c = origin; *c; c++)
        if (*c <= ' ' || *c >= 0x7f || strchr("|%#?@\"", *c))
            return false;
    return !strchr(separator + 3, '/');
}

static bool is_listed(const char *list, const char *origin)
{
    size_t len = strlen(origin);
    for (const char *end; (end = strchr(list, SEPARATOR)); list = end + 1)
        if ((size_t)(end - list) == len && strncasecmp(list, origin, len) == 0)
            return true;
    return false;
}

bool sp_origin_admits(nng_pipe pipe)
{
    nng_listener listener = nng_pipe_listener(pipe);
    char *url = NULL, *origin = NULL;
    if (nng_listener_id(listener) <= 0) /* this end dialled */
        return true;
    if (nng_listener_get_string(listener, NNG_OPT_URL, &url) != 0)
        return false; /* the listener is being closed, and its pipes with it; or there is no memory */
    const char *mark = strncmp(url, "ws", 2) == 0 ? strstr(url, MARK) : NULL;
    bool admitted = true;
    if (mark) {
        int code = nng_pipe_get_string(pipe, NNG_OPT_WS_REQUEST_HEADER "Origin", &origin);
        admitted = code == 0 ? is_listed(mark + strlen(MARK), origin) : code == NNG_ENOENT;
    }
    nng_strfree(origin);
    nng_strfree(url);
    return admitted;
}
