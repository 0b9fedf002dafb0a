/* A channel under load: every message that was committed is read or reported lost, in order, whatever happens to the ends. */
#include "allocation.h"
#include "channel_calls.h"
#include "subject.h"
#include "tests.h"
#include "ways.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

/* One writer's work, in a thread of its own. */
struct stream {
    void *writer;
    uint64_t count;   /* how many to write */
    int64_t until_ns; /* when to give up */
    bool tolerant;    /* a refused message is left out, and not a failure */
    atomic_bool stop; /* before all are written */
    _Atomic uint64_t committed;
    atomic_bool done;
};

static void *write_stream(void *of)
{
    struct stream *stream = of;
    for (uint64_t i = 0; i < stream->count && !atomic_load(&stream->stop); i++) {
        int32_t error;
        do
            error = channel_write(stream->writer, i, channel_len(i), 100 * TEST_MS);
        while ((error == LEAT_EAGAIN || error == LEAT_ETIMEDOUT) && !atomic_load(&stream->stop) &&
               test_now_ns() < stream->until_ns);
        if (error && atomic_load(&stream->stop))
            break;
        test_require(error == 0 || stream->tolerant, "message %" PRIu64 " could not be written: %s", i,
                     test_errno(error));
        if (error == 0)
            atomic_fetch_add(&stream->committed, 1);
    }
    atomic_store(&stream->done, true);
    return NULL;
}

/* What a reader has seen. */
struct tally {
    uint64_t read, lost, next;
};

/* One more message, or a little wait. */
static void take(void *reader, struct tally *tally)
{
    struct leat_message message;
    int32_t error = channel_borrow(reader, &message, 20 * TEST_MS);
    if (error) {
        test_require(error == LEAT_EAGAIN || error == LEAT_ETIMEDOUT, "borrow returned %s in a stream",
                     test_errno(error));
        return;
    }
    uint64_t len = message.len;
    static _Thread_local unsigned char copy[65536];
    test_require(len <= sizeof copy, "a message of %" PRIu64 " bytes came; the longest has 2055", len);
    memcpy(copy, message.data, len);
    error = channel_release(reader);
    if (error == LEAT_ELAPPED)
        return; /* told again by the next one */
    test_require(error == 0, "release returned %s", test_errno(error));
    message.data = copy;
    uint64_t number = channel_number(&message);
    test_require(number >= tally->next, "message %" PRIu64 " came after %" PRIu64, number, tally->next - 1);
    test_require(len == channel_len(number), "message %" PRIu64 " has %" PRIu64 " bytes; %" PRIu64 " were committed",
                 number, len, channel_len(number));
    tally->next = number + 1;
    tally->read++;
    tally->lost += message.lost;
    channel_acknowledge(reader, &message);
}

static void require_balance(const struct stream *stream, const struct tally *tally)
{
    uint64_t committed = atomic_load(&stream->committed);
    test_require(tally->read + tally->lost == committed,
                 "%" PRIu64 " messages were committed; %" PRIu64 " were read and %" PRIu64 " reported lost, %" PRId64
                 " are unaccounted for",
                 committed, tally->read, tally->lost, (int64_t)(committed - tally->read - tally->lost));
}

/* Nothing has come for so long that nothing will. */
static bool is_over(int64_t last_news)
{
    int64_t silent_ns = test_now_ns() - last_news;
    return silent_ns > 3 * TEST_S && silent_ns > 3 * TEST_S + test_starved_ns();
}

/* Reads until all that was committed is accounted for; `pause` in between makes a slow reader. */
static void follow(void *reader, struct stream *stream, int64_t pause_ns)
{
    struct tally tally = {0};
    int64_t last_news = test_now_ns();
    while (!is_over(last_news)) {
        uint64_t before = tally.read;
        take(reader, &tally);
        if (tally.read != before)
            last_news = test_now_ns();
        if (atomic_load(&stream->done) && tally.read + tally.lost >= atomic_load(&stream->committed))
            break;
        if (pause_ns && tally.read % 64 == 0)
            test_nap(pause_ns);
    }
    require_balance(stream, &tally);
    test_note("%" PRIu64 " committed, %" PRIu64 " read, %" PRIu64 " lost", atomic_load(&stream->committed), tally.read,
              tally.lost);
}

static void run_stream(uint64_t count, int64_t pause_ns)
{
    void *writer, *reader;
    channel_pair(&writer, &reader);
    struct stream stream = {.writer = writer, .count = count, .until_ns = test_now_ns() + 20 * TEST_S};
    pthread_t thread = test_thread(write_stream, &stream);
    follow(reader, &stream, pause_ns);
    pthread_join(thread, NULL);
    channel_reader_close(reader);
    channel_writer_close(writer);
}

