#include "fake_channel.h"

#include "wait.h"

#include <string.h>
#include <time.h>

void fake_channel_init(struct fake_channel *channel)
{
    memset(channel, 0, sizeof *channel);
    pthread_mutex_init(&channel->lock, NULL);
    wait_cond_init(&channel->changed);
    channel->largest = FAKE_LARGEST;
    channel->random = 1;
}

uint64_t fake_message_len(uint64_t number)
{
    return number % 7 == 3 ? 0 : 8 + number * 31 % (FAKE_LARGEST - 8);
}

static void change(struct fake_channel *channel)
{
    pthread_cond_broadcast(&channel->changed);
    pthread_mutex_unlock(&channel->lock);
}

/* ---- the reading end ------------------------------------------------------------------------------------------------ */

static int32_t reader_open(void **reader, const struct leat_host *host, const char *where, const void *options,
                           const char *name)
{
    struct fake_channel *channel = (struct fake_channel *)(uintptr_t)options;
    (void)host, (void)where;
    pthread_mutex_lock(&channel->lock);
    int32_t error = channel->absent ? -ENOENT : 0;
    if (!error) {
        channel->removed = false;
        snprintf(channel->reader_name, sizeof channel->reader_name, "%s", name);
        *reader = channel;
        __atomic_add_fetch(&channel->opened, 1, __ATOMIC_SEQ_CST); /* last: who waits for it looks at the rest */
    }
    change(channel);
    return error;
}

/* Overwrites a few of the oldest unread messages now and then. */
static void lap_some(struct fake_channel *channel)
{
    uint64_t unread = channel->published - channel->next;
    if (unread < 2 || wait_random(&channel->random) % 1000 >= channel->lap_chance)
        return;
    uint64_t lost = 1 + wait_random(&channel->random) % (unread - 1);
    channel->next += lost;
    channel->pending_lost += lost;
}

static uint64_t tag_of(const struct fake_channel *channel, uint64_t number)
{
    uint64_t own = channel->own_tags[number % FAKE_LOOP];
    return own ? own : number + 1000;
}

static int32_t borrow(void *reader, struct leat_message *message, int64_t timeout_ns)
{
    struct fake_channel *channel = reader;
    struct timespec until = wait_until(timeout_ns);
    pthread_mutex_lock(&channel->lock);
    while (!channel->removed && channel->next == channel->published)
        if (pthread_cond_timedwait(&channel->changed, &channel->lock, &until) != 0)
            break;
    int32_t error = channel->removed ? LEAT_ECLOSED : channel->next == channel->published ? LEAT_ETIMEDOUT : 0;
    if (!error) {
        lap_some(channel);
        uint64_t number = channel->next;
        *message = (struct leat_message){.data = channel->body,
                                         .len = fake_message_len(number),
                                         .sequence = number,
                                         .tag = tag_of(channel, number),
                                         .cursor = number * 16,
                                         .lost = channel->pending_lost};
        memcpy(channel->body, &number, sizeof number);
        channel->lent = true;
    }
    pthread_mutex_unlock(&channel->lock);
    return error;
}

static int32_t release(void *reader)
{
    struct fake_channel *channel = reader;
    pthread_mutex_lock(&channel->lock);
    bool lapped = wait_random(&channel->random) % 1000 < channel->lap_chance;
    if (lapped) { /* what was said to be lost before it is told again, as the native channel does */
        channel->pending_lost++;
    } else {
        channel->laps += channel->pending_lost;
        channel->pending_lost = 0;
    }
    channel->next++;
    channel->lent = false;
    change(channel);
    return lapped ? LEAT_ELAPPED : 0;
}

static void acknowledge(void *reader, uint64_t cursor, uint64_t sequence)
{
    struct fake_channel *channel = reader;
    pthread_mutex_lock(&channel->lock);
    channel->went_backwards |= sequence + 1 <= channel->acknowledged || cursor != sequence * 16;
    channel->acknowledged = sequence + 1;
    change(channel);
}

static void reader_close(void *reader)
{
    struct fake_channel *channel = reader;
    pthread_mutex_lock(&channel->lock);
    channel->closed++;
    change(channel);
}

static uint32_t reader_is_durable(void *reader)
{
    return !((const struct fake_channel *)reader)->forgets;
}

/* ---- the writing end ------------------------------------------------------------------------------------------------ */

