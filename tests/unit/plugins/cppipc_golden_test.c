/* What the plugin reads from files that were made byte by byte, and what it leaves in them; and what it writes. */
#include "cppipc_golden.h"
#include "plug.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define OURS 2u  /* the bit that a second receiver gets */
#define OTHER 1u /* the one that is there */

static const struct form {
    const char *layout, *kind, *prefix, *ring;
    bool channel;
    uint32_t first; /* index of the first slot */
    uint64_t epoch;
} forms[] = {
    {"1.4", "route", "", "__IPC_SHM__QU_CONN__quotes__64__16", false, 0, 0},
    {"1.3", "route", "site-", "site-__IPC_SHM__QU_CONN__64__16__quotes", false, 255, UINT64_C(3) << 32},
    {"auto", "route", "", "__IPC_SHM__QU_CONN__quotes__64__16", false, UINT32_MAX - 1, UINT64_C(0xffffffff) << 32},
    {"auto", "channel", "", "__IPC_SHM__QU_CONN__64__16__quotes", true, 0, 0},
    {"1.4", "channel", "site-", "site-__IPC_SHM__QU_CONN__quotes__64__16", true, UINT32_MAX - 1, UINT64_C(200) << 56},
};

#define FORMS (sizeof forms / sizeof forms[0])

static char file_name[256];

static const char *file_of(const struct form *form, const char *rest)
{
    snprintf(file_name, sizeof file_name, "%s__IPC_SHM__%s", form->prefix, rest);
    return file_name;
}

/* ---- the plugin ---------------------------------------------------------------------------------------------------- */

struct end {
    const struct form *form;
    struct plug plug;
    const struct leat_channel_ops *ops;
    unsigned char *ring;
    void *handle;
    uint32_t index; /* of the next slot */
};

static void load(struct end *end, const struct form *form, const char *more)
{
    char settings[512];
    *end = (struct end){.form = form, .index = form->first};
    snprintf(settings, sizeof settings, "kind = %s\nlayout = %s\ndirectory = %s\n%s", form->kind, form->layout,
             golden_folder, more);
    if (form->prefix[0])
        snprintf(settings + strlen(settings), sizeof settings - strlen(settings), "\nprefix = %s", form->prefix);
    plug_init(&end->plug, "cppipc", settings);
    end->ops = end->plug.plugin->channel;
}

static void begin(struct end *end, const struct form *form, const char *more)
{
    golden_set_up();
    load(end, form, more);
    golden_make(form->prefix, "quotes", form->ring);
    end->ring = golden_file(form->ring);
    put32(end->ring + AT_WRITE, form->first);
    put64(end->ring + AT_EPOCH, form->epoch);
}

static void finish(struct end *end)
{
    plug_fini(&end->plug);
    golden_tear_down();
}

static void open_reader(struct end *end)
{
    cr_assert(end->ops->reader_open(&end->handle, &end->plug.host, "quotes", end->plug.options.values, "g.b") == 0,
              "%s", end->plug.heard);
}

static unsigned char *slot_of(const struct end *end, uint32_t index)
{
    return end->ring + AT_SLOTS + SLOT_BYTES * (index & 255);
}

/* What a sender leaves in the next slot for `readers`. */
static void write_slot(struct end *end, uint32_t id, int32_t remain, bool stored, const void *data, uint32_t readers)
{
    unsigned char *slot = slot_of(end, end->index);
    const uint64_t changes = end->form->channel ? UINT64_C(5) << 32 : 0;
    put32(slot + IN_SLOT_HANDLE, 7);
    put32(slot + IN_SLOT_ID, id);
    put32(slot + IN_SLOT_REMAIN, (uint32_t)remain);
    slot[IN_SLOT_STORED] = stored;
    memcpy(slot + IN_SLOT_DATA, data, stored ? 4 : remain < 0 ? (size_t)(remain + 64) : 64);
    put64(slot + IN_SLOT_READERS, end->form->epoch | changes | readers);
    if (end->form->channel)
        put64(slot + IN_SLOT_COMMITTED, ~(uint64_t)end->index);
    put32(end->ring + AT_WRITE, ++end->index);
}

