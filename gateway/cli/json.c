#include "cli/json.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the UTF-8 sequence that starts at `p`, 0 when there is none: RFC 3629, so no overlong forms, no surrogates. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    if (p[0] >= 0x01 && p[0] <= 0x7f) {
        return 1;
    }
    size_t len = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
                 : p[0] >= 0xe0 && p[0] <= 0xef ? 3
                 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                : 0;
    if (len == 0 || len > left) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || beyond ? 0 : len;
}

static bool is_text(const unsigned char *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t step = utf8_sequence(data + at, len - at);
        if (step == 0) {
            return false;
        }
        at += step;
    }
    return true;
}

static void base64(char *out, const unsigned char *data, size_t len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < len; at += 3) {
        size_t n = len - at < 3 ? len - at : 3;
        uint32_t group = (uint32_t)data[at] << 16;
        group |= n > 1 ? (uint32_t)data[at + 1] << 8 : 0;
        group |= n > 2 ? (uint32_t)data[at + 2] : 0;
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = n > 1 ? alphabet[group >> 6 & 63] : '=';
        *out++ = n > 2 ? alphabet[group & 63] : '=';
    }
    *out = '\0';
}

void json_add_bytes(cJSON *object, const void *data, size_t len)
{
    bool text = is_text(data, len);
    char *copy = malloc(text ? len + 1 : (len + 2) / 3 * 4 + 1);
    if (!copy) {
        err(EXIT_FAILURE, "a message of %zu bytes as JSON", len);
    }
    if (text) {
        if (len > 0) {
            memcpy(copy, data, len);
        }
        copy[len] = '\0';
    } else {
        base64(copy, data, len);
    }
    cJSON_AddStringToObject(object, text ? "text" : "base64", copy);
    free(copy);
}

void json_print(cJSON *value, bool pretty)
{
    char *text = pretty ? cJSON_Print(value) : cJSON_PrintUnformatted(value);
    if (!text) {
        errx(EXIT_FAILURE, "out of memory while writing JSON");
    }
    puts(text);
    cJSON_free(text);
    cJSON_Delete(value);
}
