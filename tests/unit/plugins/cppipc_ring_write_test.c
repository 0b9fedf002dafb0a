/* The writer's side of cpp-ipc's rings, against readers that do what the library's do. */
#include "cppipc/ring.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#define ONE 1u
#define TWO 2u

static struct ring ring;

static void make(enum cppipc_kind kind, uint32_t connected, uint32_t write)
{
    free(ring.at);
    ring = (struct ring){aligned_alloc(64, sizeof *ring.at), kind};
    memset(ring.at, 0, sizeof *ring.at);
    atomic_store(&ring.at->connected, connected);
    atomic_store(&ring.at->write, write);
}

static void tear_down(void)
{
    free(ring.at);
}

TestSuite(cppipc_ring_write, .fini = tear_down);

static uint32_t told_bits, told_id, told_count;

static void told(void *of, const struct cppipc_message *message, uint32_t bits)
{
    (void)of;
    told_bits = bits;
    told_id = message->id;
    told_count++;
}

static enum ring_push push(uint32_t id)
{
    struct cppipc_message message = {.handle = 7, .id = id, .remain = -60, .data = "data"};
    return ring_push(ring, &message, told, NULL);
}

static struct cppipc_slot *slot(uint32_t index)
{
    return &ring.at->slots[index % CPPIPC_SLOTS];
}

/* As the library's reader: what it sees at its cursor; with a channel's mark of a free slot in 64 bits. */
static bool library_reads(uint32_t *cursor, uint32_t bit, uint32_t *id)
{
    struct cppipc_slot *at = slot(*cursor);
    bool channel = ring.kind == CPPIPC_CHANNEL;
    if (channel ? atomic_load(&at->committed) != ~(uint64_t)*cursor : atomic_load(&ring.at->write) == *cursor)
        return false;
    *id = at->message.id;
    uint64_t readers = atomic_load(&at->readers) & ~(uint64_t)bit;
    if (channel && (uint32_t)readers == 0)
        atomic_store(&at->committed, (uint64_t)*cursor + CPPIPC_SLOTS);
    atomic_store(&at->readers, readers + (channel ? UINT64_C(1) << 32 : 0));
    ++*cursor;
    return true;
}

#define FOR_BOTH_KINDS(name)                                              \
    ParameterizedTestParameters(cppipc_ring_write, name)                  \
    {                                                                     \
        static enum cppipc_kind kinds[] = {CPPIPC_ROUTE, CPPIPC_CHANNEL}; \
        return cr_make_param_array(enum cppipc_kind, kinds, 2);           \
    }                                                                     \
    ParameterizedTest(enum cppipc_kind *kind, cppipc_ring_write, name)

FOR_BOTH_KINDS(without_a_receiver_nothing_is_stored)
{
    make(*kind, 0, 0);
    cr_assert(push(1) == RING_NO_RECEIVER);
    cr_assert(atomic_load(&ring.at->write) == 0);
}

FOR_BOTH_KINDS(every_receiver_gets_every_message_in_order)
{
    uint32_t one = 0, two = 0, id;
    make(*kind, ONE | TWO, 0);
    for (uint32_t i = 0; i < 3 * CPPIPC_SLOTS; i++) {
        cr_assert(push(i) == RING_PUSHED);
        cr_assert(library_reads(&one, ONE, &id) && id == i);
        cr_assert(library_reads(&two, TWO, &id) && id == i);
    }
}

FOR_BOTH_KINDS(a_ring_is_full_until_its_last_reader_has_read)
{
    uint32_t one = 0, two = 0, id;
    make(*kind, ONE | TWO, 0);
    for (uint32_t i = 0; i < CPPIPC_SLOTS; i++)
        cr_assert(push(i) == RING_PUSHED);
    cr_assert(push(1000) == RING_FULL && !ring_has_room(ring));
    cr_assert(library_reads(&one, ONE, &id));
    cr_assert(push(1000) == RING_FULL && !ring_has_room(ring));
    cr_assert(library_reads(&two, TWO, &id));
    cr_assert(ring_has_room(ring) && push(1000) == RING_PUSHED);
    cr_assert(told_count == 0);
}

FOR_BOTH_KINDS(what_a_leaver_did_not_read_is_told_when_it_is_overwritten)
{
    make(*kind, ONE, 0);
    for (uint32_t i = 0; i < CPPIPC_SLOTS; i++)
        cr_assert(push(100 + i) == RING_PUSHED);
    atomic_store(&ring.at->connected, TWO);
    cr_assert(push(1000) == RING_PUSHED);
    cr_assert(told_count == 1 && told_bits == ONE && told_id == 100);
    cr_assert((uint32_t)atomic_load(&slot(0)->readers) == TWO);
}

