/* A process is killed (or stopped) at one named instruction; everybody else goes on, and what arrives is whole. */
#include "channel_fixture.h"
#include "test_point.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(crash, .init = fixture_open, .fini = fixture_close, .timeout = 100);

enum doing { PUBLISHING, BURSTING, CLAIMING };

struct victim {
    const char *point;
    int nth;
    enum doing doing;
    uint64_t published; /* before it: where its tags start */
    bool stops;
};

static size_t len_of(uint64_t tag)
{
    return tag * 37 % 3000;
}

static void burst_of(struct leat_writer *writer, uint64_t tag)
{
    static unsigned char bytes[8][3000];
    struct leat_outgoing_bytes burst[8];
    for (uint64_t i = 0; i < 8; i++) {
        fill(bytes[i], len_of(tag + i), tag + i);
        burst[i] = (struct leat_outgoing_bytes){bytes[i], len_of(tag + i), tag + i};
    }
    (void)leat_publish_burst(writer, burst, 8, PATIENCE_NS);
}

static void claim_and_abort_or_commit(struct leat_writer *writer, uint64_t tag)
{
    void *data;
    if (leat_claim(writer, 3000, &data, PATIENCE_NS) != 0)
        return;
    leat_abort(writer);
    if (leat_claim(writer, 3000, &data, PATIENCE_NS) != 0)
        return;
    fill(data, len_of(tag), tag);
    leat_commit(writer, len_of(tag), tag);
}

static void write_until_killed(void *argument)
{
    struct victim *victim = argument;
    struct leat_writer *writer = writer_on("c");
    if (victim->stops)
        stop_at(victim->point, victim->nth);
    else
        die_at(victim->point, victim->nth);
    for (uint64_t tag = victim->published;; tag += 8) {
        if (victim->doing == BURSTING)
            burst_of(writer, tag);
        for (uint64_t i = 0; i < 8 && victim->doing == PUBLISHING; i++)
            put(writer, tag + i, len_of(tag + i), PATIENCE_NS);
        for (uint64_t i = 0; i < 8 && victim->doing == CLAIMING; i++)
            claim_and_abort_or_commit(writer, tag + i);
    }
}

/* Reads on until message `last`; what comes must be whole and in order (must_get looks at the bytes). */
static uint64_t read_up_to(struct leat_reader *reader, uint64_t last)
{
    uint64_t count = 0;
    for (;;) {
        struct leat_message message = must_get(reader);
        count++;
        cr_assert(message.len == len_of(message.tag));
        if (message.tag == last)
            return count;
    }
}

/* Makes room: what the victim left must not hold the others back through our own reader. */
static void drain(struct leat_reader *reader)
{
    struct leat_message message;
    int rc;
    while ((rc = leat_borrow(reader, &message, 20 * MS_NS)) == 0) {
        cr_assert(is_filled(message.data, message.len, message.tag));
        cr_assert(leat_release(reader) == 0);
    }
    cr_assert(rc == LEAT_ETIMEDOUT);
}

#define LATER UINT64_C(1000000)

/* The victim writes into an overwrite channel, or a block one that nobody reads, so it runs until it dies; afterwards a
 * bystander and a new writer write several laps, and a reader that was there from the beginning gets to the end. */
static void survive(struct victim victim, uint32_t policy, uint32_t producers)
{
    use_kind(policy, producers);
    struct leat_writer *bystander = NULL;
    struct leat_reader *reader = policy == LEAT_OVERWRITE ? reader_on("c") : NULL;
    if (producers == LEAT_MANY)
        bystander = writer_on("c");
    cr_assert(WIFSIGNALED(in_child(write_until_killed, &victim)), "%s was not reached", victim.point);
    if (reader == NULL) {
        reader = reader_on("c");
        drain(reader);
    }
    for (uint64_t tag = LATER; bystander != NULL && tag < LATER + 20; tag++)
        must_put(bystander, tag, len_of(tag)), read_up_to(reader, tag);
    struct leat_writer *heir = writer_on("c");
    must_put(heir, LATER + 20, len_of(LATER + 20));
    read_up_to(reader, LATER + 20);
    for (uint64_t tag = LATER + 21; tag < LATER + 200; tag++) {
        must_put(tag % 3 == 0 && bystander != NULL ? bystander : heir, tag, len_of(tag));
        struct leat_message message = must_get(reader);
        cr_assert(message.tag == tag && message.lost == 0, "%s: %lu came, %lu was sent, %lu lost", victim.point,
                  (unsigned long)message.tag, (unsigned long)tag, (unsigned long)message.lost);
    }
    must_be_empty(reader);
    leat_writer_close(heir);
    leat_writer_close(bystander);
    leat_reader_close(reader);
}

