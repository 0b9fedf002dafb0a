/* @NAME@: a channel plugin. As it stands, a ring of messages in the worker's own memory: it joins bridges of one worker
 * (`worker = X` in both), and every reader sees every message.
 *
 *     channel = @NAME@://WHERE
 *
 * What to change: put your medium where struct ring is; keep what the comments promise. <leat/plugin/channel.h> is the contract.
 * A medium that can only be read keeps all slots: check() refuses `outward` 0, writer_open returns -ENOTSUP, and the others of a
 * writer are never called. */
#include <errno.h>
#include <leat/plugin/channel.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- options: one row each; the gateway parses, checks and documents them ------------------------------------------ */

struct options {
    int64_t keep;
    uint64_t largest;
};

static const struct leat_option rows[] = {
    LEAT_OPTION_RANGE(struct options, keep, "keep", LEAT_OPTION_INT, "1024", 1, 1000000,
                      "Messages that are kept. A reader that is further behind loses the oldest ones and is told."),
    LEAT_OPTION_RANGE(struct options, largest, "largest", LEAT_OPTION_SIZE, "64MiB", 1, INT64_C(1) << 40,
                      "A larger message is refused, and counts as oversize."),
};

/* For what the table cannot say: pure, opens nothing, blames as often as there is something wrong. NULL in `ops` when there is
 * nothing to look at. */
static int32_t check(const struct leat_host *host, const char *where, const void *options, uint32_t outward)
{
    (void)options, (void)outward;
    if (*where)
        return 0;
    host->blame(host->context, "channel", "a name must follow, as in @NAME@://quotes");
    return -EINVAL;
}

/* ---- the medium ---------------------------------------------------------------------------------------------------- */

struct item {
    unsigned char *data;
    uint64_t len, tag, time_ns;
};

struct ring {
    struct ring *next;
    char *name;
    unsigned users;
    pthread_mutex_t lock;
    pthread_cond_t published;
    struct item *items; /* number n is items[n % keep] */
    uint64_t keep, written;
};

static pthread_mutex_t rings_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ring *rings;

static struct ring *ring_new(const char *name, uint64_t keep)
{
    struct ring *ring = calloc(1, sizeof *ring);
    if (!ring || !(ring->name = strdup(name)) || !(ring->items = calloc(keep, sizeof *ring->items))) {
        if (ring)
            free(ring->name);
        free(ring);
        return NULL;
    }
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&ring->published, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&ring->lock, NULL);
    ring->keep = keep;
    ring->next = rings;
    return rings = ring;
}

/* The ring of that name; whoever comes first makes it. */
static struct ring *ring_join(const char *name, const struct options *options)
{
    pthread_mutex_lock(&rings_lock);
    struct ring *ring = rings;
    while (ring && strcmp(ring->name, name) != 0)
        ring = ring->next;
    if (!ring)
        ring = ring_new(name, (uint64_t)options->keep);
    if (ring)
        ring->users++;
    pthread_mutex_unlock(&rings_lock);
    return ring;
}

static void ring_leave(struct ring *ring)
{
    pthread_mutex_lock(&rings_lock);
    if (--ring->users == 0) {
        struct ring **link = &rings;
        while (*link != ring)
            link = &(*link)->next;
        *link = ring->next;
        for (uint64_t i = 0; i < ring->keep; i++)
            free(ring->items[i].data);
        pthread_cond_destroy(&ring->published);
        pthread_mutex_destroy(&ring->lock);
        free(ring->items);
        free(ring->name);
        free(ring);
    }
    pthread_mutex_unlock(&rings_lock);
}

/* ---- reading: one thread, borrow and release in turn --------------------------------------------------------------- */

struct reader {
    struct ring *ring;
    uint64_t next; /* number of the message to read */
    void *buffer;  /* a copy: what is borrowed stays as it is until the release */
    uint64_t size;
};

/* `name` is the bridge's: a channel that can resume keeps a position under it. -ENOENT: not there yet, the lane tries again. */
static int32_t reader_open(void **out, const struct leat_host *host, const char *where, const void *options,
                           const char *name)
{
    (void)host, (void)name;
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader || !(reader->ring = ring_join(where, options))) {
        free(reader);
        return -ENOMEM;
    }
    *out = reader;
    return 0;
}

/* Waits for the next message, and never longer than it may. Called under the lock. */
static int32_t await(struct reader *reader, int64_t timeout_ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + timeout_ns % 1000000000;
    until.tv_sec += timeout_ns / 1000000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    while (reader->next == reader->ring->written) {
        if (timeout_ns == 0)
            return LEAT_EAGAIN;
        if (timeout_ns < 0) /* for ever */
            pthread_cond_wait(&reader->ring->published, &reader->ring->lock);
        else if (pthread_cond_timedwait(&reader->ring->published, &reader->ring->lock, &until) != 0)
            return LEAT_ETIMEDOUT;
    }
    return 0;
}