FOR_BOTH_KINDS(a_kick_disconnects_who_holds_the_ring_up_and_nobody_else)
{
    uint32_t two = 0, id;
    make(*kind, ONE | TWO, 0);
    atomic_store(&ring.at->epoch, 0);
    for (uint32_t i = 0; i < CPPIPC_SLOTS; i++)
        cr_assert(push(i) == RING_PUSHED);
    for (uint32_t i = 0; i < 10; i++)
        cr_assert(library_reads(&two, TWO, &id));
    cr_assert(ring_kick(ring) == ONE);
    cr_assert(ring_connected(ring) == TWO && atomic_load(&ring.at->epoch) == 0);
    cr_assert(push(1000) == RING_PUSHED);
    for (uint32_t i = 10; i < CPPIPC_SLOTS; i++)
        cr_assert(library_reads(&two, TWO, &id) && id == i, "the bystander lost %u", i);
    cr_assert(library_reads(&two, TWO, &id) && id == 1000);
}

FOR_BOTH_KINDS(the_next_holder_of_a_forgotten_bit_holds_nobody_up)
{
    make(*kind, ONE, 0);
    for (uint32_t i = 0; i < CPPIPC_SLOTS; i++)
        cr_assert(push(i) == RING_PUSHED);
    cr_assert(ring_kick(ring) == ONE);
    ring_forget(ring, ONE, CPPIPC_SLOTS, told, NULL);
    cr_assert(told_count == CPPIPC_SLOTS);
    uint32_t id, cursor = CPPIPC_SLOTS;
    atomic_store(&ring.at->connected, ONE);
    for (uint32_t i = 0; i < CPPIPC_SLOTS; i++)
        cr_assert(push(i) == RING_PUSHED, "at %u", i);
    for (uint32_t i = 0; i < CPPIPC_SLOTS; i++)
        cr_assert(library_reads(&cursor, ONE, &id) && id == i);
}

FOR_BOTH_KINDS(a_claim_that_a_killed_writer_left_is_undone_and_nobody_is_disconnected)
{
    uint32_t cursor = 0, id;
    make(*kind, ONE, 0);
    for (uint32_t i = 0; i < CPPIPC_SLOTS + 5; i++)
        cr_assert(push(i) == RING_PUSHED && library_reads(&cursor, ONE, &id));
    atomic_fetch_or(&slot(cursor)->readers, ONE); /* it died before `write` moved on */
    cr_assert(push(1000) == RING_FULL);
    cr_assert(ring_kick(ring) == 0 && ring_connected(ring) == ONE);
    cr_assert(push(1000) == RING_PUSHED);
    cr_assert(library_reads(&cursor, ONE, &id) && id == 1000);
}

FOR_BOTH_KINDS(indices_wrap_without_a_stall)
{
    uint32_t cursor = UINT32_MAX - 300, id;
    make(*kind, ONE, cursor);
    for (uint32_t i = 0; i < CPPIPC_SLOTS && *kind == CPPIPC_CHANNEL; i++)
        atomic_store(&slot(cursor + i)->committed, cursor + i);
    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert(push(i) == RING_PUSHED, "at index %u", cursor);
        cr_assert(library_reads(&cursor, ONE, &id) && id == i, "at index %u", cursor);
    }
}

Test(cppipc_ring_write, a_forced_push_of_somebody_else_gives_up_what_it_left_unread)
{
    make(CPPIPC_CHANNEL, ONE, 0);
    for (uint32_t i = 0; i < CPPIPC_SLOTS; i++)
        cr_assert(push(i) == RING_PUSHED);
    atomic_fetch_add(&ring.at->epoch, UINT64_C(1) << 56);
    cr_assert(push(1000) == RING_PUSHED);
    cr_assert(atomic_load(&slot(0)->readers) >> 56 == 1 && told_bits == ONE);
}

Test(cppipc_ring_write, a_channel_slot_that_is_neither_anybodys_nor_free_is_freed_by_a_kick)
{
    make(CPPIPC_CHANNEL, ONE, 0);
    atomic_store(&slot(0)->committed, ~UINT64_C(12345));
    cr_assert(push(1) == RING_FULL);
    cr_assert(ring_kick(ring) == 0);
    cr_assert(push(1) == RING_PUSHED);
}

Test(cppipc_ring_write, a_route_has_one_sender)
{
    make(CPPIPC_ROUTE, ONE, 0);
    cr_assert(ring_claim_sender(ring));
    cr_assert_not(ring_claim_sender(ring));
    ring_leave_sender(ring);
    cr_assert(ring_claim_sender(ring));
}
