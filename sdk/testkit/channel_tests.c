/* A channel with one message at a time: what is written is read. */
#include "channel_calls.h"
#include "subject.h"
#include "tests.h"
#include "traces.h"
#include "ways.h"

#include <inttypes.h>
#include <string.h>

#define LARGEST_TRIED (UINT64_C(64) << 20)

static void reads_what_is_written(void)
{
    void *writer, *reader;
    channel_pair(&writer, &reader);
    for (uint64_t i = 0; i < 200; i++) {
        int32_t error = channel_write(writer, i, channel_len(i), TEST_PATIENCE_NS);
        test_require(error == 0,
                     "message %" PRIu64 " of %" PRIu64 " bytes could not be written into an empty channel: %s", i,
                     channel_len(i), test_errno(error));
        channel_expect(reader, i, channel_len(i));
    }
    channel_reader_close(reader);
    channel_writer_close(writer);
}

static void keeps_what_it_says(void)
{
    void *writer, *reader;
    struct leat_message message;
    uint64_t sequence = 0;
    channel_pair(&writer, &reader);
    uint32_t keeps = channel_keeps(subject_values());
    for (uint64_t i = 0; i < 10; i++) {
        test_require(channel_write(writer, i, 16, TEST_PATIENCE_NS) == 0, "message %" PRIu64 " could not be written",
                     i);
        test_require(channel_next(reader, &message, TEST_PATIENCE_NS) == 0, "message %" PRIu64 " did not come", i);
        test_require(message.lost == 0, "message %" PRIu64 " says that %" PRIu64 " were lost; none was", i,
                     message.lost);
        test_require(!(keeps & LEAT_CHANNEL_KEEPS_METADATA) || message.time_ns > UINT64_C(1500000000000000000),
                     "its time is %" PRIu64 "; expected CLOCK_REALTIME in nanoseconds", message.time_ns);
        test_require(!(keeps & LEAT_CHANNEL_KEEPS_METADATA) || i == 0 || message.sequence > sequence,
                     "sequence %" PRIu64 " came after %" PRIu64 "; expected a larger one", message.sequence, sequence);
        sequence = message.sequence;
        test_require(channel_release(reader) == 0, "release failed in an idle channel");
        channel_acknowledge(reader, &message);
    }
    test_note("keeps: %s%s%s%s", keeps & LEAT_CHANNEL_KEEPS_METADATA ? "metadata " : "",
              keeps & LEAT_CHANNEL_KEEPS_TAG ? "tag " : "", keeps & LEAT_CHANNEL_KEEPS_ORIGIN ? "origin " : "",
              keeps & LEAT_CHANNEL_DURABLE ? "position " : "");
    channel_reader_close(reader);
    channel_writer_close(writer);
}

/* ---- sizes ----------------------------------------------------------------------------------------------------------- */

static void carries_an_empty_message(void)
{
    void *writer, *reader;
    channel_pair(&writer, &reader);
    int32_t error = channel_write(writer, 0, 0, TEST_PATIENCE_NS);
    if (error == -EINVAL)
        test_note("an empty message is no message here: it is refused with -EINVAL");
    test_require(error == 0 || error == -EINVAL,
                 "an empty message was refused with %s; expected 0, or -EINVAL where there is none", test_errno(error));
    if (error == 0)
        channel_expect(reader, 0, 0);
    test_require(channel_write(writer, 1, 100, TEST_PATIENCE_NS) == 0, "after an empty message nothing can be written");
    channel_expect(reader, 1, 100);
    channel_reader_close(reader);
    channel_writer_close(writer);
}

static bool can_claim(void *writer, uint64_t len)
{
    void *data;
    int32_t error = channel_claim(writer, len, &data, TEST_S);
    if (error == 0)
        channel_abort(writer);
    test_require(error == 0 || error == LEAT_ETOOBIG || error == -ENOMEM || error == -ENOSPC,
                 "claim of %" PRIu64 " bytes returned %s; expected 0 or LEAT_ETOOBIG (-EMSGSIZE)", len,
                 test_errno(error));
    return error == 0;
}

struct large {
    void *writer;
    uint64_t len;
};

