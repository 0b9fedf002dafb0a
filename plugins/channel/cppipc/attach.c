#include "cppipc/attach.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 512

static _Thread_local char said[TEXT_BYTES];

void say_once(const struct leat_host *host, int32_t level, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (strcmp(text, said) == 0)
        return;
    snprintf(said, sizeof said, "%s", text);
    host->log(host->context, level, text);
}

void say_anew(void)
{
    said[0] = '\0';
}

static int check_kind(const struct handle *handle, const struct leat_host *host, const struct cppipc_where *where,
                      enum cppipc_kind kind)
{
    if (handle_is_of_kind(handle, kind))
        return 0;
    bool route = kind == CPPIPC_ROUTE;
    say_once(host, LEAT_LOG_ERROR,
             "'%s' is used as an ipc::%s, and cppipc.kind says %s: the two do not understand each other", where->name,
             route ? "channel" : "route", route ? "route" : "channel");
    return -EPROTO;
}

int attach(struct handle *handle, const struct leat_host *host, const struct cppipc_where *where,
           const struct cppipc_options *options, bool create)
{
    char explain[TEXT_BYTES / 2] = "";
    int error = handle_open(handle, where, (enum cppipc_layout)options->layout, create, explain, sizeof explain);
    if (error) {
        if (error != -ENOENT)
            say_once(host, LEAT_LOG_ERROR, "cannot use cpp-ipc's '%s': %s", where->name,
                     explain[0] ? explain : strerror(-error));
        return error;
    }
    error = check_kind(handle, host, where, (enum cppipc_kind)options->kind);
    if (error)
        handle_close(handle);
    return error;
}
