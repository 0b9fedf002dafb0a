/* The reader's side of cpp-ipc's rings, against a writer that does what the library's does. */
#include "cppipc/ring.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ONE 1u
#define TWO 2u
#define FOUR 4u

static struct ring ring;
static struct ring_reader reader;
static uint32_t next_id;

static void make(enum cppipc_kind kind, uint32_t write)
{
    free(ring.at);
    ring = (struct ring){aligned_alloc(64, sizeof *ring.at), kind};
    memset(ring.at, 0, sizeof *ring.at);
    atomic_store(&ring.at->write, write);
    reader = (struct ring_reader){.ring = ring};
    next_id = 0;
}

static void tear_down(void)
{
    free(ring.at);
}

TestSuite(cppipc_ring_read, .fini = tear_down);

static enum cppipc_kind kinds[] = {CPPIPC_ROUTE, CPPIPC_CHANNEL};

static struct criterion_test_params both_kinds(void)
{
    return cr_make_param_array(enum cppipc_kind, kinds, 2);
}

static struct cppipc_slot *slot(uint32_t index)
{
    return &ring.at->slots[index % CPPIPC_SLOTS];
}

/* Puts a message there as the library does: the bits first, then the data. `forced`: the epoch goes up, and nobody is waited for. */
static void claim(uint32_t index, bool forced)
{
    bool route = ring.kind == CPPIPC_ROUTE;
    if (forced)
        atomic_fetch_add(&ring.at->epoch, route ? UINT64_C(1) << 32 : UINT64_C(1) << 56);
    uint64_t count =
        route ? 0 : (atomic_load(&slot(index)->readers) + (UINT64_C(1) << 32)) & UINT64_C(0xffffff00000000);
    atomic_store(&slot(index)->readers, atomic_load(&ring.at->epoch) | count | atomic_load(&ring.at->connected));
}

static void finish(uint32_t index)
{
    struct cppipc_message *message = &slot(index)->message;
    if (ring.kind == CPPIPC_CHANNEL)
        atomic_store(&ring.at->write, index + 1);
    *message = (struct cppipc_message){.handle = 7, .id = next_id, .remain = -60};
    memset(message->data, (int)(next_id & 0xff), sizeof message->data);
    next_id++;
    if (ring.kind == CPPIPC_CHANNEL)
        atomic_store(&slot(index)->committed, ~(uint64_t)index);
    else
        atomic_store(&ring.at->write, index + 1);
}

static void write_one(bool forced)
{
    uint32_t index = atomic_load(&ring.at->write);
    claim(index, forced);
    finish(index);
}

static void write_many(uint32_t count)
{
    while (count-- > 0)
        write_one(false);
}

/* As the library's writer judges it. */
static bool is_full(void)
{
    uint32_t index = atomic_load(&ring.at->write), connected = atomic_load(&ring.at->connected);
    uint64_t readers = atomic_load(&slot(index)->readers), epoch = atomic_load(&ring.at->epoch);
    uint64_t mask = ring.kind == CPPIPC_ROUTE ? ~UINT64_C(0xffffffff) : UINT64_C(0xff) << 56;
    if ((connected & readers) && (readers & mask) == epoch)
        return true;
    uint64_t committed = atomic_load(&slot(index)->committed);
    return ring.kind == CPPIPC_CHANNEL && !(uint32_t)readers && committed && committed != index;
}

static uint32_t told_bits, told_count;

static void told(void *of, const struct cppipc_message *message, uint32_t bits)
{
    (void)of;
    (void)message;
    told_bits |= bits;
    told_count++;
}

static void join(void)
{
    told_bits = told_count = 0;
    cr_assert(ring_connect(&reader, told, NULL) == 0);
}

static int pop(uint32_t *id)
{
    struct cppipc_message message;
    uint32_t behind;
    int popped = ring_pop(&reader, &message, &behind);
    *id = message.id;
    return popped;
}

static void expect(uint32_t first, uint32_t last)
{
    uint32_t id;
    for (uint32_t expected = first; expected != last + 1; expected++)
        cr_assert(ring_has_message(&reader) && pop(&id) == 1 && id == expected, "%u", expected);
}

static void expect_none(void)
{
    uint32_t id;
    cr_assert(!ring_has_message(&reader) && pop(&id) == 0);
}

ParameterizedTestParameters(cppipc_ring_read, a_reader_gets_what_is_written_from_then_on)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, a_reader_gets_what_is_written_from_then_on)
{
    make(*kind, 0);
    atomic_store(&ring.at->connected, ONE);
    write_many(10);
    join();
    cr_assert(reader.bit == TWO);
    expect_none();
    for (uint32_t id = 10; id < 2000; id += 100) {
        write_many(100);
        expect(id, id + 99);
        expect_none();
    }
}