static int32_t copy(struct reader *reader, struct leat_message *message)
{
    struct ring *ring = reader->ring;
    uint64_t oldest = ring->written > ring->keep ? ring->written - ring->keep : 0;
    uint64_t number = reader->next < oldest ? oldest : reader->next;
    const struct item *item = &ring->items[number % ring->keep];
    if (item->len > reader->size) {
        void *larger = realloc(reader->buffer, item->len);
        if (!larger)
            return -ENOMEM;
        reader->buffer = larger;
        reader->size = item->len;
    }
    if (item->len)
        memcpy(reader->buffer, item->data, item->len);
    *message = (struct leat_message){.data = reader->buffer,
                                     .len = item->len,
                                     .sequence = number,
                                     .time_ns = item->time_ns,
                                     .tag = item->tag,
                                     .lost = number - reader->next, /* the books want to know */
                                     .cursor = number};
    reader->next = number + 1;
    return 0;
}

static int32_t borrow(void *of, struct leat_message *message, int64_t timeout_ns)
{
    struct reader *reader = of;
    pthread_mutex_lock(&reader->ring->lock);
    int32_t error = await(reader, timeout_ns);
    if (!error)
        error = copy(reader, message);
    pthread_mutex_unlock(&reader->ring->lock);
    return error;
}

/* LEAT_ELAPPED where the bytes may have changed under the borrower; a copy does not. */
static int32_t release(void *reader)
{
    (void)reader;
    return 0;
}

/* All messages up to this one are done with: from another thread than borrow's. For channels that resume. */
static void acknowledge(void *reader, uint64_t cursor, uint64_t sequence)
{
    (void)reader, (void)cursor, (void)sequence;
}

static void reader_close(void *of)
{
    struct reader *reader = of;
    ring_leave(reader->ring);
    free(reader->buffer);
    free(reader);
}

/* ---- writing: one thread, claim and then commit or abort ------------------------------------------------------------ */

struct writer {
    struct ring *ring;
    uint64_t largest;
    unsigned char *claimed;
};

static int32_t writer_open(void **out, const struct leat_host *host, const char *where, const void *of)
{
    (void)host;
    const struct options *options = of;
    struct writer *writer = calloc(1, sizeof *writer);
    if (!writer || !(writer->ring = ring_join(where, options))) {
        free(writer);
        return -ENOMEM;
    }
    writer->largest = options->largest;
    *out = writer;
    return 0;
}

/* Room for a message. A medium that can be full waits here, and never longer than it may: LEAT_ETIMEDOUT, LEAT_EAGAIN. */
static int32_t claim(void *of, uint64_t len, void **data, int64_t timeout_ns)
{
    (void)timeout_ns;
    struct writer *writer = of;
    if (len > writer->largest)
        return LEAT_ETOOBIG;
    free(writer->claimed);
    writer->claimed = malloc(len ? len : 1);
    *data = writer->claimed;
    return writer->claimed ? 0 : -ENOMEM;
}

static int32_t commit(void *of, uint64_t len, uint64_t tag)
{
    struct writer *writer = of;
    struct ring *ring = writer->ring;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&ring->lock);
    struct item *item = &ring->items[ring->written++ % ring->keep];
    free(item->data);
    *item = (struct item){.data = writer->claimed,
                          .len = len,
                          .tag = tag,
                          .time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec};
    writer->claimed = NULL;
    pthread_cond_broadcast(&ring->published);
    pthread_mutex_unlock(&ring->lock);
    return 0;
}

static void abort_claim(void *of)
{
    struct writer *writer = of;
    free(writer->claimed);
    writer->claimed = NULL;
}

static void writer_close(void *of)
{
    struct writer *writer = of;
    abort_claim(writer);
    ring_leave(writer->ring);
    free(writer);
}

/* ---- the tables ----------------------------------------------------------------------------------------------------- */

static const char reference[] =
    "@NAME@ keeps messages in the memory of the gateway's worker, for bridges of the same worker.\n"
    "\n"
    "What it keeps: bytes, time and tag. What it cannot: outlive the worker, or wait for a slow reader.\n"
    "\n"
    "Example:\n"
    "\n"
    "    channel    = @NAME@://quotes\n"
    "    @NAME@.keep = 4096\n";

static const struct leat_channel_ops ops = {
    .size = sizeof(struct leat_channel_ops),
    .keeps = LEAT_CHANNEL_KEEPS_METADATA, /* only what is true: patterns of questions need the tag */
    .check = check,
    .reader_open = reader_open,
    .borrow = borrow,
    .release = release,
    .acknowledge = acknowledge,
    .reader_close = reader_close,
    .writer_open = writer_open,
    .claim = claim,
    .commit = commit,
    .abort = abort_claim,
    .writer_close = writer_close,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_CHANNEL,
    .options_size = sizeof(struct options),
    .name = "@NAME@",
    .version = "0.1",
    .summary = "Messages in the worker's own memory",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .channel = &ops,
};
