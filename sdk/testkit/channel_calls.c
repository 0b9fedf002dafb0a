#include "channel_calls.h"

#include "subject.h"
#include "ways.h"

#include <inttypes.h>
#include <stdatomic.h>

#define OPS (&test_subject.plugin.channel)

/* ---- the reading end ------------------------------------------------------------------------------------------------- */

int32_t channel_reader_open(void **reader, const void *values, const char *name)
{
    *reader = NULL;
    test_enter("reader_open");
    int32_t result = OPS->reader_open(reader, subject_host(), channel_where(), values, name);
    test_leave_in_time("reader_open");
    return test_result("reader_open", result);
}

static void judge_timeout(const char *function, int64_t timeout_ns, int64_t took_ns)
{
    test_require(took_ns <= timeout_ns + TEST_SLACK_NS || took_ns <= timeout_ns + TEST_SLACK_NS + test_starved_ns(),
                 "%s with a timeout of %lld ms must return by then; it took %lld ms", function,
                 (long long)(timeout_ns / TEST_MS), (long long)(took_ns / TEST_MS));
}

int32_t channel_borrow(void *reader, struct leat_message *message, int64_t timeout_ns)
{
    *message = (struct leat_message){0};
    test_enter("borrow");
    int32_t result = OPS->borrow(reader, message, timeout_ns);
    judge_timeout("borrow", timeout_ns, test_leave());
    test_require(result != 0 || message->len == 0 || message->data,
                 "borrow returned 0 and a message of %" PRIu64 " bytes at NULL", message->len);
    return test_result("borrow", result);
}

int32_t channel_release(void *reader)
{
    test_enter("release");
    int32_t result = OPS->release(reader);
    test_leave_in_time("release");
    return test_result("release", result);
}

void channel_acknowledge(void *reader, const struct leat_message *message)
{
    test_enter("acknowledge");
    OPS->acknowledge(reader, message->cursor, message->sequence);
    test_leave_in_time("acknowledge");
}

void channel_reader_close(void *reader)
{
    test_enter("reader_close");
    OPS->reader_close(reader);
    test_leave_in_time("reader_close");
}

/* ---- the writing end ------------------------------------------------------------------------------------------------- */

int32_t channel_writer_open(void **writer, const void *values)
{
    *writer = NULL;
    test_enter("writer_open");
    int32_t result = OPS->writer_open(writer, subject_host(), channel_where(), values);
    test_leave_in_time("writer_open");
    return test_result("writer_open", result);
}

int32_t channel_claim(void *writer, uint64_t len, void **data, int64_t timeout_ns)
{
    *data = NULL;
    test_enter("claim");
    int32_t result = OPS->claim(writer, len, data, timeout_ns);
    judge_timeout("claim", timeout_ns, test_leave());
    test_require(result != 0 || len == 0 || *data, "claim of %" PRIu64 " bytes returned 0 and NULL for their place",
                 len);
    return test_result("claim", result);
}

int32_t channel_commit(void *writer, uint64_t len, uint64_t tag)
{
    test_enter("commit");
    int32_t result = OPS->commit(writer, len, tag);
    judge_timeout("commit", 50 * TEST_MS, test_leave());
    return test_result("commit", result);
}

void channel_abort(void *writer)
{
    test_enter("abort");
    OPS->abort(writer);
    test_leave_in_time("abort");
}

void channel_writer_close(void *writer)
{
    test_enter("writer_close");
    OPS->writer_close(writer);
    test_leave_in_time("writer_close");
}

uint32_t channel_keeps(const void *values)
{
    uint32_t keeps = OPS->keeps_with ? OPS->keeps_with(values) : OPS->keeps;
    return keeps & LEAT_CHANNEL_KEEPS_METADATA ? keeps | LEAT_CHANNEL_KEEPS_TAG : keeps;
}

/* ---- a few calls as one ---------------------------------------------------------------------------------------------- */

/* A channel may hold text only, and refuse what is none as malformed: all messages are text then. */
static atomic_bool text_only;

#define PROBE_BYTES 256 /* one of each */

/* What an earlier test has left, where all of them have one channel (--where). */
static void drain(void *reader)
{
    struct leat_message message;
    while (channel_next(reader, &message, 100 * TEST_MS) == 0)
        if (channel_release(reader) == 0)
            channel_acknowledge(reader, &message);
}

/* Whether any bytes are a message here. */
static void probe(void *writer, void *reader)
{
    struct leat_message message = {0};
    void *data;
    int32_t error = channel_claim(writer, PROBE_BYTES, &data, TEST_S);
    for (unsigned i = 0; !error && i < PROBE_BYTES; i++)
        ((unsigned char *)data)[i] = (unsigned char)i;
    if (!error)
        error = channel_commit(writer, PROBE_BYTES, 0);
    atomic_store(&text_only, error == -EINVAL);
    if (error == -EINVAL)
        test_note("bytes that are no text are refused with -EINVAL: all messages are text");
    while (!error && message.len != PROBE_BYTES) { /* after what was there before */
        error = channel_next(reader, &message, TEST_S);
        if (!error && channel_release(reader) == 0)
            channel_acknowledge(reader, &message);
    }
}

/* A writer may take a moment to notice that somebody reads. */
static void await_connection(void *writer)
{
    void *data;
    int32_t error = -ENOTCONN;
    for (int64_t until = test_now_ns() + 3 * TEST_S; error == -ENOTCONN && test_now_ns() < until; test_nap(TEST_MS))
        error = channel_claim(writer, 8, &data, 10 * TEST_MS);
    test_require(error != -ENOTCONN, "claim says -ENOTCONN (nobody reads) 3 s after a reader was opened");
    if (error == 0)
        channel_abort(writer);
}

