#include "config/secret.h"

#include <stdbool.h>
#include <string.h>

#define PART 4 /* so many bytes in a row that both have are taken for a quotation */

static bool quotes(const char *value, const char *text)
{
    const size_t len = strlen(value);
    char part[PART + 1] = "";
    if (len <= PART)
        return len > 0 && strstr(text, value) != NULL;
    for (size_t i = 0; i + PART <= len; i++) {
        memcpy(part, value + i, PART);
        if (strstr(text, part) != NULL)
            return true;
    }
    return false;
}

const char *secret_safe(const char *value, const char *text)
{
    return quotes(value, text) ? "this is not what is expected here; more would show a part of it" : text;
}