static const int nths[] = {1, 2, 7, 43, 200};

static void survive_all(const char *const *points, size_t count, enum doing doing, uint32_t producers)
{
    for (size_t i = 0; i < count; i++)
        for (size_t n = 0; n < sizeof nths / sizeof *nths; n++)
            for (uint32_t policy = 0; policy < 2; policy++)
                survive((struct victim){.point = points[i], .nth = nths[n], .doing = doing}, policy, producers);
}

#define SURVIVE(doing, producers, ...)                                            \
    do {                                                                          \
        static const char *const points_[] = {__VA_ARGS__};                       \
        survive_all(points_, sizeof points_ / sizeof *points_, doing, producers); \
    } while (0)

Test(crash, a_single_producer_may_die_anywhere_in_publishing)
{
    SURVIVE(PUBLISHING, LEAT_ONE, "copy:half", "one:sealing", "one:sealed", "one:tail");
}

Test(crash, a_single_producer_may_die_anywhere_in_a_burst)
{
    SURVIVE(BURSTING, LEAT_ONE, "copy:half", "one:sealing", "one:sealed", "one:tail");
}

Test(crash, a_single_producer_may_die_anywhere_with_a_claim)
{
    SURVIVE(CLAIMING, LEAT_ONE, "one:sealing", "one:sealed", "one:tail");
}

Test(crash, one_of_many_may_die_anywhere_in_publishing)
{
    SURVIVE(PUBLISHING, LEAT_MANY, "many:locked", "many:header", "many:inflight", "many:tail", "many:claimed",
            "copy:half", "many:sealing", "many:sealed", "many:finished");
}

Test(crash, one_of_many_may_die_anywhere_in_a_burst)
{
    SURVIVE(BURSTING, LEAT_MANY, "many:locked", "many:header", "many:inflight", "many:tail", "many:claimed",
            "copy:half", "many:sealing", "many:sealed", "many:finished");
}

Test(crash, one_of_many_may_die_anywhere_with_a_claim)
{
    SURVIVE(CLAIMING, LEAT_MANY, "many:locked", "many:header", "many:inflight", "many:tail", "abort:tail",
            "many:sealed", "many:finished");
}

static void burst_of_equals(void *unused)
{
    (void)unused;
    struct leat_writer *writer = writer_on("c");
    struct leat_outgoing_bytes burst[8];
    static char bytes[100];
    for (uint64_t i = 0; i < 8; i++)
        burst[i] = (struct leat_outgoing_bytes){bytes, sizeof bytes, i};
    die_at("one:sealing", 1);
    (void)leat_publish_burst(writer, burst, 8, PATIENCE_NS);
}

Test(crash, what_a_dead_burst_left_never_comes_alive)
{
    use_kind(LEAT_OVERWRITE, LEAT_ONE);
    struct leat_reader *reader = reader_on("c");
    cr_assert(WIFSIGNALED(in_child(burst_of_equals, NULL)));
    struct leat_writer *heir = writer_on("c");
    must_put(heir, 1000, 100); /* as large as those of the burst: the next stamp of it lies behind */
    cr_expect(must_get(reader).tag == 1000);
    must_be_empty(reader);
    leat_writer_close(heir);
    leat_reader_close(reader);
}

