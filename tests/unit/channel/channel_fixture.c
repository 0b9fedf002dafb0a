#include "channel_fixture.h"
#include "test_point.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct leat_channel_options options;
static char directory[64];

void fixture_open(void)
{
    snprintf(directory, sizeof directory, "/dev/shm/leat-unit-XXXXXX");
    cr_assert(mkdtemp(directory) != NULL);
    options = (struct leat_channel_options)LEAT_CHANNEL_OPTIONS_INIT;
    options.directory = directory;
    options.capacity_bytes = LEAT_CAPACITY_MIN;
}

void fixture_close(void)
{
    DIR *dir = opendir(directory);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        closedir(dir);
    rmdir(directory);
}

const char *segment_file(void)
{
    static char path[sizeof directory + 16];
    snprintf(path, sizeof path, "%s/leat.c", directory);
    return path;
}

void use_kind(uint32_t policy, uint32_t producers)
{
    options.policy = policy;
    options.producers = producers;
    remove_channel("c");
}

void remove_channel(const char *name)
{
    int rc = leat_channel_remove(directory, name, 1);
    cr_assert(rc == 0 || rc == -ENOENT, "%s", leat_error_text());
}

struct leat_writer *writer_on(const char *name)
{
    struct leat_writer *writer;
    int rc = leat_writer_open(&writer, name, &options);
    cr_assert(rc == 0, "%d %s", rc, leat_error_text());
    return writer;
}

static struct leat_reader *open_reader(const char *name, const struct leat_reader_options *how)
{
    struct leat_channel_options create = options;
    create.flags |= LEAT_OPEN_CREATE;
    struct leat_reader *reader;
    int rc = leat_reader_open(&reader, name, &create, how);
    cr_assert(rc == 0, "%d %s", rc, leat_error_text());
    return reader;
}

struct leat_reader *reader_from(const char *name, uint32_t start)
{
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    how.start = start;
    return open_reader(name, &how);
}

struct leat_reader *reader_on(const char *name)
{
    return reader_from(name, LEAT_FROM_OLDEST);
}

struct leat_reader *durable_on(const char *name, const char *reader, uint64_t hold_ns)
{
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    how.name = reader;
    how.hold_ns = hold_ns;
    return open_reader(name, &how);
}

void fill(void *buffer, size_t len, uint64_t tag)
{
    unsigned char *bytes = buffer;
    uint64_t state = tag * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (size_t i = 0; i < len; i++) {
        if (i % 8 == 0)
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        bytes[i] = (unsigned char)(state >> (i % 8 * 8));
    }
}

static unsigned char pattern[64 << 20];

bool is_filled(const void *buffer, size_t len, uint64_t tag)
{
    fill(pattern, len, tag);
    return memcmp(buffer, pattern, len) == 0;
}

int put(struct leat_writer *writer, uint64_t tag, size_t len, int64_t timeout_ns)
{
    fill(pattern, len, tag);
    return leat_publish(writer, pattern, len, tag, timeout_ns);
}

void must_put(struct leat_writer *writer, uint64_t tag, size_t len)
{
    int rc = put(writer, tag, len, PATIENCE_NS);
    cr_assert(rc == 0, "message %lu of %zu bytes: %s", (unsigned long)tag, len, leat_strerror(rc));
}

struct leat_message must_get(struct leat_reader *reader)
{
    static unsigned char buffer[sizeof pattern];
    struct leat_message message;
    int rc = leat_read(reader, buffer, sizeof buffer, &message, PATIENCE_NS);
    cr_assert(rc == 0, "%s", leat_strerror(rc));
    cr_assert(is_filled(buffer, message.len, message.tag), "message %lu (sequence %lu, %lu bytes) is garbled",
              (unsigned long)message.tag, (unsigned long)message.sequence, (unsigned long)message.len);
    return message;
}

void must_be_empty(struct leat_reader *reader)
{
    struct leat_message message;
    int rc = leat_borrow(reader, &message, 0);
    cr_assert(rc == LEAT_EAGAIN, "%s", leat_strerror(rc));
}

pid_t start_child(void (*body)(void *), void *argument)
{
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        alarm(60);
        body(argument);
        _exit(0);
    }
    return child;
}

int wait_child(pid_t child)
{
    int status;
    cr_assert(waitpid(child, &status, 0) == child);
    return status;
}

int in_child(void (*body)(void *), void *argument)
{
    return wait_child(start_child(body, argument));
}

static const char *fatal_point;
static int passes_left, fatal_signal;

static void arm(const char *point, int nth, int signal_number)
{
    fatal_point = point;
    passes_left = nth;
    fatal_signal = signal_number;
}

void die_at(const char *point, int nth)
{
    arm(point, nth, SIGKILL);
}

void stop_at(const char *point, int nth)
{
    arm(point, nth, SIGSTOP);
}

void leat_test_point(const char *name)
{
    if (fatal_point != NULL && strcmp(name, fatal_point) == 0 && --passes_left == 0)
        raise(fatal_signal);
}
