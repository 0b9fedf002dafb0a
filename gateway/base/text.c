#include "base/text.h"

#include <stdbool.h>

/* Bytes of the UTF-8 sequence here (RFC 3629: no overlong forms, no surrogates), 0 when there is none. The NUL at the end is not a
 * continuation byte, so this never looks past it. */
static size_t sequence_bytes(const unsigned char *p)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || beyond ? 0 : len;
}

static bool is_control(const unsigned char *p)
{
    return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0); /* C1: terminals obey some of those too */
}

void text_make_plain(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p;) {
        size_t len = sequence_bytes(p);
        if (len == 0)
            *p = '?';
        else if (is_control(p))
            for (size_t i = 0; i < len; i++)
                p[i] = ' ';
        p += len ? len : 1;
    }
}

void text_bound(char *field, size_t size)
{
    field[size - 1] = '\0';
    text_make_plain(field);
}
