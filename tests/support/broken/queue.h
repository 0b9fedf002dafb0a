/* A channel plugin with nothing wrong in it, for fixtures to break in exactly one place: messages in a list of this process, bounded, each
 * for one reader. A fixture defines the macros below as it likes before it includes this. */
#ifndef TESTS_SUPPORT_BROKEN_QUEUE_H
#define TESTS_SUPPORT_BROKEN_QUEUE_H

#include <leat/plugin/channel.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef ON_READER_OPEN
#define ON_READER_OPEN
#endif
#ifndef ON_READER_CLOSE
#define ON_READER_CLOSE
#endif
#ifndef ON_WRITER_OPEN
#define ON_WRITER_OPEN
#endif
#ifndef ON_BORROW
#define ON_BORROW
#endif
#ifndef LOSES
#define LOSES(number) 0
#endif
#ifndef MEMORY
#define MEMORY(size) malloc(size)
#endif

#define QUEUE_MESSAGES 256

struct queue_message {
    uint64_t len, tag, number;
    struct queue_message *next;
    unsigned char bytes[];
};

struct queue_end {
    struct queue_message *out; /* lent, or claimed */
};

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_changed = PTHREAD_COND_INITIALIZER;
static struct queue_message *queue_first, **queue_last = &queue_first;
static uint64_t queue_count, queue_number;

static int32_t queue_open(void **end)
{
    struct queue_end *opened = malloc(sizeof *opened);
    if (!opened)
        return -ENOMEM;
    opened->out = NULL;
    *end = opened;
    return 0;
}

static int32_t reader_open(void **reader, const struct leat_host *host, const char *where, const void *options,
                           const char *name)
{
    (void)host, (void)where, (void)options, (void)name;
    ON_READER_OPEN;
    return queue_open(reader);
}

static struct timespec queue_deadline(int64_t timeout_ns)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + timeout_ns;
    return (struct timespec){.tv_sec = at.tv_sec + ns / 1000000000, .tv_nsec = ns % 1000000000};
}

static int32_t borrow(void *of, struct leat_message *message, int64_t timeout_ns)
{
    struct queue_end *reader = of;
    struct timespec at = queue_deadline(timeout_ns);
    ON_BORROW;
    pthread_mutex_lock(&queue_lock);
    while (!queue_first && pthread_cond_clockwait(&queue_changed, &queue_lock, CLOCK_MONOTONIC, &at) == 0)
        ;
    struct queue_message *first = queue_first;
    if (first) {
        queue_first = first->next;
        queue_last = queue_first ? queue_last : &queue_first;
        queue_count--;
        pthread_cond_broadcast(&queue_changed);
    }
    pthread_mutex_unlock(&queue_lock);
    if (!first)
        return LEAT_ETIMEDOUT;
    reader->out = first;
    *message = (struct leat_message){
        .data = first->bytes, .len = first->len, .tag = first->tag, .sequence = first->number, .cursor = first->number};
    return 0;
}

static int32_t release(void *of)
{
    struct queue_end *reader = of;
    free(reader->out);
    reader->out = NULL;
    return 0;
}

static void acknowledge(void *reader, uint64_t cursor, uint64_t sequence)
{
    (void)reader, (void)cursor, (void)sequence;
}

static void queue_close(void *of)
{
    struct queue_end *end = of;
    free(end->out);
    free(end);
}

static void reader_close(void *reader)
{
    ON_READER_CLOSE;
    queue_close(reader);
}

static int32_t writer_open(void **writer, const struct leat_host *host, const char *where, const void *options)
{
    (void)host, (void)where, (void)options;
    ON_WRITER_OPEN;
    return queue_open(writer);
}

static int32_t claim(void *of, uint64_t len, void **data, int64_t timeout_ns)
{
    struct queue_end *writer = of;
    struct timespec at = queue_deadline(timeout_ns);
    if (len > (UINT64_C(1) << 20))
        return LEAT_ETOOBIG;
    pthread_mutex_lock(&queue_lock);
    while (queue_count >= QUEUE_MESSAGES &&
           pthread_cond_clockwait(&queue_changed, &queue_lock, CLOCK_MONOTONIC, &at) == 0)
        ;
    int full = queue_count >= QUEUE_MESSAGES;
    pthread_mutex_unlock(&queue_lock);
    if (full)
        return LEAT_ETIMEDOUT;
    writer->out = MEMORY(sizeof *writer->out + len);
    if (!writer->out)
        return -ENOMEM;
    *data = writer->out->bytes;
    return 0;
}

static int32_t commit(void *of, uint64_t len, uint64_t tag)
{
    struct queue_end *writer = of;
    struct queue_message *message = writer->out;
    writer->out = NULL;
    if (!message)
        return -EINVAL;
    pthread_mutex_lock(&queue_lock);
    message->len = len;
    message->tag = tag;
    message->next = NULL;
    message->number = queue_number++;
    int lost = LOSES(message->number);
    if (!lost) {
        *queue_last = message;
        queue_last = &message->next;
        queue_count++;
    }
    pthread_cond_broadcast(&queue_changed);
    pthread_mutex_unlock(&queue_lock);
    if (lost)
        free(message);
    return 0;
}

static void abort_claim(void *of)
{
    struct queue_end *writer = of;
    free(writer->out);
    writer->out = NULL;
}

static const struct leat_channel_ops queue_ops = {.size = sizeof(struct leat_channel_ops),
                                                  .keeps = LEAT_CHANNEL_KEEPS_TAG,
                                                  .reader_open = reader_open,
                                                  .borrow = borrow,
                                                  .release = release,
                                                  .acknowledge = acknowledge,
                                                  .reader_close = reader_close,
                                                  .writer_open = writer_open,
                                                  .claim = claim,
                                                  .commit = commit,
                                                  .abort = abort_claim,
                                                  .writer_close = queue_close};

#define QUEUE_PLUGIN(name_)                                                                         \
    .size = sizeof(struct leat_plugin), .kind = LEAT_PLUGIN_CHANNEL, .name = name_, .version = "0", \
    .summary = "broken on purpose", .reference = "For tests.", .licence = "MIT", .channel = &queue_ops

#endif
