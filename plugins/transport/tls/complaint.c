#include "tls/complaint.h"

#include <stdarg.h>
#include <stdio.h>

#define SENTENCE_BYTES 512

void tls_complain(struct tls_complaints *complaints, const char *option, const char *format, ...)
{
    char text[SENTENCE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    complaints->count++;
    complaints->wrong(complaints->user, option, text);
}

void tls_doubt(const struct tls_complaints *complaints, const char *format, ...)
{
    if (!complaints->doubtful)
        return;
    char text[SENTENCE_BYTES];
    int len = complaints->file ? snprintf(text, sizeof text / 2, "%s: ", complaints->file) : 0;
    size_t used = (size_t)len < sizeof text / 2 ? (size_t)len : sizeof text / 2 - 1;
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, sizeof text - used, format, args);
    va_end(args);
    complaints->doubtful(complaints->user, text);
}
