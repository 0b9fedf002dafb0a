/* What is left behind by those who died, gave up or came at a bad moment, and that it harms nobody who lives. */
#include "channel_fixture.h"
#include "layout.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(aftermath, .init = fixture_open, .fini = fixture_close, .timeout = 100);

static struct leat_reader *manual_on(const char *name)
{
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    struct leat_reader *reader;
    how.name = name;
    how.manual_ack = 1;
    struct leat_channel_options create = options;
    create.flags = LEAT_OPEN_CREATE;
    cr_assert(leat_reader_open(&reader, "c", &create, &how) == 0, "%s", leat_error_text());
    return reader;
}

static atomic_bool is_over;

static void *read_and_acknowledge(void *argument)
{
    struct leat_reader *reader = argument;
    while (!is_over) {
        struct leat_message message;
        if (leat_borrow(reader, &message, 20 * MS_NS) != 0)
            continue;
        leat_release(reader);
        leat_reader_acknowledge(reader, message.cursor, message.sequence);
    }
    return NULL;
}

static void *claim(struct leat_writer *writer, size_t len)
{
    void *data = NULL;
    int rc = leat_claim(writer, len, &data, PATIENCE_NS);
    cr_assert(rc == 0, "%s", leat_strerror(rc));
    return data;
}

Test(aftermath, an_aborted_claim_behind_a_manual_reader_does_not_hold_writers_for_ever)
{
    use_kind(LEAT_BLOCK, LEAT_MANY);
    struct leat_reader *reader = manual_on("gateway");
    struct leat_writer *first = writer_on("c"), *second = writer_on("c");
    pthread_t thread;
    pthread_create(&thread, NULL, read_and_acknowledge, reader);
    must_put(first, 0, 1);
    claim(first, 32768);
    claim(second, 1);
    leat_abort(first); /* void: the other claim lies behind it */
    leat_abort(second);
    for (uint64_t tag = 1; tag < 4; tag++)
        must_put(second, tag, 32768);
    is_over = true;
    pthread_join(thread, NULL);
    leat_writer_close(first);
    leat_writer_close(second);
    leat_reader_close(reader);
}

Test(aftermath, what_was_stepped_over_does_not_take_unacknowledged_messages_along)
{
    use_kind(LEAT_BLOCK, LEAT_MANY);
    struct leat_reader *reader = manual_on("gateway");
    struct leat_writer *first = writer_on("c"), *second = writer_on("c");
    must_put(first, 0, 100);
    claim(first, 100);
    claim(second, 100);
    leat_abort(first);
    leat_abort(second);
    cr_expect(must_get(reader).tag == 0);
    must_be_empty(reader); /* over the void one, and nothing is acknowledged */
    leat_reader_close(reader);
    reader = manual_on("gateway");
    cr_expect(must_get(reader).tag == 0);
    leat_writer_close(first);
    leat_writer_close(second);
    leat_reader_close(reader);
}

static void open_and_die(void *manual)
{
    (void)(manual != NULL ? manual_on("gateway") : durable_on("c", "gateway", 0));
    raise(SIGKILL);
}

static void find_the_loss_and_die(void *unused)
{
    (void)unused;
    struct leat_reader *reader = durable_on("c", "gateway", 0);
    struct leat_writer *writer = writer_on("c");
    for (uint64_t tag = 100; tag < 200; tag++)
        must_put(writer, tag, 2000);
    struct leat_message message;
    leat_borrow(reader, &message, PATIENCE_NS);
    raise(SIGKILL);
}

static uint64_t lost_in_all(void)
{
    struct leat_channel_info info = {.size = sizeof info};
    struct leat_reader_info gateway = {.size = sizeof gateway};
    cr_assert(leat_channel_inspect(options.directory, "c", &info, &gateway, 1) == 1);
    return gateway.lost;
}

Test(aftermath, a_loss_that_a_killed_reader_found_but_did_not_tell_is_told_to_its_next_life)
{
    for (int way = 0; way < 3; way++) {
        use_kind(LEAT_OVERWRITE, LEAT_MANY);
        struct leat_writer *writer = writer_on("c");
        leat_reader_close(durable_on("c", "gateway", 0));
        for (uint64_t tag = 0; tag < 100; tag++)
            must_put(writer, tag, 2000);
        cr_assert(WIFSIGNALED(in_child(way < 2 ? open_and_die : find_the_loss_and_die, way == 0 ? NULL : &options)));
        struct leat_reader *reader = durable_on("c", "gateway", 0);
        struct leat_message message = must_get(reader);
        cr_expect(message.tag >= 70 && message.lost == message.tag, "%lu lost before %lu", (unsigned long)message.lost,
                  (unsigned long)message.tag);
        cr_expect(must_get(reader).lost == 0);
        cr_expect(lost_in_all() == message.lost, "%lu counted", (unsigned long)lost_in_all());
        leat_reader_close(reader);
        leat_writer_close(writer);
    }
}

