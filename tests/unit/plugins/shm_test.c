/* The shm channel through its table: both ends, durable positions, existing channels, what check() finds. */
#include "plug.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <leat/channel.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static char folder[] = "/tmp/leat-shm-XXXXXX";

static void set_up(void)
{
    cr_assert(mkdtemp(folder));
    setenv("LEAT_SHM_DIR", folder, 1);
}

static void tear_down(void)
{
    DIR *opened = opendir(folder);
    char path[512];
    for (struct dirent *entry; opened && (entry = readdir(opened));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    closedir(opened);
    rmdir(folder);
}

TestSuite(shm, .init = set_up, .fini = tear_down);

static const struct leat_channel_ops *ops(const struct plug *plug)
{
    return plug->plugin->channel;
}

static int32_t publish(struct plug *plug, void *writer, const char *text, uint64_t tag)
{
    void *data;
    int32_t error = ops(plug)->claim(writer, strlen(text), &data, SECOND);
    if (error)
        return error;
    memcpy(data, text, strlen(text));
    return ops(plug)->commit(writer, strlen(text), tag);
}

static void expect(struct plug *plug, void *reader, const char *text, struct leat_message *message)
{
    int32_t error = ops(plug)->borrow(reader, message, SECOND);
    cr_assert(error == 0, "%s: %d", text, error);
    cr_assert(message->len == strlen(text) && memcmp(message->data, text, message->len) == 0, "%.*s instead of %s",
              (int)message->len, (const char *)message->data, text);
    cr_assert(ops(plug)->release(reader) == 0);
}

static void *open_writer(struct plug *plug, const char *name)
{
    void *writer;
    cr_assert(ops(plug)->writer_open(&writer, &plug->host, name, plug->options.values) == 0, "%s", plug->heard);
    return writer;
}

static void *open_reader(struct plug *plug, const char *name)
{
    void *reader;
    cr_assert(ops(plug)->reader_open(&reader, &plug->host, name, plug->options.values, "gateway.bridge") == 0, "%s",
              plug->heard);
    return reader;
}

Test(shm, carries_messages_with_their_metadata)
{
    struct plug plug;
    struct leat_message message;
    plug_init(&plug, "shm", "");
    void *writer = open_writer(&plug, "quotes"), *reader = open_reader(&plug, "quotes");
    publish(&plug, writer, "one", 7);
    publish(&plug, writer, "", 8);
    expect(&plug, reader, "one", &message);
    cr_assert(message.tag == 7 && message.sequence == 0 && message.time_ns > 0 && message.lost == 0);
    expect(&plug, reader, "", &message);
    cr_assert(message.tag == 8 && message.sequence == 1);
    cr_assert(ops(&plug)->borrow(reader, &message, 0) == LEAT_EAGAIN);
    ops(&plug)->reader_close(reader);
    ops(&plug)->writer_close(writer);
    plug_fini(&plug);
}

Test(shm, an_aborted_claim_is_never_seen)
{
    struct plug plug;
    struct leat_message message;
    void *data;
    plug_init(&plug, "shm", "");
    void *writer = open_writer(&plug, "quotes"), *reader = open_reader(&plug, "quotes");
    cr_assert(ops(&plug)->claim(writer, 10, &data, 0) == 0);
    ops(&plug)->abort(writer);
    publish(&plug, writer, "after", 0);
    expect(&plug, reader, "after", &message);
    ops(&plug)->reader_close(reader);
    ops(&plug)->writer_close(writer);
    plug_fini(&plug);
}

Test(shm, an_outward_bridge_waits_for_the_channel_unless_told_to_create_it)
{
    struct plug waits, creates;
    void *reader;
    plug_init(&waits, "shm", "");
    plug_init(&creates, "shm", "create = yes\npolicy = block");
    cr_assert(ops(&waits)->reader_open(&reader, &waits.host, "later", waits.options.values, "g.b") == -ENOENT);
    cr_assert(!waits.heard[0], "%s", waits.heard);
    reader = open_reader(&creates, "later");
    ops(&creates)->reader_close(reader);
    plug_fini(&waits);
    plug_fini(&creates);
}

Test(shm, a_bridge_resumes_at_what_it_acknowledged)
{
    struct plug plug;
    struct leat_message first, second;
    plug_init(&plug, "shm", "");
    void *writer = open_writer(&plug, "jobs"), *reader = open_reader(&plug, "jobs");
    publish(&plug, writer, "one", 0);
    publish(&plug, writer, "two", 0);
    expect(&plug, reader, "one", &first);
    expect(&plug, reader, "two", &second);
    ops(&plug)->acknowledge(reader, first.cursor, first.sequence);
    ops(&plug)->reader_close(reader);
    reader = open_reader(&plug, "jobs");
    expect(&plug, reader, "two", &second);
    ops(&plug)->acknowledge(reader, second.cursor, second.sequence);
    ops(&plug)->reader_close(reader);
    publish(&plug, writer, "three", 0);
    reader = open_reader(&plug, "jobs");
    expect(&plug, reader, "three", &second);
    ops(&plug)->reader_close(reader);
    ops(&plug)->writer_close(writer);
    plug_fini(&plug);
}

Test(shm, a_bridge_that_is_not_durable_begins_where_it_is_told)
{
    struct plug plug;
    struct leat_message message;
    plug_init(&plug, "shm", "durable = no\nfrom = next");
    void *writer = open_writer(&plug, "quotes");
    publish(&plug, writer, "old", 0);
    void *reader = open_reader(&plug, "quotes");
    publish(&plug, writer, "new", 0);
    expect(&plug, reader, "new", &message);
    ops(&plug)->acknowledge(reader, message.cursor, message.sequence);
    ops(&plug)->reader_close(reader);
    ops(&plug)->writer_close(writer);
    plug_fini(&plug);
}

static uint32_t is_durable(const char *settings)
{
    struct plug plug;
    plug_init(&plug, "shm", settings);
    void *reader = open_reader(&plug, "quotes");
    uint32_t durable = ops(&plug)->reader_is_durable(reader);
    ops(&plug)->reader_close(reader);
    plug_fini(&plug);
    return durable;
}

Test(shm, each_reader_says_whether_its_position_is_stored)
{
    struct plug plug;
    plug_init(&plug, "shm", "");
    void *writer = open_writer(&plug, "quotes");
    cr_assert_eq(is_durable(""), 1);
    cr_assert_eq(is_durable("durable = no"), 0);
    ops(&plug)->writer_close(writer);
    plug_fini(&plug);
}

Test(shm, a_reader_that_may_not_write_to_the_channel_has_no_stored_position)
{
    struct plug plug;
    char path[256];
    bool root = geteuid() == 0; /* who may write whatever the mode says */
    plug_init(&plug, "shm", "");
    void *writer = open_writer(&plug, "quotes");
    snprintf(path, sizeof path, "%s/leat.quotes", folder);
    cr_assert(chmod(path, 0444) == 0 && chmod(folder, 0755) == 0);
    cr_assert(!root || seteuid(65534) == 0);
    cr_assert_eq(is_durable(""), 0);
    cr_assert(!root || seteuid(0) == 0);
    ops(&plug)->writer_close(writer);
    plug_fini(&plug);
}

Test(shm, a_block_channel_holds_the_producer_until_the_bridge_acknowledges)
{
    static char large[30000];
    struct plug plug;
    struct leat_message message;
    void *data;
    plug_init(&plug, "shm", "policy = block\ncapacity = 64KiB");
    void *writer = open_writer(&plug, "jobs"), *reader = open_reader(&plug, "jobs");
    memset(large, 'x', sizeof large - 1);
    cr_assert(publish(&plug, writer, large, 0) == 0 && publish(&plug, writer, large, 0) == 0);
    expect(&plug, reader, large, &message);
    cr_assert(ops(&plug)->claim(writer, sizeof large, &data, 10000000) == LEAT_ETIMEDOUT,
              "released is not acknowledged");
    ops(&plug)->acknowledge(reader, message.cursor, message.sequence);
    cr_assert(ops(&plug)->claim(writer, sizeof large, &data, SECOND) == 0);
    ops(&plug)->abort(writer);
    ops(&plug)->reader_close(reader);
    ops(&plug)->writer_close(writer);
    plug_fini(&plug);
}

Test(shm, an_existing_channel_is_taken_as_it_is_and_a_different_wish_is_logged)
{
    struct plug first, second;
    plug_init(&first, "shm", "capacity = 1MiB\nproducers = many");
    plug_init(&second, "shm", "capacity = 2MiB\npolicy = block\nproducers = one");
    void *writer = open_writer(&first, "quotes"), *other = open_writer(&second, "quotes");
    cr_assert(!first.heard[0], "%s", first.heard);
    cr_assert(strstr(second.heard, "warning: channel 'quotes' exists with policy overwrite"), "%s", second.heard);
    cr_assert(strstr(second.heard, "exists for many producers"), "%s", second.heard);
    cr_assert(strstr(second.heard, "with a capacity of 1048576 bytes"), "%s", second.heard);
    ops(&second)->writer_close(other);
    ops(&first)->writer_close(writer);
    plug_fini(&first);
    plug_fini(&second);
}

Test(shm, the_mode_of_a_new_channel_is_that_of_the_options)
{
    struct plug plug;
    struct stat found;
    char path[256];
    plug_init(&plug, "shm", "mode = 0640");
    void *writer = open_writer(&plug, "quotes");
    snprintf(path, sizeof path, "%s/leat.quotes", folder);
    cr_assert(stat(path, &found) == 0 && (found.st_mode & 0777) == 0640, "%o", found.st_mode);
    ops(&plug)->writer_close(writer);
    plug_fini(&plug);
}

/* What is heard while a channel is opened that is none. */
static void open_broken(struct plug *plug)
{
    char path[256];
    void *reader;
    snprintf(path, sizeof path, "%s/leat.broken", folder);
    FILE *file = fopen(path, "w");
    fputs("this is no channel, whatever its name may say", file);
    fclose(file);
    plug->heard[0] = '\0';
    for (int i = 0; i < 3; i++)
        cr_assert(ops(plug)->reader_open(&reader, &plug->host, "broken", plug->options.values, "g.b") < 0);
}

Test(shm, why_a_channel_cannot_be_opened_is_logged_once_until_one_can)
{
    struct plug plug;
    plug_init(&plug, "shm", "");
    for (int i = 0; i < 2; i++) {
        open_broken(&plug);
        cr_assert(strstr(plug.heard, "log warning: "), "%s", plug.heard);
        cr_assert(!strstr(strchr(plug.heard, '\n') + 1, "log"), "%s", plug.heard);
        ops(&plug)->writer_close(open_writer(&plug, "sound"));
    }
    plug_fini(&plug);
}

static const struct rule {
    const char *where, *settings;
    uint32_t outward;
    const char *says;
} rules[] = {
    {"quotes", "", 1, NULL},
    {"q-1_x.y", "", 0, NULL},
    {"quotes", "policy = block\nwait_readers = 2", 0, NULL},
    {"", "", 1, "blame channel: a channel's name has 1 to 127"},
    {".hidden", "", 1, "blame channel: "},
    {"a/b", "", 1, "blame channel: "},
    {"quotes", "group = no-such-group-here", 1, "blame group: there is no group 'no-such-group-here'"},
    {"quotes", "group = 0", 1, NULL},
    {"quotes", "group = 4294967294", 1, NULL},
    {"quotes", "group = 4294967295", 1, "blame group: there is no group '4294967295'"},
    {"quotes", "group = 99999999999999999999", 1, "blame group: there is no group '99999999999999999999'"},
    {"quotes", "group = -5", 1, "blame group: there is no group '-5'"},
    {"quotes", "group = +0", 1, "blame group: there is no group '+0'"},
    {"quotes", "directory = /no/such/folder", 1, "blame directory: is not a folder"},
    {"quotes", "wait_readers = 2", 0, "blame wait_readers: has a meaning with shm.policy = block only"},
    {"quotes", "create = yes", 0, "blame create: an inward bridge always creates"},
};

static int64_t most(const struct plug *plug, const char *option)
{
    const struct leat_option *row = plug->plugin->options;
    while (strcmp(row->name, option) != 0)
        row++;
    return row->max;
}

/* What libleat says about options for a channel that is not there. */
static int opened_with(uint64_t capacity, int64_t wait_readers)
{
    struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
    struct leat_writer *writer;
    options.policy = LEAT_BLOCK;
    options.flags = LEAT_OPEN_EXISTING;
    options.capacity_bytes = capacity;
    options.wait_readers = (uint32_t)wait_readers;
    return leat_writer_open(&writer, "nowhere", &options);
}

Test(shm, an_option_may_be_as_large_as_libleat_takes_it_and_no_larger)
{
    struct plug plug;
    plug_init(&plug, "shm", "");
    uint64_t capacity = (uint64_t)most(&plug, "capacity");
    int64_t readers = most(&plug, "wait_readers");
    cr_expect(opened_with(capacity, readers) == -ENOENT);
    cr_expect(opened_with(capacity + 1, readers) == -EINVAL);
    cr_expect(opened_with(capacity, readers + 1) == -EINVAL);
    plug_fini(&plug);
}

Test(shm, check_says_what_is_wrong)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        struct plug plug;
        plug_init(&plug, "shm", rules[i].settings);
        int32_t result = ops(&plug)->check(&plug.host, rules[i].where, plug.options.values, rules[i].outward);
        if (rules[i].says)
            cr_expect(result == -EINVAL && strstr(plug.heard, rules[i].says), "rule %zu: %s", i, plug.heard);
        else
            cr_expect(result == 0 && !plug.heard[0], "rule %zu: %s", i, plug.heard);
        plug_fini(&plug);
    }
}
