#include "channel_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(flow, .init = fixture_open, .fini = fixture_close);

Test(flow, a_message_arrives_with_what_is_known_about_it)
{
    for_each_kind(policy, producers)
    {
        use_kind(policy, producers);
        struct leat_reader *reader = reader_on("c");
        struct leat_writer *writer = writer_on("c");
        struct timespec before;
        clock_gettime(CLOCK_REALTIME, &before);
        must_put(writer, 7, 1000);
        must_put(writer, 8, 0);
        struct leat_message first = must_get(reader), second = must_get(reader);
        cr_expect(first.sequence == 0 && first.tag == 7 && first.len == 1000 && first.lost == 0 && first.origin == 0);
        cr_expect(second.sequence == 1 && second.tag == 8 && second.len == 0 && second.cursor > first.cursor);
        uint64_t then = (uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec;
        cr_expect(first.time_ns + 2000 > then && first.time_ns < then + (uint64_t)PATIENCE_NS);
        cr_expect(second.time_ns >= first.time_ns);
        must_be_empty(reader);
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

/* Every size at every place near the end of the ring, and the largest one everywhere. */
static void sweep_sizes(size_t first, size_t last, size_t step)
{
    struct leat_reader *reader = reader_on("c");
    struct leat_writer *writer = writer_on("c");
    uint64_t tag = 0;
    for (size_t len = first; len <= last; len += step) {
        must_put(writer, tag, len);
        struct leat_message message = must_get(reader);
        cr_assert(message.tag == tag && message.len == len && message.sequence == tag && message.lost == 0,
                  "tag %lu len %lu lost %lu", (unsigned long)message.tag, (unsigned long)message.len,
                  (unsigned long)message.lost);
        tag++;
    }
    leat_writer_close(writer);
    leat_reader_close(reader);
}

Test(flow, every_size_from_nothing_to_half_the_capacity_arrives_whole)
{
    for_each_kind(policy, producers)
    {
        use_kind(policy, producers);
        sweep_sizes(0, 2100, 1);
        remove_channel("c");
        sweep_sizes(0, 32768, 509);
        remove_channel("c");
        sweep_sizes(32768 - 100, 32768, 1);
    }
}

Test(flow, records_of_one_size_meet_the_rings_end_at_every_offset)
{
    options.policy = LEAT_BLOCK;
    for (size_t shift = 0; shift < 65536; shift += 16 * 61) {
        remove_channel("c");
        struct leat_reader *reader = reader_on("c");
        struct leat_writer *writer = writer_on("c");
        for (size_t at = 0; at + 48 < shift; at += 48)
            must_put(writer, 1, 0), (void)must_get(reader);
        for (uint64_t tag = 0; tag < 5; tag++) {
            must_put(writer, tag, 32768);
            cr_assert(must_get(reader).tag == tag);
        }
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

Test(flow, what_is_larger_than_half_the_capacity_is_refused)
{
    for_each_kind(policy, producers)
    {
        use_kind(policy, producers);
        struct leat_writer *writer = writer_on("c");
        void *data;
        size_t max = leat_writer_max_message(writer);
        cr_expect(max == 32768);
        cr_expect(put(writer, 0, max + 1, 0) == LEAT_ETOOBIG);
        cr_expect(put(writer, 0, max, 0) == 0);
        cr_expect(leat_publish(writer, "", SIZE_MAX, 0, 0) == LEAT_ETOOBIG);
        cr_expect(leat_claim(writer, SIZE_MAX, &data, 0) == LEAT_ETOOBIG);
        struct leat_outgoing_bytes burst[2] = {{"a", 1, 0}, {"", SIZE_MAX, 0}};
        cr_expect(leat_publish_burst(writer, burst, 2, 0) == 1);
        cr_expect(leat_publish_burst(writer, burst + 1, 1, 0) == LEAT_ETOOBIG);
        leat_writer_close(writer);
    }
}

struct stream {
    uint64_t count;
    uint64_t base;
};

static size_t stream_len(uint64_t tag)
{
    uint64_t x = tag * UINT64_C(0x9e3779b97f4a7c15) >> 40;
    return x % 16 == 0 ? x % 20000 : x % 300;
}

static void *run_writer(void *argument)
{
    const struct stream *stream = argument;
    struct leat_writer *writer = writer_on("c");
    unsigned char *buffer = malloc(20000);
    for (uint64_t i = 0; i < stream->count; i++) {
        uint64_t tag = stream->base + i;
        fill(buffer, stream_len(tag), tag);
        int rc = leat_publish(writer, buffer, stream_len(tag), tag, PATIENCE_NS);
        cr_assert(rc == 0, "%s", leat_strerror(rc));
    }
    free(buffer);
    leat_writer_close(writer);
    return NULL;
}

Test(flow, nothing_is_lost_or_reordered_while_a_reader_holds_the_writer)
{
    for (uint32_t producers = 0; producers < 2; producers++) {
        use_kind(LEAT_BLOCK, producers);
        struct leat_reader *reader = reader_on("c");
        struct stream stream = {.count = 20000};
        pthread_t thread;
        pthread_create(&thread, NULL, run_writer, &stream);
        for (uint64_t tag = 0; tag < stream.count; tag++) {
            struct leat_message message = must_get(reader);
            cr_assert(message.tag == tag && message.sequence == tag && message.lost == 0);
            cr_assert(message.len == stream_len(tag));
        }
        pthread_join(thread, NULL);
        leat_reader_close(reader);
    }
}

Test(flow, many_writers_keep_their_own_order)
{
    use_kind(LEAT_BLOCK, LEAT_MANY);
    struct leat_reader *reader = reader_on("c");
    pthread_t threads[4];
    struct stream streams[4];
    uint64_t next[4] = {0};
    for (uint64_t i = 0; i < 4; i++) {
        streams[i] = (struct stream){5000, i << 32};
        pthread_create(&threads[i], NULL, run_writer, &streams[i]);
    }
    for (uint64_t sequence = 0; sequence < 20000; sequence++) {
        struct leat_message message = must_get(reader);
        uint64_t who = message.tag >> 32;
        cr_assert(message.sequence == sequence && message.lost == 0 && who < 4);
        cr_assert((message.tag & UINT32_MAX) == next[who]++);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    leat_reader_close(reader);
}

Test(flow, a_burst_arrives_in_order_and_larger_than_the_ring)
{
    for (uint32_t producers = 0; producers < 2; producers++) {
        use_kind(LEAT_OVERWRITE, producers);
        static unsigned char bytes[3000];
        struct leat_outgoing_bytes burst[100];
        struct leat_reader *reader = reader_on("c");
        struct leat_writer *writer = writer_on("c");
        for (uint64_t i = 0; i < 100; i++)
            burst[i] = (struct leat_outgoing_bytes){bytes, i * 30 % 200, i};
        cr_assert(leat_publish_burst(writer, burst, 100, 0) == 100);
        for (uint64_t i = 0; i < 100; i++) {
            struct leat_message message;
            cr_assert(leat_borrow(reader, &message, 0) == 0);
            cr_assert(message.tag == i && message.len == i * 30 % 200 && message.sequence == i);
            cr_assert(leat_release(reader) == 0);
        }
        for (uint64_t i = 0; i < 100; i++)
            burst[i] = (struct leat_outgoing_bytes){bytes, sizeof bytes, i};
        cr_assert(leat_publish_burst(writer, burst, 100, 0) == 100);
        cr_assert(leat_publish_burst(writer, burst, 0, 0) == 0);
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

Test(flow, a_burst_into_a_full_channel_is_a_prefix)
{
    for (uint32_t producers = 0; producers < 2; producers++) {
        use_kind(LEAT_BLOCK, producers);
        static unsigned char bytes[10000];
        struct leat_outgoing_bytes burst[10];
        struct leat_reader *reader = reader_on("c");
        struct leat_writer *writer = writer_on("c");
        for (uint64_t i = 0; i < 10; i++)
            burst[i] = (struct leat_outgoing_bytes){bytes, sizeof bytes, i};
        cr_expect(leat_publish_burst(writer, burst, 10, 0) == 6);
        cr_expect(leat_publish_burst(writer, burst, 10, 0) == LEAT_EAGAIN);
        cr_expect(leat_publish_burst(writer, burst, 10, 5 * MS_NS) == LEAT_ETIMEDOUT);
        struct leat_message message;
        for (uint64_t i = 0; i < 6; i++) {
            cr_assert(leat_borrow(reader, &message, 0) == 0 && message.tag == i);
            leat_release(reader);
        }
        must_be_empty(reader);
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

Test(flow, a_claim_is_filled_in_place_shortened_and_committed)
{
    for_each_kind(policy, producers)
    {
        use_kind(policy, producers);
        struct leat_reader *reader = reader_on("c");
        struct leat_writer *writer = writer_on("c");
        for (uint64_t tag = 0; tag < 200; tag++) {
            void *data;
            cr_assert(leat_claim(writer, 5000, &data, PATIENCE_NS) == 0);
            cr_assert((uintptr_t)data % 16 == 0);
            cr_expect(leat_claim(writer, 1, &data, 0) == -EBUSY);
            cr_expect(leat_publish(writer, "x", 1, 0, 0) == -EBUSY);
            must_be_empty(reader);
            fill(data, tag, tag);
            cr_expect(leat_commit(writer, 5001, tag) == -EINVAL);
            cr_assert(leat_commit(writer, tag, tag) == 0);
            cr_expect(leat_commit(writer, 0, 0) == -EINVAL);
            struct leat_message message = must_get(reader);
            cr_assert(message.tag == tag && message.len == tag);
        }
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

Test(flow, an_aborted_claim_leaves_nothing)
{
    for_each_kind(policy, producers)
    {
        use_kind(policy, producers);
        struct leat_reader *reader = reader_on("c");
        struct leat_writer *writer = writer_on("c");
        void *data;
        leat_abort(writer);
        for (uint64_t tag = 0; tag < 300; tag++) {
            cr_assert(leat_claim(writer, 1 + tag * 100, &data, PATIENCE_NS) == 0);
            leat_abort(writer);
            must_be_empty(reader);
            must_put(writer, tag, tag);
            struct leat_message message = must_get(reader);
            cr_assert(message.sequence == tag && message.lost == 0); /* no number was used */
        }
        cr_assert(leat_claim(writer, 10, &data, 0) == 0);
        leat_writer_close(writer); /* aborts it */
        must_be_empty(reader);
        leat_reader_close(reader);
    }
}

Test(flow, readers_step_over_an_aborted_claim_behind_which_others_published)
{
    for (uint32_t policy = 0; policy < 2; policy++) {
        use_kind(policy, LEAT_MANY);
        struct leat_reader *reader = reader_on("c");
        struct leat_writer *first = writer_on("c"), *second = writer_on("c");
        void *data;
        for (uint64_t round = 0; round < 100; round++) {
            cr_assert(leat_claim(first, 700, &data, PATIENCE_NS) == 0);
            must_put(second, round, 100);
            must_be_empty(reader); /* the claim comes first */
            leat_abort(first);
            struct leat_message message = must_get(reader);
            cr_assert(message.tag == round && message.sequence == round * 2 + 1 && message.lost == 0);
            must_be_empty(reader);
        }
        leat_writer_close(first);
        leat_writer_close(second);
        leat_reader_close(reader);
    }
}

Test(flow, a_reader_that_starts_at_next_sees_what_comes_after_it)
{
    for_each_kind(policy, producers)
    {
        use_kind(policy, producers);
        struct leat_writer *writer = writer_on("c");
        must_put(writer, 1, 100);
        struct leat_reader *reader = reader_from("c", LEAT_FROM_NEXT);
        must_be_empty(reader);
        must_put(writer, 2, 100);
        struct leat_message message = must_get(reader);
        cr_expect(message.tag == 2 && message.lost == 0);
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

Test(flow, a_reader_that_joins_behind_an_open_claim_survives_its_roll_back)
{
    for (uint32_t policy = 0; policy < 2; policy++) {
        use_kind(policy, LEAT_MANY);
        struct leat_writer *writer = writer_on("c");
        void *data;
        must_put(writer, 1, 100);
        cr_assert(leat_claim(writer, 1000, &data, 0) == 0);
        struct leat_reader *reader = reader_from("c", LEAT_FROM_NEXT);
        leat_abort(writer);
        must_put(writer, 2, 10);
        must_put(writer, 3, 10);
        cr_expect(must_get(reader).tag == 2);
        cr_expect(must_get(reader).tag == 3);
        leat_writer_close(writer);
        leat_reader_close(reader);
    }
}

static void *claim_and_abort(void *stop)
{
    struct leat_writer *writer = writer_on("c");
    void *data;
    for (uint64_t tag = 0; !atomic_load((_Atomic bool *)stop); tag++) {
        for (int i = 0; i < 50; i++) {
            cr_assert(leat_claim(writer, (size_t)i * 40, &data, PATIENCE_NS) == 0);
            leat_abort(writer);
        }
        (void)leat_publish(writer, &tag, sizeof tag, tag, PATIENCE_NS);
    }
    leat_writer_close(writer);
    return NULL;
}

Test(flow, readers_come_and_look_while_claims_come_and_go)
{
    use_kind(LEAT_OVERWRITE, LEAT_MANY);
    _Atomic bool stop = false;
    pthread_t threads[2];
    struct leat_reader *steady = reader_on("c");
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, claim_and_abort, (void *)&stop);
    for (int i = 0; i < 2000; i++) {
        struct leat_reader *reader = reader_from("c", i % 2 ? LEAT_FROM_NEXT : LEAT_FROM_OLDEST);
        struct leat_message message;
        uint64_t tag;
        int rc = leat_read(reader, &tag, sizeof tag, &message, PATIENCE_NS);
        cr_assert(rc == 0 && message.tag == tag, "%s", leat_strerror(rc));
        for (int looks = 0; looks < 300; looks++) {
            rc = leat_borrow(steady, &message, 0);
            cr_assert(rc == 0 || rc == LEAT_EAGAIN, "%s", leat_strerror(rc));
            if (rc == 0)
                (void)leat_release(steady);
        }
        leat_reader_close(reader);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    leat_reader_close(steady);
}

Test(flow, a_message_too_large_for_the_buffer_stays_the_next_one)
{
    struct leat_writer *writer = writer_on("c");
    struct leat_reader *reader = reader_on("c");
    struct leat_message message;
    char small[10];
    must_put(writer, 5, 100);
    cr_expect(leat_read(reader, small, sizeof small, &message, 0) == LEAT_ETOOBIG);
    cr_expect(message.len == 100);
    cr_expect(must_get(reader).tag == 5);
    leat_writer_close(writer);
    leat_reader_close(reader);
}

Test(flow, borrowing_twice_is_refused)
{
    struct leat_writer *writer = writer_on("c");
    struct leat_reader *reader = reader_on("c");
    struct leat_message message;
    must_put(writer, 5, 100);
    cr_assert(leat_borrow(reader, &message, 0) == 0);
    cr_expect(is_filled(message.data, message.len, 5));
    cr_expect(leat_borrow(reader, &message, 0) == -EBUSY);
    cr_expect(leat_read(reader, NULL, 0, &message, 0) == -EBUSY);
    cr_expect(leat_release(reader) == 0);
    cr_expect(leat_release(reader) == -EINVAL);
    leat_writer_close(writer);
    leat_reader_close(reader);
}

Test(flow, waiting_ends_at_its_time)
{
    use_kind(LEAT_BLOCK, LEAT_ONE);
    struct leat_reader *reader = reader_on("c");
    struct leat_writer *writer = writer_on("c");
    struct leat_message message;
    struct timespec start, end;
    cr_expect(leat_borrow(reader, &message, 0) == LEAT_EAGAIN);
    clock_gettime(CLOCK_MONOTONIC, &start);
    cr_expect(leat_borrow(reader, &message, 30 * MS_NS) == LEAT_ETIMEDOUT);
    must_put(writer, 0, 32768);
    must_put(writer, 1, 32000);
    cr_expect(put(writer, 2, 32768, 0) == LEAT_EAGAIN);
    cr_expect(put(writer, 2, 32768, 30 * MS_NS) == LEAT_ETIMEDOUT);
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t took = (end.tv_sec - start.tv_sec) * 1000 * MS_NS + end.tv_nsec - start.tv_nsec;
    cr_expect(took >= 60 * MS_NS && took < PATIENCE_NS);
    leat_writer_close(writer);
    leat_reader_close(reader);
}

Test(flow, a_writer_with_no_reader_runs_free_unless_told_to_wait_for_some)
{
    use_kind(LEAT_BLOCK, LEAT_MANY);
    struct leat_writer *writer = writer_on("c");
    for (uint64_t tag = 0; tag < 1000; tag++)
        must_put(writer, tag, 1000);
    leat_writer_close(writer);
    remove_channel("c");
    options.wait_readers = 2;
    writer = writer_on("c");
    struct leat_reader *first = reader_on("c");
    cr_expect(put(writer, 0, 10, 0) == LEAT_EAGAIN);
    cr_expect(put(writer, 0, 10, 5 * MS_NS) == LEAT_ETIMEDOUT);
    struct leat_reader *second = reader_on("c");
    must_put(writer, 0, 10);
    cr_expect(must_get(first).tag == 0);
    cr_expect(must_get(second).tag == 0);
    leat_reader_close(first);
    leat_reader_close(second);
    must_put(writer, 1, 10); /* only at the start */
    leat_writer_close(writer);
}

Test(flow, statistics_count_what_was_handed_out)
{
    struct leat_writer *writer = writer_on("c");
    struct leat_reader *reader = reader_on("c");
    struct leat_reader_counts stats;
    must_put(writer, 0, 100);
    must_put(writer, 1, 11);
    must_get(reader);
    must_get(reader);
    leat_reader_stats(reader, &stats);
    cr_expect(stats.messages == 2 && stats.bytes == 111 && stats.lost == 0);
    leat_writer_close(writer);
    leat_reader_close(reader);
}