ParameterizedTestParameters(cppipc_ring_read, indices_wrap)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, indices_wrap)
{
    make(*kind, UINT32_MAX - 600);
    join();
    for (uint32_t id = 0; id < 1200; id++) {
        cr_assert(!is_full(), "%u", id);
        write_one(false);
        expect(id, id);
    }
}

ParameterizedTestParameters(cppipc_ring_read, a_writer_is_behind_by_a_lap_until_the_oldest_is_read)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, a_writer_is_behind_by_a_lap_until_the_oldest_is_read)
{
    struct cppipc_message message;
    uint32_t behind;
    make(*kind, 1000);
    join();
    write_many(CPPIPC_SLOTS);
    cr_assert(is_full());
    cr_assert(ring_pop(&reader, &message, &behind) == 1 && behind == CPPIPC_SLOTS);
    cr_assert(!is_full());
    cr_assert(ring_pop(&reader, &message, &behind) == 1 && behind == CPPIPC_SLOTS - 1);
}

ParameterizedTestParameters(cppipc_ring_read, leftovers_of_an_earlier_holder_are_taken_off)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, leftovers_of_an_earlier_holder_are_taken_off)
{
    make(*kind, 4000);
    join();
    write_many(CPPIPC_SLOTS);
    atomic_store(&ring.at->connected, 0); /* it was killed, and somebody cleared its bit */
    reader.bit = 0;
    join();
    cr_assert(told_count == CPPIPC_SLOTS && told_bits == ONE);
    for (uint32_t id = CPPIPC_SLOTS; id < 3 * CPPIPC_SLOTS; id++) {
        cr_assert(!is_full());
        write_one(false);
        expect(id, id);
    }
}

ParameterizedTestParameters(cppipc_ring_read, what_a_kicked_reader_left_unread_is_taken_off)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, what_a_kicked_reader_left_unread_is_taken_off)
{
    make(*kind, 4000);
    join();
    write_many(CPPIPC_SLOTS);
    expect(0, 99);
    atomic_store(&ring.at->connected, TWO); /* kicked; and the other one came first */
    join();
    cr_assert(reader.bit == ONE && told_count == CPPIPC_SLOTS - 100);
    reader.bit = 0;
    for (uint32_t index = 0; index < CPPIPC_SLOTS; index++)
        cr_assert((uint32_t)atomic_load(&slot(index)->readers) == 0);
}

ParameterizedTestParameters(cppipc_ring_read, a_message_that_is_just_being_written_keeps_the_bit)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, a_message_that_is_just_being_written_keeps_the_bit)
{
    make(*kind, 300);
    atomic_store(&ring.at->connected, ONE); /* ours in a moment: the writer looked before we look at the slot */
    claim(300, false);
    atomic_store(&ring.at->connected, 0);
    atomic_store(&slot(300)->readers, 0); /* what the slot has before we take the bit */
    join();
    claim(300, false); /* after */
    expect_none();
    finish(300);
    expect(0, 0);
}

ParameterizedTestParameters(cppipc_ring_read, after_a_forced_push_a_bystander_goes_on_with_the_oldest)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, after_a_forced_push_a_bystander_goes_on_with_the_oldest)
{
    uint32_t id;
    make(*kind, 5000);
    join();
    write_many(CPPIPC_SLOTS);
    write_one(true);
    write_many(99);
    cr_assert(pop(&id) == -ESTALE);
    cr_assert(pop(&id) == -ESTALE, "the next to be overwritten: not to be trusted any more");
    expect(101, CPPIPC_SLOTS + 99);
    expect_none();
}

ParameterizedTestParameters(cppipc_ring_read, a_slot_under_the_hands_of_a_forced_push_is_not_delivered)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, a_slot_under_the_hands_of_a_forced_push_is_not_delivered)
{
    uint32_t id;
    make(*kind, 5000);
    join();
    write_many(CPPIPC_SLOTS);
    claim(5000 + CPPIPC_SLOTS, true);
    memset(slot(5000)->message.data, 0xee, 32);
    cr_assert(pop(&id) == -ESTALE);
    expect(1, CPPIPC_SLOTS - 1);
    finish(5000 + CPPIPC_SLOTS);
    expect(CPPIPC_SLOTS, CPPIPC_SLOTS);
}

ParameterizedTestParameters(cppipc_ring_read, who_was_disconnected_during_the_copy_does_not_deliver_it)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, who_was_disconnected_during_the_copy_does_not_deliver_it)
{
    uint32_t id;
    make(*kind, 5000);
    join();
    write_many(3);
    atomic_store(&ring.at->connected, 0);
    cr_assert(pop(&id) == -ESTALE);
}