Test(crash, a_dead_writers_slot_is_tidied_up_by_its_next_writer)
{
    use_kind(LEAT_OVERWRITE, LEAT_MANY);
    struct leat_reader *reader = reader_on("c");
    for (int bursts = 0; bursts < 2; bursts++) {
        struct victim victim = {.point = "many:claimed", .nth = 1, .doing = bursts ? BURSTING : PUBLISHING};
        cr_assert(WIFSIGNALED(in_child(write_until_killed, &victim)));
        struct leat_writer *heir = writer_on("c"); /* alive, and the claim's owner by its number */
        must_put(heir, 1000, len_of(1000));
        struct leat_message message = must_get(reader);
        cr_expect(message.tag == 1000 && message.lost == 0);
        leat_writer_close(heir);
    }
    leat_reader_close(reader);
}

static pid_t start_and_stop(struct victim *victim)
{
    int status;
    pid_t child = start_child(write_until_killed, victim);
    cr_assert(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    return child;
}

Test(crash, nothing_of_a_burst_is_seen_before_all_of_it)
{
    for (uint32_t producers = 0; producers < 2; producers++) {
        use_kind(LEAT_BLOCK, producers); /* the writer goes on and on */
        struct leat_reader *reader = reader_on("c");
        struct victim victim = {.point = producers == LEAT_ONE ? "one:sealing" : "many:sealing",
                                .nth = 1,
                                .doing = BURSTING,
                                .stops = true};
        pid_t child = start_and_stop(&victim);
        must_be_empty(reader);
        kill(child, SIGCONT);
        for (uint64_t tag = 0; tag < 8; tag++)
            cr_expect(must_get(reader).tag == tag);
        kill(child, SIGKILL);
        wait_child(child);
        leat_reader_close(reader);
    }
}

static uint64_t published(void)
{
    struct leat_channel_info info = {.size = sizeof info};
    cr_assert(leat_channel_inspect(options.directory, "c", &info, NULL, 0) >= 0);
    return info.messages;
}

Test(crash, a_reader_that_joins_while_the_writer_makes_room_is_not_overtaken)
{
    for (int nth = 15; nth < 60; nth++) {
        use_kind(LEAT_BLOCK, nth % 2 ? LEAT_ONE : LEAT_MANY);
        struct victim victim = {.point = "gate:allowed", .nth = nth, .stops = true};
        pid_t child = start_and_stop(&victim);
        struct leat_reader *reader = reader_on("c");
        uint64_t before = published();
        kill(child, SIGCONT);
        for (int i = 0; i < 30 && published() < before + 10; i++)
            usleep(1000); /* it runs into the reader, or (were it not to see it) over it */
        for (int i = 0; i < 100; i++)
            cr_assert(must_get(reader).lost == 0);
        kill(child, SIGKILL);
        wait_child(child);
        leat_reader_close(reader);
    }
}

static void hold_a_reader(void *point)
{
    die_at(point, 1);
    struct leat_reader *reader = durable_on("c", "victim", 0);
    must_get(reader);
    struct leat_message message;
    leat_borrow(reader, &message, PATIENCE_NS);
    _exit(1);
}

Test(crash, a_reader_may_die_anywhere)
{
    static const char *const points[] = {"reader:taken", "reader:held", "reader:stored", "reader:lent"};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        use_kind(LEAT_BLOCK, LEAT_MANY);
        struct leat_writer *writer = writer_on("c");
        must_put(writer, 0, len_of(0));
        must_put(writer, 1, len_of(1));
        cr_assert(WIFSIGNALED(in_child(hold_a_reader, (void *)(uintptr_t)points[i])), "%s", points[i]);
        for (uint64_t tag = 2; tag < 300; tag++)
            must_put(writer, tag, len_of(tag));
        struct leat_reader *reader = durable_on("c", "victim", 0);
        struct leat_message message = must_get(reader);
        cr_expect(message.tag > 200);
        leat_reader_close(reader);
        leat_writer_close(writer);
    }
}

static void create_and_die(void *unused)
{
    (void)unused;
    die_at("create:built", 1);
    writer_on("c");
}

Test(crash, a_creator_that_dies_leaves_nothing)
{
    cr_assert(WIFSIGNALED(in_child(create_and_die, NULL)));
    cr_expect(access(segment_file(), F_OK) != 0);
    cr_expect(rmdir(options.directory) == 0, "something was left behind");
}

