/* The reading end, with our own writing end before it. */
#include "cppipc/receiver.h"
#include "cppipc/sender.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <leat/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)

static char folder[64], heard[2048];
static struct receiver *receiver;
static struct sender *sender;
static struct cppipc_options options;
static struct leat_host host;

static void hear(void *context, int32_t level, const char *text)
{
    (void)context;
    (void)level;
    size_t len = strlen(heard);
    snprintf(heard + len, sizeof heard - len, "%s\n", text);
}

static void set_up(void)
{
    snprintf(folder, sizeof folder, "/dev/shm/leat-receiver-XXXXXX");
    cr_assert(mkdtemp(folder));
    host = (struct leat_host){.size = sizeof host, .log = hear};
    options = (struct cppipc_options){
        .directory = folder, .create = 1, .max_message_bytes = 1 << 20, .lock_ns = 100 * MS, .kick_after_ns = 20 * MS};
}

static unsigned remove_files(void)
{
    DIR *directory = opendir(folder);
    unsigned files = 0;
    for (const struct dirent *entry; (entry = readdir(directory));)
        files += unlinkat(dirfd(directory), entry->d_name, 0) == 0;
    closedir(directory);
    return files;
}

static void tear_down(void)
{
    receiver_close(receiver);
    sender_close(sender);
    remove_files();
    rmdir(folder);
}

TestSuite(cppipc_receiver, .init = set_up, .fini = tear_down, .timeout = 30);

static void open_both(enum cppipc_kind kind)
{
    options.kind = kind;
    cr_assert(receiver_open(&receiver, &host, "q", &options, "gw.bridge") == 0, "%s", heard);
    cr_assert(sender_open(&sender, &host, "q", &options) == 0, "%s", heard);
}

static int put(const void *bytes, size_t len, uint64_t tag)
{
    void *data;
    int error = sender_claim(sender, len, &data, 2000 * MS);
    if (error)
        return error;
    memcpy(data, bytes, len);
    while ((error = sender_commit(sender, len, tag)) == LEAT_ETIMEDOUT)
        continue;
    return error;
}

static unsigned char bytes[1 << 20];

static void send(unsigned char with, size_t len)
{
    memset(bytes, with, len);
    int error = put(bytes, len, 0);
    cr_assert(error == 0, "%d", error);
}

static int borrow(struct leat_message *message)
{
    int error = receiver_borrow(receiver, message, 2000 * MS);
    if (error == 0)
        receiver_release(receiver);
    return error;
}

static struct leat_message expect(unsigned char with, size_t len)
{
    struct leat_message message;
    int error = borrow(&message);
    cr_assert(error == 0 && message.len == len, "%d", error);
    for (size_t i = 0; i < len; i++)
        cr_assert(((const unsigned char *)message.data)[i] == with, "byte %u", (unsigned)i);
    return message;
}

Test(cppipc_receiver, waits_for_the_objects_unless_it_may_create_them)
{
    options.create = 0;
    cr_assert(receiver_open(&receiver, &host, "q", &options, "gw.bridge") == -ENOENT && !heard[0]);
    cr_assert(receiver_open(&receiver, &host, "a/b", &options, "gw.bridge") == -EINVAL);
    cr_assert(remove_files() == 0);
}

Test(cppipc_receiver, reads_every_size_and_tells_whose_and_when)
{
    static const size_t sizes[] = {1, 7, 63, 64, 65, 200, 1008, 1009, 65536, 1 << 20};
    for (int kind = CPPIPC_ROUTE; kind <= CPPIPC_CHANNEL; kind++) {
        open_both((enum cppipc_kind)kind);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            send((unsigned char)i, sizes[i]);
            struct leat_message message = expect((unsigned char)i, sizes[i]);
            cr_expect(message.sequence == i && message.origin != 0 && message.lost == 0);
            cr_expect(message.time_ns / 1000000000 + 60 > (uint64_t)time(NULL));
        }
        receiver_close(receiver);
        receiver = NULL;
        sender_close(sender);
        sender = NULL;
        cr_expect(remove_files() == 0, "the last one removes every object, and what it held");
    }
}

Test(cppipc_receiver, gives_every_chunk_back)
{
    open_both(CPPIPC_ROUTE);
    for (unsigned i = 0; i < 200; i++) {
        send((unsigned char)i, 3000);
        expect((unsigned char)i, 3000);
    }
    for (unsigned i = 0; i < 50; i++)
        send((unsigned char)i, 500); /* from the 33rd on in fragments */
    for (unsigned i = 0; i < 50; i++)
        expect((unsigned char)i, 500);
}

Test(cppipc_receiver, takes_the_tag_off_and_refuses_what_is_too_short_for_one)
{
    struct cppipc_options tagged = options;
    uint64_t tag = htole64(UINT64_C(0x1122334455667788));
    struct leat_message message;
    open_both(CPPIPC_ROUTE);
    receiver_close(receiver);
    tagged.tag = 1;
    cr_assert(receiver_open(&receiver, &host, "q", &tagged, "gw.bridge") == 0);
    cr_assert(put(&tag, sizeof tag, 0) == 0);
    send('x', 7);
    send('y', 9);
    cr_assert(borrow(&message) == 0 && message.len == 0 && message.tag == UINT64_C(0x1122334455667788));
    cr_assert(borrow(&message) == LEAT_ECORRUPT && strstr(heard, "cppipc.tag"));
    cr_assert(borrow(&message) == 0 && message.len == 1 && message.lost == 1);
}