static void expect(struct end *end, const void *data, size_t len)
{
    struct leat_message message;
    int32_t error = end->ops->borrow(end->handle, &message, SECOND);
    cr_assert(error == 0, "%s %s: %d %s", end->form->layout, end->form->kind, error, end->plug.heard);
    cr_assert(message.len == len && memcmp(message.data, data, len) == 0, "%zu bytes of %zu", (size_t)message.len, len);
    cr_assert(message.lost == 0 && message.duplicates == 0);
    cr_assert(end->ops->release(end->handle) == 0);
}

static void expect_nothing(struct end *end)
{
    struct leat_message message;
    cr_assert(end->ops->borrow(end->handle, &message, 0) == LEAT_EAGAIN);
}

/* A slot after we have read it: our bit is off, and in a channel one change more is counted. */
static void expect_left(const struct end *end, uint32_t index, uint32_t others)
{
    const unsigned char *slot = slot_of(end, index);
    const bool channel = end->form->channel;
    const uint64_t changes = channel ? UINT64_C(6) << 32 : 0;
    cr_assert_eq(get64(slot + IN_SLOT_READERS), end->form->epoch | changes | others);
    if (channel)
        cr_assert_eq(get64(slot + IN_SLOT_COMMITTED), others ? ~(uint64_t)index : (uint32_t)(index + 256));
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

TestSuite(cppipc_golden, .fini = golden_tear_down); /* also after a failure */

static void with_each_form(void (*try)(const struct form *form))
{
    for (size_t i = 0; i < FORMS; i++)
        try(&forms[i]);
}

static void read_small(const struct form *form)
{
    static unsigned char full[64];
    struct end end;
    begin(&end, form, "wake = poll");
    memset(full, 'f', sizeof full);
    open_reader(&end);
    cr_assert_eq(get32(end.ring + AT_CONNECTED), OTHER | OURS);
    expect_nothing(&end);
    write_slot(&end, 0, 5 - 64, false, "hello", OTHER | OURS);
    write_slot(&end, 1, 1 - 64, false, "!", OURS);
    write_slot(&end, 2, 0, false, full, OTHER | OURS);
    expect(&end, "hello", 5);
    expect(&end, "!", 1);
    expect(&end, full, 64);
    expect_nothing(&end);
    expect_left(&end, form->first, OTHER);
    expect_left(&end, form->first + 1, 0);
    expect_left(&end, form->first + 2, OTHER);
    end.ops->reader_close(end.handle);
    cr_assert_eq(get32(end.ring + AT_CONNECTED), OTHER);
    finish(&end);
}

Test(cppipc_golden, small_messages_are_read_and_their_slots_left_as_the_library_leaves_them)
{
    with_each_form(read_small);
}

/* A chunk that another receiver still needs stays out of the free list; one that only we need goes to its head. */
static void read_stored(const struct form *form)
{
    static unsigned char payload[1008];
    struct end end;
    int32_t first = 0, second = 1;
    begin(&end, form, "wake = poll");
    golden_make_pool(form->prefix);
    unsigned char *pool = golden_file(file_of(form, "CHUNK_INFO__1024"));
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (unsigned char)(i * 7);
    open_reader(&end);
    put32(pool + AT_CHUNKS, OTHER | OURS);
    put32(pool + AT_CHUNKS + 1024, OURS);
    memcpy(pool + AT_CHUNKS + IN_CHUNK_DATA, payload, 65);
    memcpy(pool + AT_CHUNKS + 1024 + IN_CHUNK_DATA, payload, 1008);
    write_slot(&end, 10, 65 - 64, true, &first, OTHER | OURS);
    write_slot(&end, 11, 1008 - 64, true, &second, OURS);
    expect(&end, payload, 65);
    expect(&end, payload, 1008); /* each is given back when the next one is asked for */
    cr_assert(get32(pool + AT_CHUNKS) == OTHER && pool[AT_FREE] == 2, "released for the other one too");
    expect_nothing(&end);
    cr_assert(get32(pool + AT_CHUNKS + 1024) == 0 && pool[AT_FREE] == 1 && pool[1] == 2, "not back in the free list");
    cr_assert_eq(get32(pool + AT_SPIN), 0);
    expect_left(&end, form->first, OTHER);
    expect_left(&end, form->first + 1, 0);
    end.ops->reader_close(end.handle);
    cr_assert_eq(golden_references(file_of(form, "CHUNK_INFO__1024")), 1);
    finish(&end);
}

Test(cppipc_golden, stored_messages_are_copied_out_and_their_chunks_given_back)
{
    with_each_form(read_stored);
}

static void read_fragments(const struct form *form)
{
    static unsigned char payload[192];
    struct end end;
    begin(&end, form, "wake = poll");
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (unsigned char)(i * 5);
    open_reader(&end);
    write_slot(&end, 3, 130 - 64, false, payload, OTHER | OURS);
    write_slot(&end, 3, 130 - 128, false, payload + 64, OTHER | OURS);
    expect_nothing(&end);
    write_slot(&end, 3, 130 - 192, false, payload + 128, OTHER | OURS);
    expect(&end, payload, 130);
    write_slot(&end, 4, 192 - 64, false, payload, OTHER | OURS);
    write_slot(&end, 4, 192 - 128, false, payload + 64, OTHER | OURS);
    write_slot(&end, 4, 0, false, payload + 128, OTHER | OURS); /* a multiple of 64: the last one is full */
    expect(&end, payload, 192);
    expect_nothing(&end);
    end.ops->reader_close(end.handle);
    finish(&end);
}

Test(cppipc_golden, fragments_become_one_message)
{
    with_each_form(read_fragments);
}

static void read_new_only(const struct form *form)
{
    struct end end;
    begin(&end, form, "wake = poll");
    write_slot(&end, 0, 3 - 64, false, "old", OTHER);
    open_reader(&end);
    write_slot(&end, 1, 3 - 64, false, "new", OTHER | OURS);
    expect(&end, "new", 3);
    expect_nothing(&end);
    end.ops->reader_close(end.handle);
    finish(&end);
}

Test(cppipc_golden, messages_before_the_reader_came_are_not_its_own)
{
    with_each_form(read_new_only);
}

static void clean_up(const struct form *form)
{
    struct end end;
    begin(&end, form, "wake = poll");
    write_slot(&end, 0, 3 - 64, false, "old", OURS);
    open_reader(&end);
    expect_nothing(&end);
    expect_left(&end, form->first, 0);
    end.ops->reader_close(end.handle);
    finish(&end);
}

/* A bit of an earlier holder in an older slot would make a sender wait for us there, and disconnect us. */
Test(cppipc_golden, what_an_earlier_holder_of_the_bit_left_is_taken_off)
{
    with_each_form(clean_up);
}

static void expect_references(const struct form *form, int32_t count)
{
    static const char *const counted[] = {"CC_CONN__quotes_WAITER_COND_", "WT_CONN__quotes_WAITER_LOCK_",
                                          "RD_CONN__quotes_WAITER_LOCK_", "AC_CONN__quotes"};
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
        cr_assert_eq(golden_references(file_of(form, counted[i])), count, "%s", counted[i]);
    cr_assert_eq(golden_references(form->ring), count);
}

static void come_and_go(const struct form *form)
{
    struct end end;
    begin(&end, form, "wake = poll");
    open_reader(&end);
    expect_references(form, 2);
    cr_assert_eq(get32(golden_file(file_of(form, "CA_CONN__"))), 42);
    end.ops->reader_close(end.handle);
    expect_references(form, 1);
    cr_assert_eq(golden_count(), 9);
    finish(&end);
}

Test(cppipc_golden, a_reader_counts_itself_in_every_object_and_takes_itself_off_again)
{
    with_each_form(come_and_go);
}

Test(cppipc_golden, a_channel_that_is_created_has_the_files_of_the_library_and_leaves_none)
{
    struct end end;
    golden_set_up();
    load(&end, &forms[0], "wake = poll\ncreate = yes");
    open_reader(&end);
    cr_assert_eq(golden_size(forms[0].ring), GOLDEN_RING);
    cr_assert_eq(golden_size(file_of(&forms[0], "RD_CONN__quotes_WAITER_LOCK_")), 28);
    cr_assert_eq(golden_size(file_of(&forms[0], "RD_CONN__quotes_WAITER_COND_")), 8);
    unsigned char *ring = golden_file(forms[0].ring);
    cr_assert(ring[AT_CONSTRUCTED] == 1 && get32(ring + AT_CONNECTED) == 1 && get32(ring + AT_WRITE) == 0);
    expect_references(&forms[0], 1);
    end.ops->reader_close(end.handle);
    cr_assert_eq(golden_count(), 0);
    finish(&end);
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static void open_writer(struct end *end)
{
    put32(golden_file(file_of(end->form, "AC_CONN__quotes")), 1000);
    cr_assert(end->ops->writer_open(&end->handle, &end->plug.host, "quotes", end->plug.options.values) == 0, "%s",
              end->plug.heard);
}

static void publish(struct end *end, const void *bytes, size_t len)
{
    void *data;
    int32_t error = end->ops->claim(end->handle, len, &data, SECOND);
    cr_assert(error == 0, "claim: %d %s", error, end->plug.heard);
    memcpy(data, bytes, len);
    error = end->ops->commit(end->handle, len, 0);
    cr_assert(error == 0, "commit: %d %s", error, end->plug.heard);
}

/* The slot that was written next is exactly this; what of its 64 bytes is not used is 0. */
static void expect_slot(struct end *end, uint32_t id, int32_t remain, bool stored, const void *data, size_t len)
{
    static const unsigned char nothing[64];
    const unsigned char *slot = slot_of(end, end->index);
    const uint64_t changes = end->form->channel ? UINT64_C(1) << 32 : 0;
    cr_assert_eq(get32(slot + IN_SLOT_HANDLE), 42);
    cr_assert_eq(get32(slot + IN_SLOT_ID), id);
    cr_assert_eq((int32_t)get32(slot + IN_SLOT_REMAIN), remain);
    cr_assert_eq(slot[IN_SLOT_STORED], stored);
    cr_assert(memcmp(slot + IN_SLOT_DATA, data, len) == 0 && memcmp(slot + IN_SLOT_DATA + len, nothing, 64 - len) == 0);
    cr_assert_eq(get64(slot + IN_SLOT_READERS), end->form->epoch | changes | OTHER);
    cr_assert_eq(get64(slot + IN_SLOT_COMMITTED), end->form->channel ? ~(uint64_t)end->index : 0);
    end->index++;
}

static void expect_written(const struct end *end, uint32_t messages)
{
    cr_assert_eq(get32(end->ring + AT_WRITE), end->index);
    cr_assert_eq(get64(end->ring + AT_EPOCH), end->form->epoch);
    cr_assert_eq(get32(end->ring + AT_CONNECTED), OTHER);
    cr_assert_eq(end->ring[AT_SENDER], !end->form->channel);
    cr_assert_eq(get32(golden_file(file_of(end->form, "AC_CONN__quotes"))), 1000 + messages);
}

static void close_writer(struct end *end)
{
    end->ops->writer_close(end->handle);
    cr_assert_eq(end->ring[AT_SENDER], 0);
    expect_references(end->form, 1);
    finish(end);
}

static void write_small(const struct form *form)
{
    static unsigned char full[64];
    struct end end;
    begin(&end, form, "");
    memset(full, 'f', sizeof full);
    open_writer(&end);
    publish(&end, "hello", 5);
    publish(&end, full, 64);
    publish(&end, "!", 1);
    expect_slot(&end, 1000, 5 - 64, false, "hello", 5);
    expect_slot(&end, 1001, 0, false, full, 64);
    expect_slot(&end, 1002, 1 - 64, false, "!", 1);
    expect_written(&end, 3);
    close_writer(&end);
}

Test(cppipc_golden, small_messages_are_written_as_the_library_writes_them)
{
    with_each_form(write_small);
}

/* The first large message of a class makes its pool. */
static void write_stored(const struct form *form)
{
    static unsigned char payload[1008];
    struct end end;
    begin(&end, form, "");
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (unsigned char)(i * 7);
    open_writer(&end);
    publish(&end, payload, 65);
    publish(&end, payload, 1008);
    expect_slot(&end, 1000, 65 - 64, true, &(int32_t){0}, 4);
    expect_slot(&end, 1001, 1008 - 64, true, &(int32_t){1}, 4);
    expect_written(&end, 2);
    const char *file = file_of(form, "CHUNK_INFO__1024");
    cr_assert_eq(golden_size(file), GOLDEN_POOL_1024);
    const unsigned char *pool = golden_file(file);
    cr_assert(pool[AT_FREE] == 2 && pool[2] == 3 && pool[31] == 32 && pool[AT_PREPARED] == 1 &&
              get32(pool + AT_SPIN) == 0);
    cr_assert(get32(pool + AT_CHUNKS) == OTHER && get32(pool + AT_CHUNKS + 1024) == OTHER);
    cr_assert(memcmp(pool + AT_CHUNKS + IN_CHUNK_DATA, payload, 65) == 0);
    cr_assert(memcmp(pool + AT_CHUNKS + 1024 + IN_CHUNK_DATA, payload, 1008) == 0);
    close_writer(&end);
}

Test(cppipc_golden, large_messages_are_written_into_chunks)
{
    with_each_form(write_stored);
}

static void write_fragments(const struct form *form)
{
    static unsigned char payload[130];
    struct end end;
    begin(&end, form, "");
    golden_make_pool(form->prefix);
    golden_file(file_of(form, "CHUNK_INFO__1024"))[AT_FREE] = 32; /* none is free */
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (unsigned char)(i * 5);
    open_writer(&end);
    publish(&end, payload, 130);
    publish(&end, payload, 128);
    expect_slot(&end, 1000, 130 - 64, false, payload, 64);
    expect_slot(&end, 1000, 130 - 128, false, payload + 64, 64);
    expect_slot(&end, 1000, 130 - 192, false, payload + 128, 2);
    expect_slot(&end, 1001, 64, false, payload, 64);
    expect_slot(&end, 1001, 0, false, payload + 64, 64);
    expect_written(&end, 2);
    close_writer(&end);
}

Test(cppipc_golden, without_a_free_chunk_a_large_message_goes_in_fragments)
{
    with_each_form(write_fragments);
}

static void wake(const struct form *form)
{
    struct end end;
    begin(&end, form, "");
    const unsigned char *sequence = golden_file(file_of(form, "RD_CONN__quotes_WAITER_COND_"));
    open_writer(&end);
    publish(&end, "hello", 5);
    int64_t until_ns = end.plug.host.now_ns(&end.plug) + 5 * SECOND;
    while (get32(sequence) == 0 && end.plug.host.now_ns(&end.plug) < until_ns)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    cr_assert(get32(sequence) > 0, "nobody was woken");
    close_writer(&end);
}

Test(cppipc_golden, receivers_are_woken_after_a_message)
{
    with_each_form(wake);
}

Test(cppipc_golden, there_is_no_empty_message)
{
    struct end end;
    void *data;
    begin(&end, &forms[0], "");
    open_writer(&end);
    publish(&end, "hello", 5);
    cr_assert_eq(end.ops->claim(end.handle, 0, &data, 0), -EINVAL);
    publish(&end, "hello", 5);
    expect_slot(&end, 1000, 5 - 64, false, "hello", 5);
    expect_slot(&end, 1001, 5 - 64, false, "hello", 5);
    close_writer(&end);
}
