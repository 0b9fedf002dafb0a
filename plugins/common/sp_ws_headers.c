#include "common/sp_ws_headers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RFC 9110, 5.6.2: what a header's name is made of. */
#define TOKEN "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* The length of the name that an item starts with; 0: it starts with none, and goes on with the value before it. The list's
 * commas are the value's then, as in "Accept: a, b"; a URL is part of a value too. */
static size_t name_length(const char *item)
{
    size_t len = strspn(item, TOKEN);
    return item[len] == ':' && strncmp(item + len, "://", 3) != 0 ? len : 0;
}

/* What the handshake itself says. */
static bool is_reserved(const char *name, size_t len)
{
    static const char *const reserved[] = {"Host", "Connection", "Upgrade", "Content-Length", "Transfer-Encoding"};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strlen(reserved[i]) == len && strncasecmp(name, reserved[i], len) == 0)
            return true;
    return strncasecmp(name, "Sec-WebSocket-", strlen("Sec-WebSocket-")) == 0;
}

static bool has_control_character(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
            return true;
    return false;
}

int sp_ws_headers_check(const char *const *items, char *why, size_t size)
{
    for (size_t i = 0; items && items[i]; i++) {
        size_t len = name_length(items[i]);
        const char *problem = NULL;
        if (!len && i == 0)
            problem = "expected NAME: VALUE";
        else if (has_control_character(items[i]))
            problem = "a header holds no line break and no other control character";
        else if (len && is_reserved(items[i], len))
            problem = "this header is part of the handshake and not to be set";
        if (!problem)
            continue;
        snprintf(why, size, "header %zu%s%.*s: %s", i + 1, len ? ", " : "", (int)len, items[i], problem);
        return -EINVAL;
    }
    return 0;
}

char *sp_ws_headers_text(const char *const *items)
{
    size_t size = 1, at = 0;
    for (size_t i = 0; items[i]; i++)
        size += strlen(items[i]) + strlen("\r\n") + strlen(", ");
    char *text = malloc(size);
    for (size_t i = 0; text && items[i]; i++) {
        const char *between = i == 0 ? "" : name_length(items[i]) ? "\r\n" : ", ";
        at += (size_t)snprintf(text + at, size - at, "%s%s%s", between, items[i], items[i + 1] ? "" : "\r\n");
    }
    return text;
}
