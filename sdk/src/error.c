#include "failure.h"

#include <leat/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char text[512];

int failure(int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error;
}

int failure_os(int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used < sizeof text)
        snprintf(text + used, sizeof text - (size_t)used, ": %s", leat_strerror(error));
    return error;
}

const char *leat_error_text(void)
{
    return text;
}

static const char *own_words(int error)
{
    switch (error) {
    case 0:
        return "success";
    case LEAT_EAGAIN:
        return "nothing to read, or no room, right now";
    case LEAT_ETIMEDOUT:
        return "nothing to read, or no room, in the time given";
    case LEAT_ELAPPED:
        return "the message was overwritten while it was being read";
    case LEAT_ECLOSED:
        return "the channel was removed";
    case LEAT_ETOOBIG:
        return "the message is too large";
    case LEAT_ECORRUPT:
        return "shared memory holds what no correct writer writes; it was skipped";
    case LEAT_EVERSION:
        return "the segment has a layout that this library does not know";
    default:
        return NULL;
    }
}

const char *leat_strerror(int error)
{
    const char *words = own_words(error);
    if (words == NULL && error < 0)
        words = strerrordesc_np(-error); /* a constant, unlike strerror's buffer */
    return words != NULL ? words : "unknown error";
}
