/* A channel that is not there, but whose check() can be asked. */
#include <leat/plugin/channel.h>
#include <string.h>

static int32_t check(const struct leat_host *host, const char *where, const void *options, uint32_t outward)
{
    (void)options;
    if (strcmp(where, "crooked") != 0)
        return 0;
    host->blame(host->context, "channel", outward ? "cannot be read" : "cannot be written");
    return -EINVAL;
}

static int32_t reader_open(void **reader, const struct leat_host *host, const char *where, const void *options,
                           const char *name)
{
    (void)reader;
    (void)host;
    (void)where;
    (void)options;
    (void)name;
    return -ENOENT;
}

static int32_t borrow(void *reader, struct leat_message *message, int64_t timeout_ns)
{
    (void)reader;
    (void)message;
    (void)timeout_ns;
    return LEAT_EAGAIN;
}

static int32_t release(void *reader)
{
    (void)reader;
    return 0;
}

static void acknowledge(void *reader, uint64_t cursor, uint64_t sequence)
{
    (void)reader;
    (void)cursor;
    (void)sequence;
}

static void leave(void *end)
{
    (void)end;
}

static int32_t writer_open(void **writer, const struct leat_host *host, const char *where, const void *options)
{
    (void)writer;
    (void)host;
    (void)where;
    (void)options;
    return -EACCES;
}

static int32_t claim(void *writer, uint64_t len, void **data, int64_t timeout_ns)
{
    (void)writer;
    (void)len;
    (void)data;
    (void)timeout_ns;
    return LEAT_EAGAIN;
}

static int32_t commit(void *writer, uint64_t len, uint64_t tag)
{
    (void)writer;
    (void)len;
    (void)tag;
    return 0;
}

static const struct leat_channel_ops ops = {.size = sizeof(struct leat_channel_ops),
                                            .check = check,
                                            .reader_open = reader_open,
                                            .borrow = borrow,
                                            .release = release,
                                            .acknowledge = acknowledge,
                                            .reader_close = leave,
                                            .writer_open = writer_open,
                                            .claim = claim,
                                            .commit = commit,
                                            .abort = leave,
                                            .writer_close = leave};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {.size = sizeof(struct leat_plugin),
                                                       .kind = LEAT_PLUGIN_CHANNEL,
                                                       .name = "mem",
                                                       .version = "0",
                                                       .summary = "a channel for tests",
                                                       .reference = "",
                                                       .licence = "MIT",
                                                       .channel = &ops};