static void void_and_die(void *unused)
{
    (void)unused;
    die_at("void:logged", 1);
    struct leat_reader *reader = reader_on("c");
    must_get(reader);
}

Test(crash, a_record_that_is_made_void_twice_counts_once)
{
    use_kind(LEAT_OVERWRITE, LEAT_MANY);
    struct leat_writer *writer = writer_on("c");
    struct leat_reader *slow = reader_on("c");
    struct victim victim = {.point = "many:claimed", .nth = 1};
    cr_assert(WIFSIGNALED(in_child(write_until_killed, &victim)));
    must_put(writer, 0, len_of(0));
    cr_assert(WIFSIGNALED(in_child(void_and_die, NULL)));
    cr_assert(WIFSIGNALED(in_child(void_and_die, NULL)));
    for (uint64_t tag = 1; tag < 300; tag++)
        must_put(writer, tag, len_of(tag));
    struct leat_message message = must_get(slow);
    cr_expect(message.lost == message.tag, "%lu lost before %lu", (unsigned long)message.lost,
              (unsigned long)message.tag);
    leat_writer_close(writer);
    leat_reader_close(slow);
}

static void read_on_as_nobody(void *unused)
{
    (void)unused;
    struct leat_reader *reader;
    struct leat_message message;
    if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
        _exit(9);
    if (leat_reader_open(&reader, "c", &options, NULL) != 0)
        _exit(1);
    if (leat_borrow(reader, &message, PATIENCE_NS) != 0)
        _exit(2);
    _exit(message.tag == 77 ? 0 : 3);
}

Test(crash, a_reader_that_may_not_write_steps_over_a_dead_claim_too)
{
    if (geteuid() != 0) {
        cr_log_warn("left out: needs root to become somebody else");
        return;
    }
    cr_assert(chmod(options.directory, 0755) == 0);
    options.mode = 0644;
    struct leat_writer *writer = writer_on("c");
    struct victim victim = {.point = "many:claimed", .nth = 1};
    cr_assert(WIFSIGNALED(in_child(write_until_killed, &victim)));
    must_put(writer, 77, len_of(77));
    int status = in_child(read_on_as_nobody, NULL);
    cr_expect(status == 0, "status %x", (unsigned)status);
    leat_writer_close(writer);
}

Test(crash, a_stopped_writer_is_waited_for_and_not_robbed)
{
    use_kind(LEAT_OVERWRITE, LEAT_MANY);
    struct leat_writer *writer = writer_on("c");
    struct leat_reader *reader = reader_on("c");
    struct victim victim = {.point = "many:claimed", .nth = 1, .stops = true, .published = 5000};
    pid_t child = start_and_stop(&victim);
    must_put(writer, 0, 10);
    struct leat_message message;
    cr_expect(leat_borrow(reader, &message, 100 * MS_NS) == LEAT_ETIMEDOUT);
    uint64_t tag = 1;
    while (put(writer, tag, 1000, 0) == 0)
        tag++;
    cr_expect(tag > 30 && tag < 70); /* as far as the claim lets it */
    kill(child, SIGKILL);
    wait_child(child);
    must_put(writer, tag, 1000);
    cr_expect(must_get(reader).tag < 70);
    leat_writer_close(writer);
    leat_reader_close(reader);
}

Test(crash, a_stopped_holder_of_the_lock_delays_others_within_their_time)
{
    use_kind(LEAT_OVERWRITE, LEAT_MANY);
    struct leat_writer *writer = writer_on("c");
    struct victim victim = {.point = "many:inflight", .nth = 1, .stops = true};
    pid_t child = start_and_stop(&victim);
    cr_expect(put(writer, 0, 10, 0) == LEAT_EAGAIN);
    cr_expect(put(writer, 0, 10, 50 * MS_NS) == LEAT_ETIMEDOUT);
    kill(child, SIGKILL);
    must_put(writer, 0, 10);
    wait_child(child);
    leat_writer_close(writer);
}
