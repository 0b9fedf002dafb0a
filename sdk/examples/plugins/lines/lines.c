/* lines: each line of a file, a FIFO or standard input is a message; inward each message becomes a line at the end of a file.
 *
 * The reader goes through a buffer of one largest line. Its cursor is the place in the file behind a line; what has been
 * acknowledged is kept in a small file of its own, with the inode that it counts for. */
#define _GNU_SOURCE
#include <leat/plugin/channel.h>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PART_MS 50 /* for how long commit() may wait */

struct options {
    const char *positions;
    uint32_t follow, from, separator, mode;
    uint64_t line_max;
};

struct reader {
    const struct leat_host *host;
    const struct options *options;
    char path[PATH_MAX];
    int file, changes, position; /* changes: inotify's; position: where it is kept, or -1 */
    struct stat id;              /* of the open file */
    bool over;                   /* nothing more will come */
    bool skipping;               /* the rest of a line that is too long */
    char *buffer;
    size_t start, searched, end; /* in the buffer: what is not handed out yet */
    uint64_t offset;             /* in the file: where `end` is */
    uint64_t sequence, lost;
    _Atomic uint64_t acknowledged; /* the sequence after the last */
};

struct writer {
    const struct options *options;
    char path[PATH_MAX];
    int file;
    struct stat id;
    char *buffer; /* a separator, the message, a separator */
    size_t done;  /* bytes of it that are written; 0: none, or no message */
    bool torn;    /* a line was left without its end: the next message begins with it */
};

static char separator_of(const struct options *options)
{
    return options->separator ? '\0' : '\n';
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

static int32_t check(const struct leat_host *host, const char *where, const void *of, uint32_t outward)
{
    const struct options *options = of;
    struct stat found;
    const char *wrong = NULL, *option = "channel";
    if (*where != '/' && strcmp(where, "-") != 0)
        wrong = "expected the whole path, lines:///var/log/app.log, or lines://- for standard input";
    else if (!outward && *where == '-')
        wrong = "standard input can only be read";
    else if (stat(where, &found) == 0 && S_ISDIR(found.st_mode))
        wrong = "is a folder";
    else if (options->positions && (stat(options->positions, &found) != 0 || !S_ISDIR(found.st_mode)))
        wrong = "is not a folder on this host", option = "positions";
    if (wrong)
        host->blame(host->context, option, wrong);
    return wrong ? -EINVAL : 0;
}

/* ---- the position ------------------------------------------------------------------------------------------------------ */

static void acknowledge(void *of, uint64_t cursor, uint64_t sequence)
{
    struct reader *reader = of;
    char text[80];
    int len = snprintf(text, sizeof text, "%20llu %20llu %20llu\n", (unsigned long long)reader->id.st_ino,
                       (unsigned long long)cursor, (unsigned long long)sequence + 1);
    if (reader->position >= 0 && pwrite(reader->position, text, (size_t)len, 0) < 0 && errno != ENOSPC)
        reader->host->log(reader->host->context, LEAT_LOG_WARNING, "the position cannot be stored");
    atomic_store(&reader->acknowledged, sequence + 1);
}

/* Goes on where the last reader of this name was, also when the file has been renamed to PATH.1 since. */
static void resume(struct reader *reader)
{
    char text[80] = "", old[PATH_MAX + 2];
    unsigned long long inode = 0, offset = 0, sequence = 0;
    struct stat rotated;
    if (reader->position < 0 || pread(reader->position, text, sizeof text - 1, 0) <= 0 ||
        sscanf(text, "%llu %llu %llu", &inode, &offset, &sequence) != 3) {
        if (reader->options->from == 1)
            reader->offset = (uint64_t)reader->id.st_size;
        return;
    }
    snprintf(old, sizeof old, "%s.1", reader->path);
    reader->acknowledged = reader->sequence = sequence;
    if (inode != reader->id.st_ino && stat(old, &rotated) == 0 && rotated.st_ino == inode) {
        int file = open(old, O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            close(reader->file);
            reader->file = file;
            reader->id = rotated;
        }
    }
    if (inode == reader->id.st_ino && offset <= (uint64_t)reader->id.st_size)
        reader->offset = offset;
}

static void open_position(struct reader *reader, const char *name)
{
    char path[PATH_MAX], flat[PATH_MAX];
    snprintf(flat, sizeof flat, "%s", reader->path);
    for (char *c = flat; (c = strchr(c, '/')) != NULL;)
        *c = '%';
    if (snprintf(path, sizeof path, "%s/%s%s", reader->options->positions, name, flat) < (int)sizeof path)
        reader->position = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (reader->position < 0)
        reader->host->log(reader->host->context, LEAT_LOG_WARNING, "no position can be kept in lines.positions");
}

static uint32_t reader_is_durable(void *of)
{
    return ((const struct reader *)of)->position >= 0;
}

static uint32_t keeps_with(const void *of)
{
    return ((const struct options *)of)->positions ? LEAT_CHANNEL_DURABLE : 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

static void reader_close(void *of)
{
    struct reader *reader = of;
    if (!reader)
        return;
    int files[] = {reader->file, reader->changes, reader->position};
    for (size_t i = 0; i < 3; i++)
        if (files[i] >= 0)
            close(files[i]);
    free(reader->buffer);
    free(reader);
}

static void watch(struct reader *reader)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(reader->path, '/') - reader->path + 1), reader->path);
    reader->changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (reader->changes >= 0) /* without it borrow() looks again when its time is over */
        inotify_add_watch(reader->changes, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO);
}

