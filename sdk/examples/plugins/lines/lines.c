/* lines: each line of a file, a FIFO or standard input is a message; inward each message becomes a line at the end of a file.
 *
 * A message's cursor is the place in the file behind its line. What has been acknowledged is kept in a small file beside it. */
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
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_NS INT64_C(10000000) /* how often to look at a file that has come to its end */

struct options {
    uint32_t follow, from, separator, durable, mode;
    uint64_t line_max;
};

/* A reader, or a writer. */
struct end {
    const struct options *options;
    char path[PATH_MAX];
    int file, kept;          /* kept: the position's file, or -1 */
    struct stat id;          /* of the open file */
    size_t start, next, end; /* in the buffer: the line that is lent out, what is behind it, and behind all */
    uint64_t offset;         /* of `end`, in the file */
    uint64_t sequence;
    _Atomic uint64_t acknowledged; /* the sequence after the last */
    char buffer[];                 /* one largest line and its separator */
};

#define SEPARATOR(end) ("\n"[(end)->options->separator]) /* or its terminating NUL */

static int32_t check(const struct leat_host *host, const char *where, const void *options, uint32_t outward)
{
    (void)options;
    if (*where == '/' || (strcmp(where, "-") == 0 && outward))
        return 0;
    host->blame(host->context, "channel", "expected a path, lines:///var/log/app.log, or outward lines://-");
    return -EINVAL;
}

static void end_close(void *of)
{
    struct end *end = of;
    close(end->file); /* -1 is harmless */
    close(end->kept);
    free(end);
}

static struct end *end_new(const char *where, const struct options *options)
{
    struct end *end = calloc(1, sizeof *end + options->line_max + 1);
    if (!end)
        return NULL;
    end->options = options;
    end->file = end->kept = -1;
    snprintf(end->path, sizeof end->path, "%s", *where == '-' ? "/dev/stdin" : where);
    return end;
}

static bool is_replaced(const struct end *end)
{
    struct stat there;
    return stat(end->path, &there) == 0 && (there.st_ino != end->id.st_ino || there.st_dev != end->id.st_dev);
}

static void acknowledge(void *of, uint64_t cursor, uint64_t sequence)
{
    struct end *end = of;
    const uint64_t position[3] = {end->id.st_ino, cursor, sequence + 1};
    if (end->kept < 0 || pwrite(end->kept, position, sizeof position, 0) > 0)
        atomic_store(&end->acknowledged, sequence + 1);
}

/* Goes on where the last reader of this name was, also in a file that has been renamed to PATH.1 since. */
static void resume(struct end *end, const char *name)
{
    char path[PATH_MAX + 256];
    struct stat old;
    uint64_t position[3];
    end->offset = end->options->from ? (uint64_t)end->id.st_size : 0;
    snprintf(path, sizeof path, "%s.%s", end->path, name);
    if (end->options->durable)
        end->kept = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (end->kept < 0 || pread(end->kept, position, sizeof position, 0) != (ssize_t)sizeof position)
        return;
    snprintf(path, sizeof path, "%s.1", end->path);
    if (position[0] != end->id.st_ino && stat(path, &old) == 0 && old.st_ino == position[0]) {
        close(end->file);
        end->file = open(path, O_RDONLY | O_CLOEXEC);
        end->id = old;
    }
    end->acknowledged = end->sequence = position[2];
    end->offset = position[0] == end->id.st_ino && position[1] <= (uint64_t)end->id.st_size ? position[1] : 0;
}

static uint32_t reader_is_durable(void *of)
{
    return ((const struct end *)of)->kept >= 0;
}

