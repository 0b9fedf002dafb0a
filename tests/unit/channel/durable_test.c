#include "channel_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(durable, .init = fixture_open, .fini = fixture_close);

Test(durable, a_reader_of_the_same_name_resumes_exactly_there)
{
    for_each_kind(policy, producers)
    {
        use_kind(policy, producers);
        struct leat_reader *reader = durable_on("c", "gateway", UINT64_MAX);
        struct leat_writer *writer = writer_on("c");
        uint64_t read = 0, written = 0;
        for (int round = 0; round < 50; round++) {
            for (int i = 0; i < 37; i++)
                must_put(writer, written++, 500);
            for (int i = 0; i < 30 || (round % 4 == 3 && read < written); i++) {
                struct leat_message message = must_get(reader);
                cr_assert(message.sequence == read++ && message.lost == 0);
            }
            leat_reader_close(reader);
            reader = durable_on("c", "gateway", UINT64_MAX);
        }
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

Test(durable, a_name_lives_once)
{
    struct leat_reader *reader = durable_on("c", "gateway", 0), *second;
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    how.name = "gateway";
    cr_expect(leat_reader_open(&second, "c", &options, &how) == -EBUSY);
    cr_expect(strstr(leat_error_text(), "'gateway'") != NULL);
    how.name = "other";
    cr_expect(leat_reader_open(&second, "c", &options, &how) == 0);
    leat_reader_close(second);
    how.name = "no/name";
    cr_expect(leat_reader_open(&second, "c", &options, &how) == -EINVAL);
    leat_reader_close(reader);
}

static _Atomic int opened;

static void *open_the_same(void *turnstile)
{
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    struct leat_reader *reader;
    how.name = "gateway";
    pthread_barrier_wait(turnstile);
    int rc = leat_reader_open(&reader, "c", &options, &how);
    cr_expect(rc == 0 || rc == -EBUSY);
    if (rc == 0)
        opened++;
    pthread_barrier_wait(turnstile);
    if (rc == 0)
        leat_reader_close(reader);
    return NULL;
}

Test(durable, of_all_who_take_a_name_at_once_one_gets_it)
{
    for (int round = 0; round < 100; round++) {
        pthread_t threads[6];
        pthread_barrier_t turnstile;
        pthread_barrier_init(&turnstile, NULL, 6);
        use_kind(LEAT_OVERWRITE, LEAT_MANY);
        leat_writer_close(writer_on("c"));
        opened = 0;
        for (int i = 0; i < 6; i++)
            pthread_create(&threads[i], NULL, open_the_same, &turnstile);
        for (int i = 0; i < 6; i++)
            pthread_join(threads[i], NULL);
        cr_assert(opened == 1, "%d", opened);
        pthread_barrier_destroy(&turnstile);
    }
}

Test(durable, what_was_overwritten_while_it_was_away_is_told_exactly)
{
    for_each_kind(policy, producers)
    {
        use_kind(policy, producers);
        struct leat_reader *reader = durable_on("c", "gateway", 0);
        struct leat_writer *writer = writer_on("c");
        uint64_t tag = 0;
        must_put(writer, tag++, 500);
        must_put(writer, tag++, 500);
        cr_assert(must_get(reader).tag == 0);
        leat_reader_close(reader);
        while (tag < 1000)
            must_put(writer, tag++, 500);
        reader = durable_on("c", "gateway", 0);
        must_put(writer, tag++, 500); /* its old position holds nobody back */
        struct leat_message message = must_get(reader);
        cr_expect(message.lost == message.sequence - 1 && message.lost > 800, "lost %lu at %lu",
                  (unsigned long)message.lost, (unsigned long)message.sequence);
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

static struct leat_reader *manual_on(const char *name)
{
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    struct leat_reader *reader;
    how.name = name;
    how.manual_ack = 1;
    how.hold_ns = UINT64_MAX;
    struct leat_channel_options create = options;
    create.flags = LEAT_OPEN_CREATE;
    cr_assert(leat_reader_open(&reader, "c", &create, &how) == 0, "%s", leat_error_text());
    return reader;
}

Test(durable, in_manual_mode_only_an_acknowledgement_moves_the_position)
{
    for_each_kind(policy, producers)
    {
        use_kind(policy, producers);
        struct leat_reader *reader = manual_on("gateway");
        struct leat_writer *writer = writer_on("c");
        struct leat_message messages[10];
        for (uint64_t tag = 0; tag < 10; tag++)
            must_put(writer, tag, 100);
        for (int i = 0; i < 10; i++)
            messages[i] = must_get(reader);
        leat_reader_acknowledge(reader, messages[6].cursor, messages[6].sequence);
        leat_reader_acknowledge(reader, messages[2].cursor, messages[2].sequence); /* never backwards */
        leat_reader_close(reader);
        reader = manual_on("gateway");
        struct leat_message message = must_get(reader);
        cr_expect(message.sequence == 7 && message.lost == 0);
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

Test(durable, unacknowledged_messages_hold_a_block_channels_writer)
{
    use_kind(LEAT_BLOCK, LEAT_ONE);
    struct leat_reader *reader = manual_on("gateway");
    struct leat_writer *writer = writer_on("c");
    uint64_t tag = 0;
    struct leat_message message = {0};
    while (put(writer, tag, 1000, 0) == 0) {
        tag++;
        message = must_get(reader);
    }
    cr_expect(tag > 55);
    leat_reader_acknowledge(reader, message.cursor, message.sequence);
    must_put(writer, tag, 1000);
    leat_writer_close(writer);
    leat_reader_close(reader);
}

static void read_one_and_be_killed(void *name)
{
    struct leat_reader *reader = name != NULL ? durable_on("c", name, UINT64_MAX) : reader_on("c");
    must_get(reader);
    raise(SIGKILL);
}

Test(durable, a_dead_nameless_reader_holds_nobody)
{
    for (uint32_t producers = 0; producers < 2; producers++) {
        use_kind(LEAT_BLOCK, producers);
        struct leat_writer *writer = writer_on("c");
        must_put(writer, 0, 100);
        cr_assert(WIFSIGNALED(in_child(read_one_and_be_killed, NULL)));
        for (uint64_t tag = 1; tag < 500; tag++)
            must_put(writer, tag, 1000);
        leat_writer_close(writer);
    }
}

Test(durable, polling_writers_get_rid_of_a_dead_reader_too)
{
    use_kind(LEAT_BLOCK, LEAT_MANY);
    struct leat_writer *writer = writer_on("c");
    must_put(writer, 0, 100);
    cr_assert(WIFSIGNALED(in_child(read_one_and_be_killed, NULL)));
    for (uint64_t tag = 1; tag < 500; tag++) {
        int rc;
        for (int tries = 0; (rc = put(writer, tag, 1000, 0)) == LEAT_EAGAIN && tries < 10000; tries++)
            usleep(100);
        cr_assert(rc == 0);
    }
    leat_writer_close(writer);
}

Test(durable, a_dead_durable_reader_holds_for_as_long_as_it_asked)
{
    use_kind(LEAT_BLOCK, LEAT_MANY);
    struct leat_writer *writer = writer_on("c");
    must_put(writer, 0, 100);
    cr_assert(WIFSIGNALED(in_child(read_one_and_be_killed, "gateway")));
    uint64_t tag = 1;
    while (put(writer, tag, 1000, 50 * MS_NS) == 0)
        tag++;
    cr_expect(tag < 70);
    cr_expect(put(writer, tag, 1000, 50 * MS_NS) == LEAT_ETIMEDOUT);
    struct leat_reader *reader = durable_on("c", "gateway", 50 * MS_NS);
    for (uint64_t i = 1; i < tag; i++) {
        struct leat_message message = must_get(reader);
        cr_assert(message.tag == i && message.lost == 0);
    }
    leat_reader_close(reader);
    for (int i = 0; i < 200; i++)
        must_put(writer, tag++, 1000); /* waits for about 50 ms, once */
    reader = durable_on("c", "gateway", 50 * MS_NS);
    cr_expect(must_get(reader).lost > 100);
    leat_writer_close(writer);
    leat_reader_close(reader);
}

Test(durable, a_forgotten_reader_holds_nobody_and_starts_anew)
{
    use_kind(LEAT_BLOCK, LEAT_MANY);
    struct leat_writer *writer = writer_on("c");
    struct leat_reader *reader = durable_on("c", "gateway", UINT64_MAX);
    cr_expect(leat_reader_forget(options.directory, "c", "gateway") == -EBUSY);
    cr_expect(leat_reader_forget(options.directory, "c", "nobody") == -ENOENT);
    leat_reader_close(reader);
    uint64_t tag = 0;
    while (put(writer, tag, 1000, 0) == 0)
        tag++;
    cr_expect(leat_reader_forget(options.directory, "c", "gateway") == 0);
    cr_expect(leat_reader_forget(options.directory, "c", "gateway") == -ENOENT);
    for (int i = 0; i < 200; i++)
        must_put(writer, tag++, 1000);
    leat_writer_close(writer);
}

Test(durable, slots_of_the_dead_are_used_again)
{
    use_kind(LEAT_BLOCK, LEAT_MANY);
    options.reader_slots = 1;
    struct leat_writer *writer = writer_on("c");
    must_put(writer, 0, 100);
    for (int i = 0; i < 5; i++)
        cr_assert(WIFSIGNALED(in_child(read_one_and_be_killed, NULL)));
    leat_reader_close(reader_on("c"));
    leat_writer_close(writer);
}

static void *acknowledge_all(void *argument)
{
    struct leat_reader *reader = argument;
    for (uint64_t i = 1; i <= 1000; i++)
        leat_reader_acknowledge(reader, i * 16, i - 1);
    return NULL;
}

Test(durable, acknowledging_nonsense_does_no_harm)
{
    struct leat_reader *reader = manual_on("gateway");
    struct leat_writer *writer = writer_on("c");
    must_put(writer, 0, 100);
    acknowledge_all(reader);
    leat_reader_acknowledge(reader, 12345, 99);
    leat_reader_acknowledge(reader, UINT64_MAX, UINT64_MAX);
    leat_reader_close(reader);
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    how.name = "gateway";
    int rc = leat_reader_open(&reader, "c", &options, &how);
    if (rc == 0)
        leat_reader_close(reader);
    cr_expect(rc == 0, "%s", leat_error_text());
    leat_writer_close(writer);
}