static int32_t reader_open(void **out, const struct leat_host *host, const char *where, const void *options,
                           const char *name)
{
    struct reader *reader = *where == '/' || *where == '-' ? calloc(1, sizeof *reader) : NULL;
    if (!reader)
        return *where == '/' ? -ENOMEM : -EINVAL;
    *reader = (struct reader){.host = host, .options = options, .file = -1, .changes = -1, .position = -1};
    snprintf(reader->path, sizeof reader->path, "%s", where);
    reader->buffer = malloc(reader->options->line_max + 1);
    bool input = *where == '-', fifo = !input && stat(where, &reader->id) == 0 && S_ISFIFO(reader->id.st_mode);
    /* A FIFO that is also open for writing here does not end with each writer. */
    reader->file = input ? dup(STDIN_FILENO) : open(where, (fifo ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (!reader->buffer || reader->file < 0 || fstat(reader->file, &reader->id) != 0) {
        int error = reader->buffer ? -errno : -ENOMEM;
        reader_close(reader);
        return error;
    }
    if (!input && S_ISREG(reader->id.st_mode)) {
        watch(reader);
        if (reader->options->positions)
            open_position(reader, name);
        resume(reader);
        lseek(reader->file, (off_t)reader->offset, SEEK_SET);
    }
    *out = reader;
    return 0;
}

/* The next line that is whole; or, with `rest`, what is left of the last one. */
static bool next_line(struct reader *reader, struct leat_message *message, bool rest)
{
    char *begin = reader->buffer + reader->start;
    char *stop =
        memchr(reader->buffer + reader->searched, separator_of(reader->options), reader->end - reader->searched);
    reader->searched = reader->end;
    if (!stop && (!rest || reader->start == reader->end))
        return false;
    size_t len = stop ? (size_t)(stop - begin) : reader->end - reader->start;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    reader->searched = reader->start + len + (stop != NULL);
    if (reader->skipping) {
        reader->start = reader->searched;
        reader->skipping = false;
        return next_line(reader, message, rest);
    }
    *message = (struct leat_message){.data = begin,
                                     .len = len,
                                     .sequence = reader->sequence,
                                     .lost = reader->lost,
                                     .time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
                                     .cursor = reader->offset - (reader->end - reader->searched)};
    return true;
}

static int32_t release(void *of)
{
    struct reader *reader = of;
    reader->start = reader->searched;
    reader->sequence++;
    reader->lost = 0;
    return 0;
}

/* Reads on. How many bytes, 0 when nothing is there now, or -errno. */
static ssize_t fill(struct reader *reader)
{
    memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
    reader->end -= reader->start;
    reader->searched -= reader->start;
    reader->start = 0;
    if (reader->end > reader->options->line_max) { /* a line that is too long counts as lost */
        reader->lost += !reader->skipping;
        reader->skipping = true;
        reader->end = reader->searched = 0;
    }
    struct pollfd poll_file = {.fd = reader->file, .events = POLLIN};
    if (poll(&poll_file, 1, 0) == 0)
        return 0;
    ssize_t got = read(reader->file, reader->buffer + reader->end, reader->options->line_max + 1 - reader->end);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    reader->over = got == 0 && !(reader->options->follow && S_ISREG(reader->id.st_mode));
    reader->end += (size_t)got;
    reader->offset += (uint64_t)got;
    return got;
}

/* At the end of a followed file, with every line acknowledged: whether it was cut, or another one has come in its place. */
static bool is_renewed(struct reader *reader)
{
    struct stat open_file, there;
    if (!reader->options->follow || !S_ISREG(reader->id.st_mode) || fstat(reader->file, &open_file) != 0)
        return false;
    if ((uint64_t)open_file.st_size < reader->offset)
        return true;
    return stat(reader->path, &there) == 0 && !is_same(&there, &open_file);
}

static void renew(struct reader *reader)
{
    int file = open(reader->path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    close(reader->file);
    reader->file = file;
    fstat(file, &reader->id);
    reader->offset = reader->start = reader->searched = reader->end = 0;
    reader->skipping = false;
}

static void wait_for_change(struct reader *reader, int64_t ns)
{
    char events[4096];
    struct timespec most = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    int file = S_ISREG(reader->id.st_mode) ? reader->changes : reader->over ? -1 : reader->file;
    ppoll(&(struct pollfd){.fd = file, .events = POLLIN}, 1, &most, NULL);
    while (reader->changes >= 0 && read(reader->changes, events, sizeof events) > 0)
        continue;
}

static int32_t borrow(void *of, struct leat_message *message, int64_t timeout_ns)
{
    struct reader *reader = of;
    const struct leat_host *host = reader->host;
    int64_t begin = host->now_ns(host->context);
    for (;;) {
        if (next_line(reader, message, reader->over))
            return 0;
        ssize_t got = fill(reader);
        if (got < 0)
            return (int32_t)got;
        if (got > 0)
            continue;
        if (is_renewed(reader)) {
            if (next_line(reader, message, true))
                return 0;
            if (atomic_load(&reader->acknowledged) == reader->sequence) {
                renew(reader);
                continue;
            }
        }
        int64_t left = begin + timeout_ns - host->now_ns(host->context);
        if (timeout_ns >= 0 && left <= 0)
            return timeout_ns ? LEAT_ETIMEDOUT : LEAT_EAGAIN;
        wait_for_change(reader, timeout_ns < 0 || left > 50000000 ? 50000000 : left);
    }
}

/* ---- writing ------------------------------------------------------------------------------------------------------------- */

static void writer_close(void *of)
{
    struct writer *writer = of;
    if (!writer)
        return;
    if (writer->file >= 0)
        close(writer->file);
    free(writer->buffer);
    free(writer);
}

/* Opens the file where it is not open, or not the one any more that has this path. */
static int32_t open_file(struct writer *writer)
{
    struct stat there;
    char last = separator_of(writer->options);
    bool is_there = stat(writer->path, &there) == 0, fifo = is_there && S_ISFIFO(there.st_mode);
    if (writer->file >= 0 && is_there && is_same(&there, &writer->id))
        return 0;
    if (writer->file >= 0)
        close(writer->file);
    writer->file = open(writer->path, (fifo ? O_WRONLY : O_RDWR | O_CREAT) | O_APPEND | O_NONBLOCK | O_CLOEXEC,
                        (mode_t)writer->options->mode);
    if (writer->file < 0)
        return errno == ENXIO ? -ENOTCONN : -errno; /* a FIFO that nobody reads */
    fstat(writer->file, &writer->id);
    if (writer->id.st_size > 0 && pread(writer->file, &last, 1, (off_t)writer->id.st_size - 1) < 0)
        return -errno;
    writer->torn = last != separator_of(writer->options);
    return 0;
}

static int32_t writer_open(void **out, const struct leat_host *host, const char *where, const void *options)
{
    struct writer *writer = calloc(1, sizeof *writer);
    (void)host;
    if (!writer)
        return -ENOMEM;
    writer->options = options;
    writer->file = -1;
    snprintf(writer->path, sizeof writer->path, "%s", where);
    writer->buffer = malloc(writer->options->line_max + 2);
    int32_t error = writer->buffer ? open_file(writer) : -ENOMEM;
    if (error)
        writer_close(writer);
    else
        *out = writer;
    return error;
}

static int32_t claim(void *of, uint64_t len, void **data, int64_t timeout_ns)
{
    struct writer *writer = of;
    (void)timeout_ns;
    *data = writer->buffer + 1;
    return len > writer->options->line_max ? LEAT_ETOOBIG : 0;
}

static void abort_line(void *of)
{
    struct writer *writer = of;
    writer->torn = writer->done > 1 || (writer->torn && writer->done == 0);
    writer->done = 0;
}

static int32_t commit(void *of, uint64_t len, uint64_t tag)
{
    struct writer *writer = of;
    (void)tag;
    char separator = separator_of(writer->options), *begin = writer->buffer + 1;
    if (writer->done == 0) {
        if (memchr(begin, separator, len))
            return -EINVAL; /* it would be two */
        int32_t error = open_file(writer);
        if (error)
            return error;
        begin[-1] = begin[len] = separator;
        writer->done = 1 - writer->torn;
    }
    while (writer->done < len + 2) {
        ssize_t put = write(writer->file, writer->buffer + writer->done, len + 2 - writer->done);
        if (put >= 0) {
            writer->done += (size_t)put;
        } else if (errno == EAGAIN) {
            if (poll(&(struct pollfd){.fd = writer->file, .events = POLLOUT}, 1, PART_MS) == 0)
                return LEAT_ETIMEDOUT;
        } else if (errno != EINTR) {
            int error = errno;
            abort_line(writer);
            return error == EPIPE ? -ENOTCONN : -error;
        }
    }
    writer->done = 0;
    writer->torn = false;
    return 0;
}

static const struct leat_option rows[] = {
    LEAT_OPTION(
        struct options, follow, "follow", LEAT_OPTION_BOOL, "yes",
        "Outward: wait at a file's end for what is added, and go on when it is cut or replaced, as tail -F does. "
        "no: a file ends there."),
    LEAT_OPTION_CHOICES(struct options, from, "from", "start", "start|end",
                        "Outward: where a file begins without a stored position."),
    LEAT_OPTION(struct options, positions, "positions", LEAT_OPTION_PATH, NULL,
                "Outward: folder for the bridge's position in a file, so that a restarted gateway goes on there."),
    LEAT_OPTION_CHOICES(struct options, separator, "separator", "newline", "newline|nul", "What ends a line."),
    LEAT_OPTION_RANGE(struct options, line_max, "line_max", LEAT_OPTION_SIZE, "1MiB", 1, 1 << 30,
                      "Outward a longer line counts as lost, inward a longer message as oversize."),
    LEAT_OPTION(struct options, mode, "mode", LEAT_OPTION_MODE, "0640", "Inward: permissions of a new file."),
};

static const struct leat_channel_ops ops = {
    .size = sizeof(struct leat_channel_ops),
    .keeps = LEAT_CHANNEL_DURABLE,
    .check = check,
    .reader_open = reader_open,
    .borrow = borrow,
    .release = release,
    .acknowledge = acknowledge,
    .reader_close = reader_close,
    .writer_open = writer_open,
    .claim = claim,
    .commit = commit,
    .abort = abort_line,
    .writer_close = writer_close,
    .reader_is_durable = reader_is_durable,
    .keeps_with = keeps_with,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .kind = LEAT_PLUGIN_CHANNEL,
    .options_size = sizeof(struct options),
    .name = "lines",
    .version = "1.0",
    .summary = "The lines of a file, a FIFO or standard input",
    .reference = "lines:///PATH, or lines://- for standard input.\n",
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .channel = &ops,
};