static int32_t writer_open(void **writer, const struct leat_host *host, const char *where, const void *options)
{
    struct fake_channel *channel = (struct fake_channel *)(uintptr_t)options;
    (void)host, (void)where;
    pthread_mutex_lock(&channel->lock);
    int32_t error = channel->absent ? -ENOSPC : 0;
    if (!error) {
        channel->removed = false;
        *writer = channel;
        __atomic_add_fetch(&channel->opened, 1, __ATOMIC_SEQ_CST);
    }
    change(channel);
    return error;
}

static bool has_room(const struct fake_channel *channel)
{
    return !channel->full && (!channel->capacity || channel->published - channel->acknowledged < channel->capacity);
}

static int32_t claim(void *writer, uint64_t len, void **data, int64_t timeout_ns)
{
    struct fake_channel *channel = writer;
    struct timespec until = wait_until(timeout_ns);
    if (len > channel->largest)
        return LEAT_ETOOBIG;
    pthread_mutex_lock(&channel->lock);
    while (!has_room(channel) && !channel->removed)
        if (pthread_cond_timedwait(&channel->changed, &channel->lock, &until) != 0)
            break;
    int32_t error = channel->removed    ? LEAT_ECLOSED
                    : has_room(channel) ? 0
                    : channel->unread   ? LEAT_EAGAIN
                                        : LEAT_ETIMEDOUT;
    pthread_mutex_unlock(&channel->lock);
    *data = channel->claimed;
    return error;
}

static int32_t commit(void *writer, uint64_t len, uint64_t tag)
{
    struct fake_channel *channel = writer;
    pthread_mutex_lock(&channel->lock);
    struct fake_written *written = &channel->written[channel->written_count++ % FAKE_WRITTEN];
    *written = (struct fake_written){.len = len, .tag = tag};
    memcpy(&written->number, channel->claimed, len < 8 ? len : 8);
    if (channel->capacity)
        channel->own_tags[channel->published++ % FAKE_LOOP] = tag;
    change(channel);
    return 0;
}

/* ---- what a test does ------------------------------------------------------------------------------------------------ */

void fake_publish(struct fake_channel *channel, uint64_t count)
{
    pthread_mutex_lock(&channel->lock);
    channel->published += count;
    change(channel);
}

void fake_remove(struct fake_channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    channel->removed = true;
    change(channel);
}

void fake_set_full(struct fake_channel *channel, bool full)
{
    pthread_mutex_lock(&channel->lock);
    channel->full = full;
    change(channel);
}

void fake_set_absent(struct fake_channel *channel, bool absent)
{
    pthread_mutex_lock(&channel->lock);
    channel->absent = absent;
    change(channel);
}

void fake_await_read(struct fake_channel *channel, uint64_t count)
{
    await(&channel->lock, &channel->changed, channel->next >= count && !channel->lent);
}

void fake_await_acknowledged(struct fake_channel *channel, uint64_t count)
{
    await(&channel->lock, &channel->changed, channel->acknowledged >= count);
}

void fake_await_written(struct fake_channel *channel, uint64_t count)
{
    await(&channel->lock, &channel->changed, channel->written_count >= count);
}

#define FAKE_CHANNEL(keeps_, is_durable_)                                                           \
    {                                                                                               \
        .table = {.size = sizeof(struct leat_plugin), .kind = LEAT_PLUGIN_CHANNEL, .name = "fake"}, \
        .channel = {.size = sizeof(struct leat_channel_ops),                                        \
                    .keeps = (keeps_),                                                              \
                    .reader_open = reader_open,                                                     \
                    .borrow = borrow,                                                               \
                    .release = release,                                                             \
                    .acknowledge = acknowledge,                                                     \
                    .reader_close = reader_close,                                                   \
                    .writer_open = writer_open,                                                     \
                    .claim = claim,                                                                 \
                    .commit = commit,                                                               \
                    .abort = reader_close,                                                          \
                    .writer_close = reader_close,                                                   \
                    .reader_is_durable = (is_durable_)},                                            \
    }

const struct plugin fake_channel_durable =
    FAKE_CHANNEL(LEAT_CHANNEL_KEEPS_METADATA | LEAT_CHANNEL_DURABLE, reader_is_durable);
const struct plugin fake_channel_volatile = FAKE_CHANNEL(LEAT_CHANNEL_KEEPS_METADATA, NULL);
