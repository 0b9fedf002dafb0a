#include "cli/channel/message_format.h"

#include "base/clock.h"
#include "cli/json.h"

#include <endian.h>
#include <stdio.h>
#include <time.h>

static void write_hex(const struct leat_message *message)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *data = message->data;
    for (uint64_t i = 0; i < message->len; i++) {
        putchar_unlocked(digits[data[i] >> 4]);
        putchar_unlocked(digits[data[i] & 15]);
    }
    putchar('\n');
}

/* RFC 3339 in UTC, with nanoseconds. */
static void add_time(cJSON *object, uint64_t time_ns)
{
    const time_t seconds = (time_t)(time_ns / (uint64_t)NS_PER_S);
    struct tm broken;
    char text[64];
    size_t len = gmtime_r(&seconds, &broken) ? strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &broken) : 0;
    snprintf(text + len, sizeof text - len, ".%09uZ", (unsigned)(time_ns % (uint64_t)NS_PER_S));
    cJSON_AddStringToObject(object, "time", text);
    json_add_u64(object, "time_ns", time_ns);
}

static void write_json(const struct leat_message *message)
{
    cJSON *object = cJSON_CreateObject();
    json_add_u64(object, "sequence", message->sequence);
    add_time(object, message->time_ns);
    json_add_u64(object, "tag", message->tag);
    json_add_u64(object, "origin", message->origin);
    json_add_u64(object, "lost", message->lost);
    json_add_u64(object, "len", message->len);
    json_add_bytes(object, message->data, message->len);
    json_print(object, false);
}

void message_write(const struct leat_message *message, enum message_format format)
{
    uint32_t prefix;
    switch (format) {
    case FORMAT_JSON:
        write_json(message);
        return;
    case FORMAT_HEX:
        write_hex(message);
        return;
    case FORMAT_LENGTH_PREFIXED:
        prefix = htobe32((uint32_t)message->len);
        fwrite(&prefix, sizeof prefix, 1, stdout);
        fwrite(message->data, 1, message->len, stdout);
        return;
    case FORMAT_RAW:
        fwrite(message->data, 1, message->len, stdout);
        return;
    case FORMAT_TEXT:
    case FORMAT_NUL:
        fwrite(message->data, 1, message->len, stdout);
        putchar(format == FORMAT_NUL ? '\0' : '\n');
        return;
    }
}
