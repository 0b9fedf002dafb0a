#include "pubsub/prefix.h"

#include <stdlib.h>
#include <string.h>

size_t prefixes_count(const char *const *list)
{
    size_t len = 0;
    while (list && list[len])
        len++;
    return len;
}

/* Appends to `out`, which may be NULL to measure only. Returns the length, or -1 for an unknown sign. */
static long expand(const char *text, const char *channel, char *out)
{
    size_t len = 0, channel_len = strlen(channel);
    for (; *text; text++) {
        if (text[0] != '%') {
            if (out)
                out[len] = *text;
            len++;
            continue;
        }
        text++;
        if (*text != 'c' && *text != '%')
            return -1;
        const char *insert = *text == 'c' ? channel : "%";
        size_t insert_len = *text == 'c' ? channel_len : 1;
        if (out)
            memcpy(out + len, insert, insert_len);
        len += insert_len;
    }
    return (long)len;
}

char *prefix_expand(const char *text, const char *channel)
{
    long len = expand(text, channel, NULL);
    char *out = len < 0 ? NULL : calloc(1, (size_t)len + 1);
    if (out)
        expand(text, channel, out);
    return out;
}

char **prefixes_make(const struct leat_bridge_view *bridge, const char *const *configured)
{
    size_t count = prefixes_count(configured);
    if (count > 1 && count != bridge->channel_count)
        return NULL;
    char **prefixes = calloc((size_t)bridge->channel_count + 1, sizeof *prefixes);
    for (uint32_t i = 0; prefixes && i < bridge->channel_count; i++) {
        const char *text = count == 0 ? "" : configured[count == 1 ? 0 : i];
        prefixes[i] = prefix_expand(text, bridge->channel_names[i]);
        if (!prefixes[i]) {
            prefixes_free(prefixes);
            return NULL;
        }
    }
    return prefixes;
}

void prefixes_free(char **prefixes)
{
    for (char **prefix = prefixes; prefix && *prefix; prefix++)
        free(*prefix);
    free(prefixes);
}

static char *join(const char *prefix, const char *topic)
{
    size_t prefix_len = strlen(prefix), topic_len = strlen(topic);
    char *out = malloc(prefix_len + topic_len + 1);
    if (out) {
        memcpy(out, prefix, prefix_len);
        memcpy(out + prefix_len, topic, topic_len + 1);
    }
    return out;
}

char **prefixes_with_topics(char *const *prefixes, const char *const *topics)
{
    static const char *const everything[] = {"", NULL};
    if (prefixes_count(topics) == 0)
        topics = everything;
    size_t total = prefixes_count((const char *const *)prefixes) * prefixes_count(topics), made = 0;
    char **out = calloc(total + 1, sizeof *out);
    for (char *const *prefix = prefixes; out && *prefix; prefix++) {
        for (const char *const *topic = topics; *topic; topic++) {
            out[made] = join(*prefix, *topic);
            if (!out[made++]) {
                prefixes_free(out);
                return NULL;
            }
        }
    }
    return out;
}

bool prefix_starts(const char *prefix, size_t prefix_len, const void *data, size_t len)
{
    return prefix_len <= len && (prefix_len == 0 || memcmp(prefix, data, prefix_len) == 0);
}