bool channel_only_reads(void)
{
    void *writer;
    int32_t error = channel_writer_open(&writer, subject_values());
    if (error == 0)
        channel_writer_close(writer);
    return error == -ENOTSUP;
}

void channel_pair(void **writer, void **reader)
{
    int32_t error = channel_writer_open(writer, subject_values());
    if (error == -ENOTSUP)
        test_skip("writer_open returned -ENOTSUP: it only reads");
    test_require(error == 0, "writer_open of '%s' returned %s (%s); expected 0 (--where names another channel)",
                 channel_where(), test_errno(error), subject_heard().log);
    error = channel_reader_open(reader, subject_values(), "gateway.test");
    if (error == -ENOTSUP)
        test_skip("reader_open returned -ENOTSUP: it only writes");
    test_require(
        error == 0,
        "reader_open of '%s', which a writer has just made, returned %s (%s); expected 0 (--set gives an option)",
        channel_where(), test_errno(error), subject_heard().log);
    await_connection(*writer);
    static bool probed;
    if (!probed && test_subject.kit->where)
        drain(*reader);
    if (!probed)
        probe(*writer, *reader);
    probed = true;
}

/* ---- the bytes ------------------------------------------------------------------------------------------------------- */

#define NUMBER_BYTES 8

static unsigned char byte_of(uint64_t number, uint64_t at)
{
    unsigned char byte = (unsigned char)(number * 31 + at * 7 + (at >> 8));
    return atomic_load(&text_only) ? (unsigned char)('!' + byte % ('~' - '!' + 1)) : byte;
}

/* How many bits of a number each byte has, and what is added to make it printable. */
static unsigned bits(void)
{
    return atomic_load(&text_only) ? 6 : 8;
}

static unsigned first(void)
{
    return atomic_load(&text_only) ? '0' : 0;
}

static void write_number(unsigned char bytes[NUMBER_BYTES], uint64_t number)
{
    for (unsigned i = 0; i < NUMBER_BYTES; i++)
        bytes[i] = (unsigned char)(first() + ((number >> i * bits()) & ((1u << bits()) - 1)));
}

static uint64_t read_number(const unsigned char bytes[NUMBER_BYTES])
{
    uint64_t number = 0;
    for (unsigned i = 0; i < NUMBER_BYTES; i++)
        number |= (uint64_t)(bytes[i] - first()) << i * bits();
    return number;
}

static void fill(void *data, uint64_t number, uint64_t len)
{
    unsigned char *bytes = data;
    for (uint64_t i = 0; i < len; i++)
        bytes[i] = byte_of(number, i);
    if (len >= NUMBER_BYTES)
        write_number(bytes, number);
}

static void judge_bytes(const struct leat_message *message, uint64_t number)
{
    const unsigned char *bytes = message->data;
    for (uint64_t i = NUMBER_BYTES; i < message->len; i++)
        test_require(bytes[i] == byte_of(number, i),
                     "byte %" PRIu64 " of message %" PRIu64 " (%" PRIu64 " bytes) is not what was written", i, number,
                     message->len);
}

/* ---- messages -------------------------------------------------------------------------------------------------------- */

int32_t channel_write(void *writer, uint64_t number, uint64_t len, int64_t timeout_ns)
{
    void *data;
    int64_t until = test_now_ns() + timeout_ns;
    int32_t error;
    do
        error = channel_claim(writer, len, &data, timeout_ns < TEST_S ? timeout_ns : TEST_S);
    while ((error == LEAT_EAGAIN || error == LEAT_ETIMEDOUT) && test_now_ns() < until);
    if (error)
        return error;
    fill(data, number, len);
    do
        error = channel_commit(writer, len, number);
    while (error == LEAT_ETIMEDOUT && test_now_ns() < until);
    if (error == LEAT_ETIMEDOUT)
        channel_abort(writer);
    return error;
}

uint64_t channel_len(uint64_t number)
{
    return 8 + number * 37 % 2048;
}

uint64_t channel_number(const struct leat_message *message)
{
    test_require(message->len >= NUMBER_BYTES, "a message of %" PRIu64 " bytes came; all that were written are longer",
                 message->len);
    uint64_t number = read_number(message->data);
    judge_bytes(message, number);
    return number;
}

int32_t channel_next(void *reader, struct leat_message *message, int64_t timeout_ns)
{
    int64_t until = test_now_ns() + timeout_ns;
    int32_t error;
    do
        error = channel_borrow(reader, message, 50 * TEST_MS);
    while ((error == LEAT_EAGAIN || error == LEAT_ETIMEDOUT) && test_now_ns() < until);
    return error;
}

void channel_expect(void *reader, uint64_t number, uint64_t len)
{
    struct leat_message message;
    int32_t error = channel_next(reader, &message, TEST_PATIENCE_NS);
    test_require(error == 0, "message %" PRIu64 " was committed, but borrow returned %s", number, test_errno(error));
    test_require(message.len == len, "message %" PRIu64 " has %" PRIu64 " bytes; %" PRIu64 " were committed", number,
                 message.len, len);
    uint64_t got = len >= NUMBER_BYTES ? read_number(message.data) : number;
    test_require(got == number, "message %" PRIu64 " came where %" PRIu64 " was due", got, number);
    judge_bytes(&message, number);
    bool tagged = channel_keeps(subject_values()) & LEAT_CHANNEL_KEEPS_TAG;
    test_require(!tagged || message.tag == number,
                 "message %" PRIu64 " has the tag %" PRIu64 "; it was committed with %" PRIu64, number, message.tag,
                 number);
    error = channel_release(reader);
    test_require(error == 0, "release of a message that nothing has overwritten returned %s", test_errno(error));
    channel_acknowledge(reader, &message);
}
