/* conflate: publishes the newest message of each key, at most one of it in each interval. A subscriber that shows prices wants the
 * last price of each instrument, not all that it missed.
 *
 * The key is how a message begins. Each key has a number, under which the lane holds its newest message (LEAT_HOLD) until the interval
 * since the last one is over; what it replaces is dropped as filtered. A key that has been quiet for an interval is forgotten. */
#include <leat/plugin/pattern.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct options {
    int64_t interval_ns, key_length, keys;
    const char *delimiter;
};

struct key {
    uint8_t *bytes; /* NULL: the place has never been used */
    uint64_t len, size;
    int64_t due_ns; /* when its newest message goes, or went */
};

/* One for each channel: its lane is the only one that looks at it. */
struct table {
    struct key *keys;
    uint32_t mask; /* places, a power of two, less one */
};

struct conflate {
    const struct leat_host *host;
    struct options options;
    uint32_t channel_count;
    struct table tables[];
};

static int32_t check(const struct leat_host *host, const struct leat_bridge_view *bridge, const void *of)
{
    const struct options *options = of;
    (void)bridge;
    if (!options->delimiter || strlen(options->delimiter) == 1)
        return 0;
    host->blame(host->context, "delimiter", "is one character");
    return -EINVAL;
}

static void destroy(void *of)
{
    struct conflate *self = of;
    for (uint32_t i = 0; self && i < self->channel_count; i++) {
        struct table *table = &self->tables[i];
        for (uint32_t place = 0; table->keys && place <= table->mask; place++)
            free(table->keys[place].bytes);
        free(table->keys);
    }
    free(self);
}

static int32_t create(void **out, const struct leat_host *host, const struct leat_bridge_view *bridge, const void *of)
{
    struct conflate *self = calloc(1, sizeof *self + bridge->channel_count * sizeof self->tables[0]);
    if (!self)
        return -ENOMEM;
    self->host = host;
    self->options = *(const struct options *)of;
    self->channel_count = bridge->channel_count;
    for (uint32_t i = 0; i < bridge->channel_count; i++) {
        struct table *table = &self->tables[i];
        for (table->mask = 15; table->mask + 1 < self->options.keys; table->mask = table->mask * 2 + 1)
            continue;
        table->keys = calloc((size_t)table->mask + 1, sizeof *table->keys);
        if (!table->keys) {
            destroy(self);
            return -ENOMEM;
        }
    }
    *out = self;
    return 0;
}

static int32_t describe_socket(void *of, struct leat_socket_request *request)
{
    (void)of;
    request->role = LEAT_ROLE_PUBLISHER;
    request->queue_messages = 8192;
    request->queue_bytes = 64 << 20;
    return 0;
}

/* ---- keys ---------------------------------------------------------------------------------------------------------------- */

/* How many bytes of a message are its key. One without a delimiter, or shorter than a key, is all key. */
static uint64_t key_length(const struct options *options, const struct leat_message *message)
{
    const char *end =
        options->delimiter && message->len ? memchr(message->data, *options->delimiter, message->len) : NULL;
    if (options->delimiter)
        return end ? (uint64_t)(end - (const char *)message->data) : message->len;
    return message->len < (uint64_t)options->key_length ? message->len : (uint64_t)options->key_length;
}

static uint32_t hash(const uint8_t *bytes, uint64_t len)
{
    uint64_t sum = UINT64_C(14695981039346656037); /* FNV-1a */
    for (uint64_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(1099511628211);
    return (uint32_t)(sum ^ sum >> 32);
}

static bool take(struct key *key, const uint8_t *bytes, uint64_t len)
{
    if (key->size < len + 1) {
        uint8_t *room = realloc(key->bytes, len + 1);
        if (!room)
            return false;
        key->bytes = room;
        key->size = len + 1;
    }
    if (len)
        memcpy(key->bytes, bytes, len);
    key->len = len;
    key->due_ns = INT64_MIN / 2;
    return true;
}

#define PROBES 32 /* places that are looked at for a key */

/* The place of a key: its own, or one whose key has been quiet. NULL: too many keys are busy. */
static struct key *find(struct table *table, const uint8_t *bytes, uint64_t len, int64_t quiet_since_ns)
{
    struct key *quiet = NULL;
    uint32_t first = hash(bytes, len);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct key *key = &table->keys[(first + i) & table->mask];
        if (key->bytes && key->len == len && (len == 0 || memcmp(key->bytes, bytes, len) == 0))
            return key;
        if (!quiet && (!key->bytes || key->due_ns < quiet_since_ns))
            quiet = key;
        if (!key->bytes)
            break;
    }
    return quiet && take(quiet, bytes, len) ? quiet : NULL;
}

static int32_t outward(void *of, uint32_t channel, const struct leat_message *message, struct leat_outward *out)
{
    struct conflate *self = of;
    struct table *table = &self->tables[channel];
    int64_t now_ns = self->host->now_ns(self->host->context), interval_ns = self->options.interval_ns;
    struct key *key = find(table, message->data, key_length(&self->options, message), now_ns - interval_ns);
    if (!key)
        return LEAT_FORWARD; /* more keys than there is room for: this one is not held back */
    if (key->due_ns + interval_ns <= now_ns)
        key->due_ns = now_ns;
    else if (key->due_ns <= now_ns)
        key->due_ns += interval_ns;
    out->hold_key = (uint32_t)(key - table->keys);
    out->hold_until_ns = key->due_ns;
    return LEAT_HOLD;
}

static const struct leat_option rows[] = {
    LEAT_OPTION_RANGE(struct options, interval_ns, "interval", LEAT_OPTION_DURATION, "100ms", 1000,
                      INT64_C(3600000000000), "The least time between two messages of one key."),
    LEAT_OPTION(struct options, delimiter, "delimiter", LEAT_OPTION_TEXT, NULL,
                "The key ends before this character. Unless set it has conflate.key_length bytes."),
    LEAT_OPTION_RANGE(struct options, key_length, "key_length", LEAT_OPTION_INT, "8", 0, 4096,
                      "Bytes of a key without a delimiter. 0: all messages of a channel have one key."),
    LEAT_OPTION_RANGE(struct options, keys, "keys", LEAT_OPTION_INT, "1024", 16, LEAT_HOLD_KEYS,
                      "How many keys of a channel may be busy at once. A message of one more goes out at once."),
};

static const struct leat_pattern_ops ops = {
    .size = sizeof(struct leat_pattern_ops),
    .directions = LEAT_OUT,
    .check = check,
    .create = create,
    .socket = describe_socket,
    .outward = outward,
    .destroy = destroy,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 1, /* LEAT_HOLD */
    .kind = LEAT_PLUGIN_PATTERN,
    .options_size = sizeof(struct options),
    .name = "conflate",
    .version = "1.0",
    .summary = "Publishes the newest message of each key, at most one in an interval",
    .reference = "conflate is pubsub, outward, for streams of which only the newest value of each thing counts: "
                 "prices, positions,\n"
                 "states. A message goes out at once when its key has been quiet for conflate.interval; otherwise it "
                 "is held, and what\n"
                 "has come last goes when the interval is over. What it replaces is counted as filtered, what is held "
                 "is in flight.\n"
                 "The bridge's position in the channel stays behind what is held, so that a killed gateway loses no "
                 "newest value.\n",
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .pattern = &ops,
};
