#include "channel_fixture.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

TestSuite(looking, .init = fixture_open, .fini = fixture_close);

Test(looking, inspecting_tells_what_a_channel_is)
{
    use_kind(LEAT_BLOCK, LEAT_MANY);
    struct leat_channel_info info = {.size = sizeof info};
    struct leat_reader_info readers[4];
    for (int i = 0; i < 4; i++)
        readers[i].size = sizeof readers[i];
    cr_expect(leat_channel_inspect(options.directory, "c", &info, readers, 4) == -ENOENT);
    struct leat_writer *writer = writer_on("c");
    struct leat_reader *nameless = reader_on("c"), *durable = durable_on("c", "gateway", UINT64_MAX);
    for (uint64_t tag = 0; tag < 5; tag++)
        must_put(writer, tag, 100);
    must_get(durable);
    leat_reader_close(durable);
    cr_assert(leat_channel_inspect(options.directory, "c", &info, readers, 4) == 2, "%s", leat_error_text());
    cr_expect(info.policy == LEAT_BLOCK && info.producers == LEAT_MANY && info.mode == 0600);
    cr_expect(info.capacity_bytes == 65536 && info.max_message_bytes == 32768 && info.messages == 5);
    cr_expect(info.writers_alive == 1 && info.readers == 2 && info.readers_alive == 1);
    cr_expect(info.created_ns > 0 && info.published_ns >= info.created_ns);
    cr_expect(readers[0].alive && !readers[0].durable && readers[0].lag_messages == 5);
    cr_expect(!readers[1].alive && readers[1].durable && readers[1].lag_messages == 4);
    cr_expect(readers[1].lag_bytes == 4 * 160 && readers[1].pid == (uint32_t)getpid());
    cr_expect(strcmp(readers[1].name, "gateway") == 0);
    cr_expect(leat_channel_inspect(options.directory, "c", &info, NULL, 0) == 2);
    leat_writer_close(writer);
    leat_reader_close(nameless);
}

static int collect(const char *name, void *user)
{
    strcat(strcat(user, name), " ");
    return 0;
}

static int stop_at_once(const char *name, void *user)
{
    (void)name;
    (void)user;
    return 42;
}

Test(looking, channels_are_listed_in_order)
{
    char names[256] = "";
    leat_writer_close(writer_on("b"));
    leat_writer_close(writer_on("a"));
    leat_writer_close(writer_on("c.d"));
    cr_expect(leat_channel_list(options.directory, collect, names) == 0);
    cr_expect(strcmp(names, "a b c.d ") == 0, "%s", names);
    cr_expect(leat_channel_list(options.directory, stop_at_once, NULL) == 42);
    cr_expect(leat_channel_list("/nowhere", collect, names) == -ENOENT);
}

Test(looking, a_channel_in_use_is_removed_only_by_force)
{
    struct leat_writer *writer = writer_on("c");
    cr_expect(leat_channel_remove(options.directory, "c", 0) == -EBUSY);
    leat_writer_close(writer);
    cr_expect(leat_channel_remove(options.directory, "c", 0) == 0);
    cr_expect(leat_channel_remove(options.directory, "c", 0) == -ENOENT);
}

Test(looking, what_is_left_of_a_ruined_channel_is_removed_by_force)
{
    leat_writer_close(writer_on("c"));
    cr_assert(truncate(segment_file(), 100) == 0);
    cr_expect(leat_channel_remove(options.directory, "c", 0) == LEAT_EVERSION);
    cr_expect(leat_channel_remove(options.directory, "c", 1) == 0);
    cr_expect(access(segment_file(), F_OK) != 0);
}

Test(looking, whoever_is_attached_learns_of_the_removal)
{
    for_each_kind(policy, producers)
    {
        use_kind(policy, producers);
        struct leat_writer *writer = writer_on("c");
        struct leat_reader *reader = reader_on("c");
        struct leat_message message;
        must_put(writer, 1, 10);
        cr_assert(leat_channel_remove(options.directory, "c", 1) == 0);
        cr_expect(put(writer, 2, 10, 0) == LEAT_ECLOSED);
        cr_expect(must_get(reader).tag == 1); /* what was published still arrives */
        cr_expect(leat_borrow(reader, &message, LEAT_FOREVER) == LEAT_ECLOSED);
        struct leat_writer *next = writer_on("c"); /* a new channel of that name */
        must_put(next, 3, 10);
        cr_expect(leat_borrow(reader, &message, 0) == LEAT_ECLOSED);
        leat_writer_close(next);
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

static void *remove_soon(void *unused)
{
    usleep(50000);
    cr_expect(leat_channel_remove(options.directory, "c", 1) == 0);
    return unused;
}

Test(looking, sleepers_learn_of_the_removal)
{
    use_kind(LEAT_BLOCK, LEAT_ONE);
    struct leat_writer *writer = writer_on("c");
    struct leat_reader *reader = reader_on("c");
    struct leat_message message;
    pthread_t thread;
    pthread_create(&thread, NULL, remove_soon, NULL);
    cr_expect(leat_borrow(reader, &message, LEAT_FOREVER) == LEAT_ECLOSED);
    pthread_join(thread, NULL);
    leat_writer_close(writer);
    leat_reader_close(reader);
    writer = writer_on("c");
    reader = reader_on("c");
    pthread_create(&thread, NULL, remove_soon, NULL);
    int rc;
    while ((rc = put(writer, 0, 1000, LEAT_FOREVER)) == 0)
        ;
    cr_expect(rc == LEAT_ECLOSED);
    pthread_join(thread, NULL);
    leat_writer_close(writer);
    leat_reader_close(reader);
}