static void *write_large(void *of)
{
    const struct large *large = of;
    int32_t error = channel_write(large->writer, 7, large->len, TEST_PATIENCE_NS);
    test_require(error == 0, "a message of %" PRIu64 " bytes, which could be claimed, was not committed: %s",
                 large->len, test_errno(error));
    return NULL;
}

static void carries_its_largest_message(void)
{
    void *writer, *reader;
    channel_pair(&writer, &reader);
    uint64_t fits = 1, too_big = LARGEST_TRIED + 1;
    test_require(can_claim(writer, fits), "a message of 1 byte is too big for it");
    while (too_big - fits > 1) {
        uint64_t middle = fits + (too_big - fits) / 2;
        *(can_claim(writer, middle) ? &fits : &too_big) = middle;
    }
    test_note("largest message: %s%" PRIu64 " bytes", fits == LARGEST_TRIED ? "at least " : "", fits);
    struct large large = {writer, fits};
    pthread_t thread = test_thread(write_large, &large); /* in parts, perhaps, for which the reader makes room */
    channel_expect(reader, 7, fits);
    pthread_join(thread, NULL);
    test_require(channel_write(writer, 8, 100, TEST_PATIENCE_NS) == 0,
                 "after the largest message nothing can be written");
    channel_expect(reader, 8, 100);
    channel_reader_close(reader);
    channel_writer_close(writer);
}

static void refuses_absurd_sizes(void)
{
    static const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 63, UINT64_C(1) << 48};
    void *writer, *reader, *data;
    channel_pair(&writer, &reader);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int32_t error = channel_claim(writer, sizes[i], &data, 10 * TEST_MS);
        test_require(error != 0, "claim of %" PRIu64 " bytes returned 0", sizes[i]);
    }
    test_require(channel_write(writer, 1, 100, TEST_PATIENCE_NS) == 0,
                 "after a claim that was refused nothing can be written");
    channel_expect(reader, 1, 100);
    channel_reader_close(reader);
    channel_writer_close(writer);
}

/* ---- claims ---------------------------------------------------------------------------------------------------------- */

static void an_aborted_claim_is_not_seen(void)
{
    void *writer, *reader, *data;
    channel_pair(&writer, &reader);
    for (uint64_t i = 0; i < 50; i++) {
        test_require(channel_claim(writer, 100 + i, &data, TEST_PATIENCE_NS) == 0, "claim %" PRIu64 " failed", i);
        memset(data, 0xee, 100 + i);
        channel_abort(writer);
        test_require(channel_write(writer, i, 64, TEST_PATIENCE_NS) == 0, "nothing can be written after abort()");
        channel_expect(reader, i, 64);
    }
    channel_abort(writer); /* without a claim: harmless */
    test_require(channel_write(writer, 50, 64, TEST_PATIENCE_NS) == 0,
                 "nothing can be written after abort() without a claim");
    channel_expect(reader, 50, 64);
    channel_reader_close(reader);
    channel_writer_close(writer);
}

static void a_message_may_be_shorter_than_its_claim(void)
{
    void *writer, *reader, *data;
    struct leat_message message;
    channel_pair(&writer, &reader);
    test_require(channel_claim(writer, 4096, &data, TEST_PATIENCE_NS) == 0, "claim of 4096 bytes failed");
    memset(data, 0x5a, 4096);
    int32_t error = channel_commit(writer, 10, 1);
    test_require(error == 0, "commit of 10 of 4096 claimed bytes returned %s", test_errno(error));
    test_require(channel_next(reader, &message, TEST_PATIENCE_NS) == 0, "the message did not come");
    test_require(message.len == 10, "a message of %" PRIu64 " bytes came; 10 were committed", message.len);
    test_require(memcmp(message.data, "ZZZZZZZZZZ", 10) == 0, "the bytes are not those that were written");
    channel_release(reader);
    channel_acknowledge(reader, &message);
    channel_reader_close(reader);
    channel_writer_close(writer);
}

/* ---- waiting --------------------------------------------------------------------------------------------------------- */

static const int64_t timeouts_ms[] = {0, 1, 20, 200};