static unsigned char zeros[32768];

/* Its second record would start at 2000. */
static void burst_and_die(void *point)
{
    struct leat_writer *writer = writer_on("c");
    struct leat_outgoing_bytes burst[8];
    for (int i = 0; i < 8; i++)
        burst[i] = (struct leat_outgoing_bytes){zeros, 1952, 0};
    die_at(point, 1);
    leat_publish_burst(writer, burst, 8, PATIENCE_NS);
}

static void inherit_and_die(void *unused)
{
    (void)unused;
    die_at("erase:one", 3);
    put(writer_on("c"), 0, 10, PATIENCE_NS);
}

Test(aftermath, a_burst_that_was_never_claimed_does_not_come_alive_later)
{
    for (int deaths = 1; deaths < 3; deaths++) {
        use_kind(LEAT_OVERWRITE, LEAT_MANY);
        struct leat_writer *writer = writer_on("c");
        cr_assert(WIFSIGNALED(in_child(burst_and_die, (void *)(uintptr_t) "many:header")));
        if (deaths == 2)
            cr_assert(WIFSIGNALED(in_child(inherit_and_die, NULL)));
        claim(writer, 20000); /* over all of the burst, and almost nothing of it is written */
        cr_assert(leat_commit(writer, 0, 0) == 0);
        for (uint64_t tag = 1; tag < 25; tag++)
            must_put(writer, tag, 2000); /* until the beginning is overwritten, but not all of the burst */
        struct leat_reader *reader = reader_on("c");
        struct leat_message message = must_get(reader);
        cr_expect(message.lost == 0);
        for (uint64_t tag = message.tag + 1; tag < 25; tag++) {
            message = must_get(reader);
            cr_expect(message.tag == tag && message.lost == 0);
        }
        must_be_empty(reader);
        leat_reader_close(reader);
        leat_writer_close(writer);
    }
}

static void join_and_die(void *name)
{
    if (name != NULL)
        (void)durable_on("c", name, 0);
    else
        (void)reader_on("c");
    raise(SIGKILL);
}

Test(aftermath, a_dead_nameless_reader_is_not_one_that_writers_wait_for)
{
    options.policy = LEAT_BLOCK;
    options.wait_readers = 1;
    cr_assert(WIFSIGNALED(in_child(join_and_die, NULL)));
    struct leat_writer *writer = writer_on("c");
    cr_expect(put(writer, 0, 10, 100 * MS_NS) == LEAT_ETIMEDOUT);
    cr_expect(put(writer, 0, 10, 0) == LEAT_EAGAIN);
    cr_assert(WIFSIGNALED(in_child(join_and_die, (void *)(uintptr_t) "gateway"))); /* this one comes back */
    must_put(writer, 0, 10);
    leat_writer_close(writer);
}

static pid_t start_and_stop(void (*body)(void *), void *argument)
{
    int status;
    pid_t child = start_child(body, argument);
    cr_assert(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status), "status %x", (unsigned)status);
    return child;
}

static void remove_and_die(void *unused)
{
    (void)unused;
    die_at("unlink:checked", 1);
    remove_channel("c");
}

static void replace_and_stop(void *unused)
{
    (void)unused;
    stop_at("unlink:checked", 1);
    writer_on("c");
}

static void publish_into_the_new_one(void *done)
{
    struct leat_writer *writer = writer_on("c");
    must_put(writer, 77, 10);
    cr_assert(write(*(int *)done, "x", 1) == 1);
    pause();
}

Test(aftermath, of_two_who_replace_a_removed_channel_neither_unlinks_the_others)
{
    leat_writer_close(writer_on("c"));
    cr_assert(WIFSIGNALED(in_child(remove_and_die, NULL)));
    cr_assert(access(segment_file(), F_OK) == 0);
    int done[2];
    char byte;
    cr_assert(pipe(done) == 0);
    pid_t slow = start_and_stop(replace_and_stop, NULL), fast = start_child(publish_into_the_new_one, &done[1]);
    usleep(50000); /* it must wait for the slow one; this is for a fast one that does not */
    kill(slow, SIGCONT);
    cr_expect(wait_child(slow) == 0);
    cr_assert(read(done[0], &byte, 1) == 1);
    struct leat_reader *reader = reader_on("c");
    struct leat_message message;
    cr_expect(leat_borrow(reader, &message, 0) == 0 && message.tag == 77);
    leat_reader_close(reader);
    kill(fast, SIGKILL);
    wait_child(fast);
}