static void a_stream_arrives_in_order(void)
{
    run_stream(20000, 0);
}

static void a_slow_reader_is_accounted_for(void)
{
    subject_forget();
    run_stream(20000, 2 * TEST_MS);
    test_require(subject_heard().logs < 200, "it logged %u lines for 20,000 messages: never once per message",
                 subject_heard().logs);
}

/* ---- in the middle --------------------------------------------------------------------------------------------------- */

static void readers_come_and_go(void)
{
    void *writer, *reader;
    struct leat_message message;
    channel_pair(&writer, &reader);
    struct stream stream = {
        .writer = writer, .count = UINT64_MAX, .until_ns = test_now_ns() + 20 * TEST_S, .tolerant = true};
    pthread_t thread = test_thread(write_stream, &stream);
    for (int i = 0; i < 20; i++) {
        int64_t until = test_now_ns() + 50 * TEST_MS;
        struct tally tally = {0};
        while (test_now_ns() < until)
            take(reader, &tally);
        channel_borrow(reader, &message, 10 * TEST_MS);
        channel_reader_close(reader); /* perhaps with a message on loan */
        int32_t error = channel_reader_open(&reader, subject_values(), "gateway.test");
        test_require(error == 0, "reader %d of a stream could not be opened: %s", i, test_errno(error));
    }
    atomic_store(&stream.stop, true);
    pthread_join(thread, NULL);
    channel_reader_close(reader);
    channel_writer_close(writer);
}

static void writers_come_and_go(void)
{
    void *writer, *reader;
    channel_pair(&writer, &reader);
    struct tally tally = {0};
    uint64_t committed = 0;
    for (int i = 0; i < 10; i++) {
        struct stream stream = {.writer = writer, .count = UINT64_MAX, .until_ns = test_now_ns() + 20 * TEST_S};
        pthread_t thread = test_thread(write_stream, &stream);
        int64_t until = test_now_ns() + 30 * TEST_MS;
        while (test_now_ns() < until)
            take(reader, &tally);
        atomic_store(&stream.stop, true);
        while (!atomic_load(&stream.done))
            take(reader, &tally);
        pthread_join(thread, NULL);
        channel_writer_close(writer);
        committed += atomic_load(&stream.committed);
        for (int64_t late = test_now_ns() + 3 * TEST_S; tally.read + tally.lost < committed && test_now_ns() < late;)
            take(reader, &tally);
        test_require(tally.read + tally.lost == committed,
                     "a writer was closed after %" PRIu64 " messages; %" PRIu64 " were read and %" PRIu64
                     " reported lost",
                     committed, tally.read, tally.lost);
        tally.next = 0;
        int32_t error = channel_writer_open(&writer, subject_values());
        test_require(error == 0, "writer %d could not be opened: %s", i + 2, test_errno(error));
    }
    channel_writer_close(writer);
    channel_reader_close(reader);
}

/* ---- without memory -------------------------------------------------------------------------------------------------- */

static void a_stream_survives_without_memory(void)
{
    void *writer, *reader;
    if (!allocation_watch())
        test_skip("it allocates nothing itself");
    channel_pair(&writer, &reader);
    struct stream stream = {.writer = writer, .count = 2000, .until_ns = test_now_ns() + 20 * TEST_S, .tolerant = true};
    allocation_fail_every(3);
    pthread_t thread = test_thread(write_stream, &stream);
    struct tally tally = {0};
    while (!atomic_load(&stream.done)) {
        struct leat_message message;
        int32_t error = channel_borrow(reader, &message, 20 * TEST_MS);
        if (error == 0 && channel_release(reader) == 0) {
            tally.read++;
            tally.lost += message.lost;
            channel_acknowledge(reader, &message);
        }
    }
    test_note("%" PRIu64 " allocations failed", allocation_failed());
    allocation_fail_at(0);
    pthread_join(thread, NULL);
    for (int64_t late = test_now_ns() + 3 * TEST_S;
         tally.read + tally.lost < atomic_load(&stream.committed) && test_now_ns() < late;)
        take(reader, &tally);
    require_balance(&stream, &tally);
    channel_reader_close(reader);
    channel_writer_close(writer);
}

const struct test_row stream_tests[] = {
    {"a stream arrives whole and in order", a_stream_arrives_in_order, 60, false},
    {"what a slow reader misses is accounted for", a_slow_reader_is_accounted_for, 60, false},
    {"readers come and go in the middle of a stream", readers_come_and_go, 60, false},
    {"writers come and go, and what they committed is accounted for", writers_come_and_go, 60, false},
    {"a stream without memory loses nothing silently", a_stream_survives_without_memory, 60, false},
    {NULL, NULL, 0, false},
};