Test(cppipc_receiver, leaves_out_what_is_too_long_and_counts_it)
{
    struct leat_message message;
    struct cppipc_options small = options;
    open_both(CPPIPC_ROUTE);
    receiver_close(receiver);
    small.max_message_bytes = 1000;
    cr_assert(receiver_open(&receiver, &host, "q", &small, "gw.bridge") == 0);
    send('a', 10);
    send('b', 2000);
    send('c', 1000);
    expect('a', 10);
    cr_assert(borrow(&message) == LEAT_ECORRUPT && strstr(heard, "max_message"));
    cr_assert(expect('c', 1000).lost == 1);
}

Test(cppipc_receiver, comes_back_after_a_kick_and_tells_what_it_missed)
{
    struct leat_message message;
    open_both(CPPIPC_ROUTE);
    send('a', 10);
    expect('a', 10);
    for (int i = 0; i < 255; i++) /* one slot is still at hand */
        send('b', 10);
    memset(bytes, 'b', 10);
    cr_assert(put(bytes, 10, 0) == -ENOTCONN, "it waited, kicked the only receiver, and nobody was left");
    cr_assert(receiver_borrow(receiver, &message, 0) == LEAT_EAGAIN && strstr(heard, "disconnected this bridge"));
    send('c', 10);
    cr_assert(expect('c', 10).lost == 255);
}

Test(cppipc_receiver, refuses_the_other_kind_with_a_sentence)
{
    struct cppipc_options other = options;
    struct receiver *unwelcome = NULL;
    open_both(CPPIPC_CHANNEL);
    other.kind = CPPIPC_ROUTE;
    send('a', 10);
    for (int i = 0; i < 2; i++)
        cr_assert(receiver_open(&unwelcome, &host, "q", &other, "gw.other") == -EPROTO);
    cr_assert(strstr(heard, "ipc::channel") && strstr(heard, "cppipc.kind says route"), "%s", heard);
    cr_assert(strchr(heard, '\n') == strrchr(heard, '\n'), "once");
}

Test(cppipc_receiver, sees_the_other_kind_also_when_it_was_there_first)
{
    struct leat_message message;
    int error = LEAT_ETIMEDOUT;
    cr_assert(receiver_open(&receiver, &host, "q", &options, "gw.bridge") == 0, "%s", heard);
    options.kind = CPPIPC_CHANNEL;
    cr_assert(sender_open(&sender, &host, "q", &options) == 0, "%s", heard);
    send('a', 10);
    options.kind = CPPIPC_ROUTE;
    for (int i = 0; i < 100 && (error == 0 || error == LEAT_ETIMEDOUT); i++)
        error = receiver_borrow(receiver, &message, 10 * MS);
    cr_assert(error == LEAT_ECLOSED);
    receiver_close(receiver);
    cr_assert(receiver_open(&receiver, &host, "q", &options, "gw.bridge") == -EPROTO);
    cr_assert(strstr(heard, "ipc::channel"), "%s", heard);
    receiver = NULL;
}

Test(cppipc_receiver, says_once_that_every_place_is_taken)
{
    struct receiver *most = NULL;
    open_both(CPPIPC_ROUTE);
    struct handle theirs;
    const struct cppipc_where where = handle_where(&options, "q");
    cr_assert(handle_open(&theirs, &where, CPPIPC_LAYOUT_AUTO, false, heard, sizeof heard) == 0);
    uint32_t before = atomic_exchange(&theirs.ring->connected, UINT32_MAX);
    for (int i = 0; i < 3; i++)
        cr_assert(receiver_open(&most, &host, "q", &options, "gw.other") == -EUSERS);
    cr_assert(strstr(heard, "32 receivers") && strchr(heard, '\n') == strrchr(heard, '\n'), "%s", heard);
    atomic_store(&theirs.ring->connected, before);
    cr_assert(receiver_open(&most, &host, "q", &options, "gw.other") == 0);
    receiver_close(most);
    handle_close(&theirs);
}

Test(cppipc_receiver, ends_when_the_objects_are_removed)
{
    struct leat_message message;
    int error = LEAT_ETIMEDOUT;
    open_both(CPPIPC_ROUTE);
    send('a', 10);
    remove_files();
    expect('a', 10);
    for (int i = 0; i < 100 && error == LEAT_ETIMEDOUT; i++)
        error = receiver_borrow(receiver, &message, 50 * MS);
    cr_assert(error == LEAT_ECLOSED);
}

Test(cppipc_receiver, one_of_a_bridge_at_a_time)
{
    struct receiver *other = NULL;
    open_both(CPPIPC_ROUTE);
    cr_assert(receiver_open(&other, &host, "q", &options, "gw.bridge") == -EBUSY);
    cr_assert(receiver_open(&other, &host, "q", &options, "gw.other") == 0);
    receiver_close(other);
}
