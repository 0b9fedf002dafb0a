/* How a socket's queue shrinks as larger messages are seen. */
#include "common/sp_queue.h"

#include <criterion/criterion.h>

#define MIB ((uint64_t)1 << 20)

/* Notes messages of one size until the queue is told a new length, at most `most`; returns how many it took, 0: never. */
static unsigned note_until_told(struct sp_queue *queue, uint64_t bytes, unsigned most)
{
    for (unsigned i = 1; i <= most; i++)
        if (sp_queue_note(queue, bytes))
            return i;
    return 0;
}

Test(queue, keeps_its_length_while_messages_are_small)
{
    struct sp_queue queue;
    sp_queue_init(&queue, 8192, 64 * MIB);
    cr_assert(note_until_told(&queue, 8192, 100000) == 0 && queue.length == 8192);
}

Test(queue, shrinks_when_its_bound_in_bytes_has_followed_a_large_message)
{
    struct sp_queue queue;
    sp_queue_init(&queue, 8192, 64 * MIB);
    cr_assert(note_until_told(&queue, MIB, 1000) == 64);
    cr_assert(queue.length == 63, "%u", queue.length);
    cr_assert(note_until_told(&queue, MIB, 1000) == 0);
}

Test(queue, never_shrinks_below_sixteen)
{
    struct sp_queue queue;
    sp_queue_init(&queue, 8192, 64 * MIB);
    cr_assert(note_until_told(&queue, 64 * MIB, 10) == 1);
    cr_assert(queue.length == 15 || queue.length == 17, "%u", queue.length);
    cr_assert(note_until_told(&queue, 640 * MIB, 10) == 0);
}

Test(queue, a_live_queue_never_gets_a_power_of_two)
{
    for (uint64_t size = 1; size < 64 * MIB; size = size * 3 / 2 + 1) {
        struct sp_queue queue;
        sp_queue_init(&queue, 8192, 64 * MIB);
        if (note_until_told(&queue, size, 1000000))
            cr_assert((queue.length & (queue.length - 1)) != 0, "%lu: %u", size, queue.length);
    }
}

Test(queue, a_short_one_stays_as_it_was_asked_for)
{
    struct sp_queue queue;
    sp_queue_init(&queue, 4, 1024);
    cr_assert(note_until_told(&queue, MIB, 100) == 0 && queue.length == 4);
    sp_queue_init(&queue, 0, 1024);
    cr_assert(queue.length == 0);
    sp_queue_init(&queue, 100000, 64 * MIB);
    cr_assert(queue.length == SP_QUEUE_MAX);
}