/* What comes into a channel that only reads is not ours: there may be a message at any time, or none. */
static void borrow_alone_keeps_its_timeout(void)
{
    void *reader;
    struct leat_message message;
    int32_t error = channel_reader_open(&reader, subject_values(), "gateway.test");
    if (error)
        test_skip("it only reads, and reader_open of '%s' returned %s (--where names another channel)", channel_where(),
                  test_errno(error));
    for (size_t i = 0; i < sizeof timeouts_ms / sizeof timeouts_ms[0]; i++) {
        if (channel_borrow(reader, &message, timeouts_ms[i] * TEST_MS) != 0) /* which judges the time */
            continue;
        if (channel_release(reader) == 0)
            channel_acknowledge(reader, &message);
    }
    channel_reader_close(reader);
}

static void borrow_keeps_its_timeout(void)
{
    void *writer, *reader;
    struct leat_message message;
    if (channel_only_reads()) {
        borrow_alone_keeps_its_timeout();
        return;
    }
    channel_pair(&writer, &reader);
    for (size_t i = 0; i < sizeof timeouts_ms / sizeof timeouts_ms[0]; i++) {
        int32_t error = channel_borrow(reader, &message, timeouts_ms[i] * TEST_MS); /* which judges the time */
        test_require(error == LEAT_EAGAIN || error == LEAT_ETIMEDOUT,
                     "borrow from an empty channel returned %s; expected LEAT_EAGAIN or LEAT_ETIMEDOUT",
                     test_errno(error));
    }
    channel_reader_close(reader);
    channel_writer_close(writer);
}

static void claim_keeps_its_timeout(void)
{
    void *writer, *reader;
    int32_t error = 0;
    channel_pair(&writer, &reader);
    for (uint64_t i = 0; i < 20000 && error == 0; i++)
        error = channel_write(writer, i, 4096, 0);
    if (error == 0)
        test_skip("it takes 80 MB without a reader that reads: it never waits for room");
    test_require(error == LEAT_EAGAIN || error == LEAT_ETIMEDOUT || error == -ENOTCONN,
                 "a full channel returned %s; expected LEAT_EAGAIN or LEAT_ETIMEDOUT", test_errno(error));
    for (int64_t ms = 1; ms <= 100 && error != -ENOTCONN; ms *= 10)
        error = channel_write(writer, 0, 4096, ms * TEST_MS); /* claim judges the time */
    channel_reader_close(reader);
    channel_writer_close(writer);
}

static void *write_soon(void *writer)
{
    test_nap(100 * TEST_MS);
    test_require(channel_write(writer, 3, 100, TEST_PATIENCE_NS) == 0, "a message could not be written");
    return NULL;
}

static void a_message_wakes_who_waits(void)
{
    void *writer, *reader;
    struct leat_message message;
    channel_pair(&writer, &reader);
    pthread_t thread = test_thread(write_soon, writer);
    int64_t since = test_now_ns();
    int32_t error = channel_borrow(reader, &message, 5 * TEST_S);
    int64_t took_ms = (test_now_ns() - since) / TEST_MS;
    test_require(error == 0, "borrow returned %s after %" PRId64 " ms, although a message was written after 100 ms",
                 test_errno(error), took_ms);
    test_require(took_ms < 1500, "a message that was written after 100 ms was lent after %" PRId64 " ms", took_ms);
    channel_release(reader);
    pthread_join(thread, NULL);
    channel_reader_close(reader);
    channel_writer_close(writer);
}

/* ---- ends ------------------------------------------------------------------------------------------------------------ */

static void a_reader_may_come_first(void)
{
    void *reader, *writer;
    struct leat_message message;
    int32_t error = channel_reader_open(&reader, subject_values(), "gateway.test");
    if (error == -ENOTSUP)
        test_skip("reader_open returned -ENOTSUP: it only writes");
    test_require(error == 0 || error == -ENOENT,
                 "reader_open of a channel that nobody has made returned %s; expected -ENOENT (or 0, to wait for it)",
                 test_errno(error));
    if (error)
        return;
    error = channel_borrow(reader, &message, 10 * TEST_MS);
    if (error == 0) { /* it has messages from elsewhere */
        channel_release(reader);
        channel_reader_close(reader);
        return;
    }
    if (channel_writer_open(&writer, subject_values()) == 0) {
        test_require(channel_write(writer, 5, 100, TEST_PATIENCE_NS) == 0, "the first message could not be written");
        channel_expect(reader, 5, 100);
        channel_writer_close(writer);
    }
    channel_reader_close(reader);
}