static int32_t reader_open(void **out, const struct leat_host *host, const char *where, const void *options,
                           const char *name)
{
    struct end *end = end_new(where, options);
    (void)host;
    if (!end)
        return -ENOMEM;
    /* A FIFO that is also open for writing here does not end with each writer. */
    bool fifo = *where != '-' && stat(end->path, &end->id) == 0 && S_ISFIFO(end->id.st_mode);
    end->file = open(end->path, (fifo ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
    if (end->file < 0 || fstat(end->file, &end->id) != 0) {
        int32_t error = -errno;
        end_close(end);
        return error;
    }
    if (S_ISREG(end->id.st_mode))
        resume(end, name);
    lseek(end->file, (off_t)end->offset, SEEK_SET);
    *out = end;
    return 0;
}

/* Reads on. How many bytes, 0 at the end, or -errno. */
static ssize_t fill(struct end *end)
{
    memmove(end->buffer, end->buffer + end->start, end->end - end->start);
    end->end -= end->start;
    end->start = 0;
    ssize_t got = read(end->file, end->buffer + end->end, end->options->line_max + 1 - end->end);
    if (got < 0)
        return -errno;
    end->end += (size_t)got, end->offset += (uint64_t)got;
    return got;
}

/* The next line: one that is whole, the largest part of one that is too long, or at the end of a file the last one. */
static bool lend(struct end *end, struct leat_message *message, bool at_end)
{
    char *line = end->buffer + end->start;
    size_t len = end->end - end->start;
    const char *stop = memchr(line, SEPARATOR(end), len);
    if (stop)
        len = (size_t)(stop - line);
    else if (len > end->options->line_max)
        len = end->options->line_max;
    else if (len == 0 || !at_end)
        return false;
    end->next = end->start + len + (stop != NULL);
    uint64_t behind = end->offset - (end->end - end->next);
    *message = (struct leat_message){.data = line, .len = len, .sequence = end->sequence, .cursor = behind};
    return true;
}

/* Goes on with what is there now, once all that was read before is acknowledged: until then positions are those of the old file. */
static bool renew(struct end *end)
{
    int file = atomic_load(&end->acknowledged) == end->sequence ? open(end->path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return false;
    close(end->file);
    end->file = file;
    end->offset = end->start = end->end = 0;
    return fstat(file, &end->id) == 0;
}

static int32_t borrow(void *of, struct leat_message *message, int64_t timeout_ns)
{
    struct end *end = of;
    struct stat now;
    for (int64_t waited_ns = 0;; waited_ns += LOOK_NS) {
        ssize_t got = 1;
        while (!lend(end, message, false) && got > 0)
            got = fill(end);
        if (got > 0)
            return 0;
        if (got < 0 && got != -EAGAIN && got != -EINTR)
            return (int32_t)got;
        bool grows = S_ISREG(end->id.st_mode) && end->options->follow && fstat(end->file, &now) == 0;
        bool gone = grows && ((uint64_t)now.st_size < end->offset || is_replaced(end));
        if (got == 0 && (gone || !grows) && lend(end, message, true))
            return 0;
        if (gone && renew(end))
            continue;
        if (timeout_ns >= 0 && waited_ns >= timeout_ns)
            return timeout_ns ? LEAT_ETIMEDOUT : LEAT_EAGAIN;
        int64_t left_ns = timeout_ns < 0 || timeout_ns - waited_ns > LOOK_NS ? LOOK_NS : timeout_ns - waited_ns;
        struct pollfd more = {.fd = got == 0 ? -1 : end->file, .events = POLLIN}; /* an end is always "ready" */
        ppoll(&more, 1, &(struct timespec){.tv_nsec = left_ns}, NULL);
    }
}

static int32_t release(void *of)
{
    struct end *end = of;
    end->start = end->next;
    end->sequence++;
    return 0;
}

/* Opens the file, also anew when another one has its path. */
static int32_t open_for_writing(struct end *end)
{
    if (end->file >= 0 && !is_replaced(end) && access(end->path, F_OK) == 0)
        return 0;
    close(end->file);
    end->file = open(end->path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, (mode_t)end->options->mode);
    return end->file < 0 || fstat(end->file, &end->id) != 0 ? -errno : 0;
}

static int32_t writer_open(void **out, const struct leat_host *host, const char *where, const void *options)
{
    struct end *end = end_new(where, options);
    (void)host;
    int32_t error = end ? open_for_writing(end) : -ENOMEM;
    if (error && end)
        end_close(end);
    else if (!error)
        *out = end;
    return error;
}

static int32_t claim(void *of, uint64_t len, void **data, int64_t timeout_ns)
{
    struct end *end = of;
    (void)timeout_ns;
    *data = end->buffer;
    return len > end->options->line_max ? LEAT_ETOOBIG : 0;
}

static void abort_claim(void *end)
{
    (void)end;
}

static int32_t commit(void *of, uint64_t len, uint64_t tag)
{
    struct end *end = of;
    (void)tag;
    if (memchr(end->buffer, SEPARATOR(end), len))
        return -EINVAL; /* it would be two */
    int32_t error = open_for_writing(end);
    if (error)
        return error;
    end->buffer[len] = SEPARATOR(end);
    ssize_t put = write(end->file, end->buffer, len + 1); /* one, so that lines of several writers do not mix */
    if (put >= 0 && (size_t)put <= len)
        return ftruncate(end->file, lseek(end->file, 0, SEEK_CUR) - put) != 0 ? -EIO : -ENOSPC;
    return put < 0 ? -errno : 0;
}

static const struct leat_option rows[] = {
    LEAT_OPTION(struct options, follow, "follow", LEAT_OPTION_BOOL, "yes",
                "Outward: go on with what is added at the end, or comes in the file's place. no: it ends there."),
    LEAT_OPTION_CHOICES(struct options, from, "from", "start", "start|end", "Outward: where a new reader begins."),
    LEAT_OPTION_CHOICES(struct options, separator, "separator", "newline", "newline|nul", "What ends a line."),
    LEAT_OPTION_RANGE(struct options, line_max, "line_max", LEAT_OPTION_SIZE, "1MiB", 1, 1 << 30,
                      "Outward a longer line comes in parts, inward a longer message is dropped as oversize."),
    LEAT_OPTION(struct options, durable, "durable", LEAT_OPTION_BOOL, "yes", "Outward: keep the position beside it."),
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
    .reader_close = end_close,
    .writer_open = writer_open,
    .claim = claim,
    .commit = commit,
    .abort = abort_claim,
    .writer_close = end_close,
    .reader_is_durable = reader_is_durable,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .kind = LEAT_PLUGIN_CHANNEL,
    .options_size = sizeof(struct options),
    .name = "lines",
    .version = "1.0",
    .summary = "The lines of a file, a FIFO or standard input",
    .reference = "lines:///PATH, or lines://- for standard input. Each line is a message, each message a line.\n",
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .channel = &ops,
};