ParameterizedTestParameters(cppipc_ring_read, slots_without_our_bit_are_passed_over_at_first)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, slots_without_our_bit_are_passed_over_at_first)
{
    uint32_t id;
    make(*kind, 7000);
    join();
    atomic_store(&ring.at->connected, TWO); /* the writer looked before we had it */
    write_many(2);
    atomic_store(&ring.at->connected, ONE | TWO);
    write_many(2);
    cr_assert(pop(&id) == -ESTALE && pop(&id) == -ESTALE);
    expect(2, 3);
}

ParameterizedTestParameters(cppipc_ring_read, a_bit_that_somebody_else_reads_with_is_given_up)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, a_bit_that_somebody_else_reads_with_is_given_up)
{
    uint32_t id;
    make(*kind, 7000);
    join();
    for (uint32_t i = 0; i < 2 * CPPIPC_SLOTS; i++) {
        write_one(false);
        expect(i, i);
    }
    write_one(false);
    atomic_store(&slot(7000 + 2 * CPPIPC_SLOTS)->readers, atomic_load(&ring.at->epoch)); /* read by the other one */
    cr_assert(pop(&id) == -ENOTCONN);
    join();
    cr_assert(reader.bit == TWO && atomic_load(&ring.at->connected) == (ONE | TWO));
}

Test(cppipc_ring_read, a_slot_that_everybody_else_has_read_is_passed_over)
{
    uint32_t id;
    make(CPPIPC_CHANNEL, 7000);
    join();
    atomic_store(&ring.at->connected, TWO);
    write_one(false);
    atomic_store(&slot(7000)->readers, 0);
    atomic_store(&slot(7000)->committed, 7000 + CPPIPC_SLOTS);
    atomic_store(&ring.at->connected, ONE | TWO);
    write_one(false);
    cr_assert(ring_has_message(&reader) && pop(&id) == -ESTALE);
    expect(1, 1);
}

Test(cppipc_ring_read, the_last_reader_marks_the_slot_free_in_32_bits)
{
    make(CPPIPC_CHANNEL, UINT32_MAX);
    join();
    write_many(1);
    expect(0, 0);
    cr_assert(atomic_load(&slot(UINT32_MAX)->committed) == CPPIPC_SLOTS - 1);
}

Test(cppipc_ring_read, a_slot_that_a_killed_writer_began_can_be_given_up)
{
    make(CPPIPC_CHANNEL, 50);
    join();
    write_many(3);
    claim(53, false);
    atomic_store(&ring.at->write, 54);
    expect(0, 2);
    cr_assert(!ring_is_held_up(&reader), "it may be at it");
    write_many(2);
    cr_assert(ring_is_held_up(&reader));
    expect_none();
    cr_assert(ring_give_up(&reader));
    expect(3, 4);
    cr_assert(atomic_load(&slot(53)->committed) == 53 + CPPIPC_SLOTS && !(uint32_t)atomic_load(&slot(53)->readers));
}

ParameterizedTestParameters(cppipc_ring_read, who_leaves_reads_what_is_there)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, who_leaves_reads_what_is_there)
{
    make(*kind, 90);
    join();
    write_many(200);
    expect(0, 49);
    ring_disconnect(&reader, told, NULL);
    cr_assert(told_count == 150 && told_bits == ONE && atomic_load(&ring.at->connected) == 0);
    for (uint32_t index = 0; index < CPPIPC_SLOTS; index++)
        cr_assert((uint32_t)atomic_load(&slot(index)->readers) == 0);
}

ParameterizedTestParameters(cppipc_ring_read, what_was_read_can_be_kept_for_a_successor)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, what_was_read_can_be_kept_for_a_successor)
{
    struct cppipc_message message;
    make(*kind, 300);
    join();
    write_many(CPPIPC_SLOTS);
    for (uint32_t id = 0; id < 20; id++) {
        cr_assert(ring_peek(&reader, &message) == 1 && message.id == id);
        ring_keep(&reader);
    }
    cr_assert(is_full());
    cr_assert(ring_take(&reader) == CPPIPC_SLOTS && !is_full());
    reader.cursor -= reader.kept;
    ring_resume(&reader, ONE);
    expect(1, CPPIPC_SLOTS - 1);
    expect_none();
}

ParameterizedTestParameters(cppipc_ring_read, a_successor_goes_on_where_the_killed_one_was)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, a_successor_goes_on_where_the_killed_one_was)
{
    static const uint32_t unread[] = {0, 1, 5, 200, CPPIPC_SLOTS - 2};
    for (size_t i = 0; i < sizeof unread / sizeof unread[0]; i++)
        for (uint32_t ahead = 0; ahead < 2; ahead++) { /* it had written down the next one, or not yet */
            make(*kind, 123);
            join();
            write_many(40);
            expect(0, 39);
            write_many(unread[i]);
            reader.cursor += ahead;
            ring_resume(&reader, ONE);
            if (unread[i])
                expect(40, 39 + unread[i]);
            expect_none();
        }
}