static void ends_close_in_the_middle(void)
{
    void *writer, *reader, *data;
    struct leat_message message;
    for (uint64_t i = 0; i < 20; i++) {
        channel_pair(&writer, &reader);
        test_require(channel_write(writer, i, 100, TEST_PATIENCE_NS) == 0, "a message could not be written");
        test_require(channel_next(reader, &message, TEST_PATIENCE_NS) == 0, "message %" PRIu64 " did not come", i);
        channel_acknowledge(reader, &message);
        test_require(channel_claim(writer, 100, &data, TEST_PATIENCE_NS) == 0, "a claim failed");
        channel_reader_close(reader); /* which has a message on loan */
        channel_writer_close(writer); /* which has a claim */
    }
    channel_pair(&writer, &reader);
    for (int32_t error; (error = channel_borrow(reader, &message, 50 * TEST_MS)) == 0; channel_release(reader))
        channel_acknowledge(reader,
                            &message); /* a message that was on loan when its reader was closed may come again */
    test_require(channel_write(writer, 99, 100, TEST_PATIENCE_NS) == 0,
                 "after 20 writers that were closed with a claim nothing can be written");
    channel_expect(reader, 99, 100);
    channel_reader_close(reader);
    channel_writer_close(writer);
}

static bool is_durable(void *reader)
{
    const struct leat_channel_ops *ops = &test_subject.plugin.channel;
    test_enter("reader_is_durable");
    bool durable = ops->reader_is_durable ? ops->reader_is_durable(reader)
                                          : channel_keeps(subject_values()) & LEAT_CHANNEL_DURABLE;
    test_leave();
    return durable;
}

static void a_durable_reader_resumes(void)
{
    void *writer, *reader;
    struct leat_message message;
    channel_pair(&writer, &reader);
    if (!is_durable(reader))
        test_skip("it keeps no reader's position");
    for (uint64_t i = 0; i < 10; i++)
        test_require(channel_write(writer, i, 100, TEST_PATIENCE_NS) == 0, "a message could not be written");
    for (uint64_t i = 0; i < 8; i++) {
        test_require(channel_next(reader, &message, TEST_PATIENCE_NS) == 0, "message %" PRIu64 " did not come", i);
        channel_release(reader);
        if (i < 5)
            channel_acknowledge(reader, &message);
    }
    channel_reader_close(reader);
    int32_t error = channel_reader_open(&reader, subject_values(), "gateway.test");
    test_require(error == 0, "a reader that was closed cannot be opened again: %s", test_errno(error));
    for (uint64_t i = 5; i < 10; i++) /* acknowledged up to number 4 */
        channel_expect(reader, i, 100);
    channel_reader_close(reader);
    channel_writer_close(writer);
}

const struct test_row channel_tests[] = {
    {"what is written is read", reads_what_is_written, 30, false},
    {"a message has what the channel says that it keeps", keeps_what_it_says, TEST_LIMIT, false},
    {"an empty message is carried, or refused as malformed", carries_an_empty_message, TEST_LIMIT, false},
    {"the largest message is carried", carries_its_largest_message, 60, false},
    {"absurd sizes are refused", refuses_absurd_sizes, TEST_LIMIT, false},
    {"what is aborted is never seen", an_aborted_claim_is_not_seen, TEST_LIMIT, false},
    {"a message may be shorter than its claim", a_message_may_be_shorter_than_its_claim, TEST_LIMIT, false},
    {"borrow returns within its timeout", borrow_keeps_its_timeout, TEST_LIMIT, false},
    {"claim returns within its timeout", claim_keeps_its_timeout, 60, false},
    {"a message wakes who waits for it", a_message_wakes_who_waits, TEST_LIMIT, false},
    {"a reader may come before any writer", a_reader_may_come_first, TEST_LIMIT, false},
    {"both ends close in the middle of a message", ends_close_in_the_middle, TEST_LIMIT, false},
    {"a durable reader resumes at what it had not acknowledged", a_durable_reader_resumes, TEST_LIMIT, false},
    {NULL, NULL, 0, false},
};