bool __real_lease_held(int fd, uint64_t offset);
bool __wrap_lease_held(int fd, uint64_t offset);
static atomic_uint leases_tested;

bool __wrap_lease_held(int fd, uint64_t offset)
{
    leases_tested++;
    return __real_lease_held(fd, offset);
}

Test(aftermath, slots_of_writers_that_left_cost_nothing)
{
    use_kind(LEAT_BLOCK, LEAT_MANY);
    struct leat_reader *reader = reader_on("c");
    struct leat_writer *writers[40];
    for (int i = 0; i < 40; i++)
        writers[i] = writer_on("c");
    for (int i = 1; i < 40; i++)
        leat_writer_close(writers[i]);
    while (put(writers[0], 0, 1000, 0) == 0)
        ;
    usleep(2000); /* leases are tested once a millisecond */
    leases_tested = 0;
    cr_expect(put(writers[0], 0, 1000, 0) == LEAT_EAGAIN);
    cr_expect(leases_tested == 1, "%u", leases_tested); /* the reader's */
    leat_writer_close(writers[0]);
    leat_reader_close(reader);
}

static void fill_and_stop(void *nth)
{
    struct leat_writer *writer = writer_on("c");
    stop_at("gate:announced", *(int *)nth);
    for (uint64_t tag = 0;; tag++)
        must_put(writer, tag, 952);
}

static uint64_t published(void)
{
    struct leat_channel_info info = {.size = sizeof info};
    cr_assert(leat_channel_inspect(options.directory, "c", &info, NULL, 0) >= 0);
    return info.messages;
}

Test(aftermath, a_reader_that_returns_is_not_overtaken_by_what_was_announced_before)
{
    for (int nth = 15; nth < 20; nth++)
        for (uint32_t producers = 0; producers < 2; producers++) {
            use_kind(LEAT_BLOCK, producers);
            leat_reader_close(durable_on("c", "gateway", 0)); /* at position 0, where the 17th sixteenth lies, too */
            pid_t child = start_and_stop(fill_and_stop, &nth);
            struct leat_reader *reader = durable_on("c", "gateway", 0);
            struct leat_message message;
            cr_assert(leat_borrow(reader, &message, PATIENCE_NS) == 0);
            cr_expect(message.lost == message.tag);
            uint64_t before = published();
            kill(child, SIGCONT);
            for (int i = 0; i < 1000 && published() == before; i++)
                usleep(1000);
            cr_expect(published() > before);
            cr_expect(leat_release(reader) == 0, "at the %d. time", nth);
            cr_expect(must_get(reader).lost == 0);
            kill(child, SIGKILL);
            wait_child(child);
            leat_reader_close(reader);
        }
}

static void claim_and_die(void *unused)
{
    (void)unused;
    claim(writer_on("c"), 100);
    raise(SIGKILL);
}

static void count_a_void_and_die(void *unused)
{
    (void)unused;
    die_at("void:counted", 1);
    struct leat_reader *reader = reader_on("c");
    for (int i = 0; i < 3; i++)
        must_get(reader);
}

Test(aftermath, a_void_that_was_counted_and_not_logged_hides_no_loss)
{
    struct leat_writer *writer = writer_on("c");
    struct leat_reader *slow = reader_on("c");
    must_put(writer, 0, 100);
    cr_assert(WIFSIGNALED(in_child(claim_and_die, NULL)));
    must_put(writer, 1, 100);
    cr_assert(WIFSIGNALED(in_child(count_a_void_and_die, NULL)));
    for (uint64_t tag = 2; tag < 300; tag++)
        must_put(writer, tag, 1000);
    struct leat_message message = must_get(slow);
    cr_expect(message.lost == message.tag, "%lu lost before %lu", (unsigned long)message.lost,
              (unsigned long)message.tag);
    leat_reader_close(slow);
    leat_writer_close(writer);
}

static void take_the_slot_and_stop(void *unused)
{
    (void)unused;
    stop_at("writer:registered", 1);
    writer_on("c");
}

Test(aftermath, a_dead_claim_is_not_kept_alive_by_its_slots_next_writer)
{
    struct leat_writer *writer = writer_on("c");
    struct leat_reader *reader = reader_on("c");
    cr_assert(WIFSIGNALED(in_child(claim_and_die, NULL)));
    pid_t heir = start_and_stop(take_the_slot_and_stop, NULL);
    must_put(writer, 1, 100);
    cr_expect(must_get(reader).tag == 1);
    kill(heir, SIGKILL);
    wait_child(heir);
    leat_reader_close(reader);
    leat_writer_close(writer);
}