ParameterizedTestParameters(cppipc_ring_read, a_successor_does_not_take_what_is_being_written_for_the_oldest)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read,
                  a_successor_does_not_take_what_is_being_written_for_the_oldest)
{
    make(*kind, 1000);
    join();
    write_many(CPPIPC_SLOTS);
    expect(0, 0);
    claim(1000 + CPPIPC_SLOTS, false); /* into the slot just read */
    ring_resume(&reader, ONE);
    cr_assert(reader.cursor == 1001);
    expect(1, CPPIPC_SLOTS - 1);
    expect_none();
    finish(1000 + CPPIPC_SLOTS);
    expect(CPPIPC_SLOTS, CPPIPC_SLOTS);
}

Test(cppipc_ring_read, a_successor_reads_what_the_killed_one_had_marked_free_but_not_read)
{
    make(CPPIPC_CHANNEL, 1000);
    join();
    write_many(3);
    atomic_store(&slot(1000)->committed, 1000 + CPPIPC_SLOTS);
    ring_resume(&reader, ONE);
    expect(0, 2);
    cr_assert((uint32_t)atomic_load(&slot(1000)->readers) == 0);
}

Test(cppipc_ring_read, there_are_32_places)
{
    make(CPPIPC_ROUTE, 0);
    atomic_store(&ring.at->connected, UINT32_MAX);
    cr_assert(ring_connect(&reader, told, NULL) == -EBUSY && reader.bit == 0);
}

/* ---- both at once --------------------------------------------------------------------------------------------------- */

#define ROUNDS 300u

static _Atomic bool over;
static _Atomic uint32_t longest_ms;

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* At full speed, for whoever is there; how long it had to wait for one of them. */
static void *write_on(void *unused)
{
    uint64_t since = now_ms();
    while (!atomic_load(&over)) {
        struct cppipc_message message = {.handle = 7, .id = next_id, .remain = -60};
        memset(message.data, (int)(next_id & 0xff), sizeof message.data);
        enum ring_push pushed = ring_push(ring, &message, NULL, NULL);
        next_id += pushed == RING_PUSHED;
        if (pushed != RING_FULL)
            since = now_ms();
        else if (now_ms() - since > atomic_load(&longest_ms))
            atomic_store(&longest_ms, (uint32_t)(now_ms() - since));
        if (pushed != RING_PUSHED)
            sched_yield();
    }
    return unused;
}

/* Some messages, each whole and after the one before. */
static void read_some(uint32_t count)
{
    struct cppipc_message message;
    uint32_t behind, last = 0;
    for (uint32_t got = 0; got < count;) {
        int popped = ring_pop(&reader, &message, &behind);
        cr_assert(popped != -ENOTCONN);
        if (popped != 1) {
            sched_yield();
            continue;
        }
        cr_assert(got == 0 || message.id == last + 1, "%u after %u", message.id, last);
        cr_assert(message.data[0] == (message.id & 0xff) && message.data[63] == (message.id & 0xff));
        last = message.id;
        got++;
    }
}

ParameterizedTestParameters(cppipc_ring_read, coming_and_going_holds_no_writer_up)
{
    return both_kinds();
}
ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_read, coming_and_going_holds_no_writer_up, .timeout = 60)
{
    pthread_t writer;
    make(*kind, UINT32_MAX - 5000);
    pthread_create(&writer, NULL, write_on, NULL);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        join();
        read_some(round % 7 * 100 + 1);
        ring_disconnect(&reader, told, NULL);
    }
    atomic_store(&over, true);
    pthread_join(writer, NULL);
    cr_assert(atomic_load(&longest_ms) < 1000, "%u ms", atomic_load(&longest_ms));
}

Test(cppipc_ring_read, nothing_that_lies_there_makes_a_reader_go_round_for_ever, .timeout = 30)
{
    uint32_t id;
    unsigned seed = 1;
    for (uint32_t round = 0; round < 4000; round++) {
        make(kinds[round % 2], 0);
        for (size_t i = 0; i < sizeof *ring.at / 4; i++)
            if (round % 3 || rand_r(&seed) % 4 == 0)
                ((uint32_t *)(void *)ring.at)[i] = (uint32_t)rand_r(&seed);
        if (ring_connect(&reader, told, NULL) != 0)
            continue;
        for (uint32_t i = 0; i < 600; i++)
            pop(&id);
        ring_disconnect(&reader, told, NULL);
    }
}
