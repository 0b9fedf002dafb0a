#include "shm/open.h"

#include "common/account.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 320

static struct leat_channel_options channel_options(const struct shm_options *options, uint32_t flags)
{
    struct leat_channel_options channel = LEAT_CHANNEL_OPTIONS_INIT;
    channel.policy = options->policy;
    channel.producers = options->producers;
    channel.mode = options->mode;
    channel.group = account_group(options->group);
    channel.capacity_bytes = options->capacity_bytes;
    channel.wait_readers = (uint32_t)options->wait_readers;
    channel.flags = flags | LEAT_OPEN_ANY;
    channel.directory = options->directory;
    return channel;
}

static _Thread_local char said[TEXT_BYTES]; /* since the last success */

/* Says why, once for each reason: whoever opens tries again for as long as it takes. */
static int32_t fail(const struct leat_host *host, int error)
{
    const char *text = leat_error_text();
    if (error == -ENOENT || strncmp(said, text, sizeof said - 1) == 0)
        return error;
    snprintf(said, sizeof said, "%s", text);
    host->log(host->context, LEAT_LOG_WARNING, said);
    return error;
}

static uint64_t power_of_two(uint64_t bytes)
{
    uint64_t power = 1;
    while (power < bytes)
        power *= 2;
    return power;
}

/* An existing channel is taken as it is. Where somebody asked for something else, they hear of it: an option that still has its
 * default value asks for nothing. */
static void compare(const struct leat_host *host, const char *name, const struct shm_options *options)
{
    const struct leat_channel_options defaults = LEAT_CHANNEL_OPTIONS_INIT;
    struct leat_channel_info info = {.size = sizeof info};
    char text[TEXT_BYTES];
    if (leat_channel_inspect(options->directory, name, &info, NULL, 0) < 0)
        return;
    if (options->policy != defaults.policy && options->policy != info.policy) {
        snprintf(text, sizeof text, "channel '%s' exists with policy %s and is taken as it is; shm.policy asked for %s",
                 name, info.policy == LEAT_BLOCK ? "block" : "overwrite",
                 options->policy == LEAT_BLOCK ? "block" : "overwrite");
        host->log(host->context, LEAT_LOG_WARNING, text);
    }
    if (options->producers != defaults.producers && options->producers != info.producers) {
        snprintf(text, sizeof text, "channel '%s' exists for %s and is taken as it is, whatever shm.producers says",
                 name, info.producers == LEAT_ONE ? "one producer" : "many producers");
        host->log(host->context, LEAT_LOG_WARNING, text);
    }
    if (options->capacity_bytes != defaults.capacity_bytes &&
        power_of_two(options->capacity_bytes) != info.capacity_bytes) {
        snprintf(text, sizeof text,
                 "channel '%s' exists with a capacity of %llu bytes and is taken as it is; shm.capacity asked for %llu",
                 name, (unsigned long long)info.capacity_bytes, (unsigned long long)options->capacity_bytes);
        host->log(host->context, LEAT_LOG_WARNING, text);
    }
}

/* A stored position needs the permission to write to the channel. A bridge that may only read it works without. */
static int open_without_position(struct leat_reader **reader, const struct leat_host *host, const char *name,
                                 const struct leat_channel_options *channel, struct leat_reader_options *how)
{
    char text[TEXT_BYTES];
    how->name = NULL;
    int error = leat_reader_open(reader, name, channel, how);
    if (error)
        return error;
    snprintf(text, sizeof text,
             "channel '%s' may be read but not written by this user: the bridge's position is not kept over a restart",
             name);
    host->log(host->context, LEAT_LOG_WARNING, text);
    return 0;
}

int32_t shm_open_reader(struct shm_reader *reader, const struct leat_host *host, const char *name,
                        const struct shm_options *options, const char *durable_name)
{
    struct leat_channel_options channel = channel_options(options, options->create ? LEAT_OPEN_CREATE : 0);
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    how.start = options->from;
    how.name = options->durable ? durable_name : NULL;
    how.hold_ns = options->hold_ns < 0 ? UINT64_MAX : (uint64_t)options->hold_ns;
    how.manual_ack = 1;
    int error = leat_reader_open(&reader->reader, name, &channel, &how);
    if (error == -EACCES && how.name)
        error = open_without_position(&reader->reader, host, name, &channel, &how);
    if (error)
        return fail(host, error);
    said[0] = '\0';
    reader->durable = how.name != NULL;
    compare(host, name, options);
    return 0;
}

int32_t shm_open_writer(struct leat_writer **writer, const struct leat_host *host, const char *name,
                        const struct shm_options *options)
{
    struct leat_channel_options channel = channel_options(options, 0);
    int error = leat_writer_open(writer, name, &channel);
    if (error)
        return fail(host, error);
    said[0] = '\0';
    compare(host, name, options);
    return 0;
}
