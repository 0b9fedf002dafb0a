#include "channel_fixture.h"

TestSuite(lapping, .init = fixture_open, .fini = fixture_close);

Test(lapping, the_loss_is_told_exactly_and_reading_goes_on_with_the_oldest)
{
    for (uint32_t producers = 0; producers < 2; producers++) {
        use_kind(LEAT_OVERWRITE, producers);
        struct leat_reader *reader = reader_on("c");
        struct leat_writer *writer = writer_on("c");
        uint64_t tag = 0, expected = 0;
        for (int round = 0; round < 50; round++) {
            for (int i = 0; i < 300 + round * 7; i++)
                must_put(writer, tag++, 500);
            struct leat_message message = must_get(reader);
            cr_assert(message.lost == message.sequence - expected && message.tag == message.sequence);
            /* 64 KiB hold 119 records of 560 bytes; a sixteenth may be missing, and one sixteenth is about to go */
            uint64_t kept = tag - message.sequence;
            cr_assert(kept >= 119 - 16 && kept <= 119, "%lu kept", (unsigned long)kept);
            for (expected = message.sequence + 1; expected < tag; expected++) {
                message = must_get(reader);
                cr_assert(message.sequence == expected && message.lost == 0);
            }
            must_be_empty(reader);
        }
        struct leat_reader_counts stats;
        leat_reader_stats(reader, &stats);
        cr_expect(stats.messages + stats.lost == tag);
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

Test(lapping, a_loan_that_was_overtaken_says_so_and_counts_as_lost)
{
    struct leat_reader *reader = reader_on("c");
    struct leat_writer *writer = writer_on("c");
    struct leat_message message;
    must_put(writer, 0, 100);
    cr_assert(leat_borrow(reader, &message, 0) == 0);
    for (uint64_t tag = 1; tag < 1000; tag++)
        must_put(writer, tag, 1000);
    cr_expect(leat_release(reader) == LEAT_ELAPPED);
    message = must_get(reader);
    cr_expect(message.lost == message.sequence && message.lost > 0);
    leat_writer_close(writer);
    leat_reader_close(reader);
}

Test(lapping, a_loss_told_with_an_overtaken_loan_is_told_again)
{
    struct leat_reader *reader = reader_on("c");
    struct leat_writer *writer = writer_on("c");
    struct leat_message message;
    uint64_t tag = 0;
    while (tag < 1000)
        must_put(writer, tag++, 1000);
    cr_assert(leat_borrow(reader, &message, 0) == 0 && message.lost > 0);
    while (tag < 2000)
        must_put(writer, tag++, 1000);
    cr_expect(leat_release(reader) == LEAT_ELAPPED);
    message = must_get(reader);
    cr_expect(message.lost == message.sequence);
    leat_writer_close(writer);
    leat_reader_close(reader);
}

Test(lapping, aborted_claims_are_not_counted_as_lost)
{
    use_kind(LEAT_OVERWRITE, LEAT_MANY);
    struct leat_reader *reader = reader_on("c");
    struct leat_writer *first = writer_on("c"), *second = writer_on("c");
    uint64_t tag = 0;
    for (int i = 0; i < 400; i++) {
        void *data;
        cr_assert(leat_claim(first, 200, &data, 0) == 0);
        must_put(second, tag++, 500);
        leat_abort(first);
        must_put(second, tag++, 300);
    }
    struct leat_message message = must_get(reader);
    cr_expect(message.lost == message.tag, "lost %lu of %lu", (unsigned long)message.lost, (unsigned long)message.tag);
    leat_writer_close(first);
    leat_writer_close(second);
    leat_reader_close(reader);
}

Test(lapping, a_live_claim_is_not_overtaken)
{
    use_kind(LEAT_OVERWRITE, LEAT_MANY);
    struct leat_reader *reader = reader_on("c");
    struct leat_writer *holder = writer_on("c"), *other = writer_on("c");
    void *data;
    cr_assert(leat_claim(holder, 1000, &data, 0) == 0);
    uint64_t tag = 1;
    while (put(other, tag, 1000, 0) == 0)
        tag++;
    cr_expect(tag > 50 && tag < 70);
    cr_expect(put(other, tag, 1000, 5 * MS_NS) == LEAT_ETIMEDOUT);
    fill(data, 1000, 0);
    cr_assert(leat_commit(holder, 1000, 0) == 0);
    must_put(other, tag++, 1000);
    cr_expect(must_get(reader).lost == 0 || true); /* it may just have been overtaken; what arrives is whole */
    leat_writer_close(holder);
    leat_writer_close(other);
    leat_reader_close(reader);
}

Test(lapping, a_new_reader_starts_with_the_oldest_that_is_left)
{
    for_each_kind(policy, producers)
    {
        use_kind(policy, producers);
        struct leat_writer *writer = writer_on("c");
        for (uint64_t tag = 0; tag < 1000; tag++)
            must_put(writer, tag, 500);
        struct leat_reader *reader = reader_on("c");
        struct leat_message message = must_get(reader);
        cr_expect(message.lost == 0); /* it was not there yet */
        cr_expect(message.tag <= 1000 - 100 && message.tag >= 1000 - 119, "%lu", (unsigned long)message.tag);
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

Test(lapping, large_and_small_messages_lap_alike)
{
    for (uint32_t producers = 0; producers < 2; producers++) {
        use_kind(LEAT_OVERWRITE, producers);
        struct leat_reader *reader = reader_on("c");
        struct leat_writer *writer = writer_on("c");
        uint64_t expected = 0;
        for (uint64_t tag = 0; tag < 3000; tag++) {
            must_put(writer, tag, tag * 7919 % 32769);
            if (tag % 5 != 0)
                continue;
            struct leat_message message = must_get(reader);
            cr_assert(message.sequence == message.tag && message.lost == message.sequence - expected);
            expected = message.sequence + 1;
        }
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}
