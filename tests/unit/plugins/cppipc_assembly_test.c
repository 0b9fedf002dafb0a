/* Messages out of pieces. */
#include "cppipc/assembly.h"

#include <criterion/criterion.h>
#include <string.h>

#define MAX_BYTES (1 << 20)

static struct assembly assembly;
static struct payload whole;

static void begin(void)
{
    assembly_init(&assembly, MAX_BYTES);
}

static void end(void)
{
    assembly_fini(&assembly);
    payload_free(&whole);
}

static unsigned char byte_of(uint32_t id, uint64_t at)
{
    return (unsigned char)(id * 31 + at * 7 + at / 64);
}

/* Piece `at` / 64 of a message of `len` bytes. */
static struct cppipc_message piece(uint32_t handle, uint32_t id, uint64_t len, uint64_t at)
{
    struct cppipc_message slot = {.handle = handle, .id = id};
    slot.remain = (int32_t)((int64_t)len - (int64_t)at - (int64_t)CPPIPC_SLOT_DATA);
    for (uint64_t i = 0; i < CPPIPC_SLOT_DATA && at + i < len; i++)
        slot.data[i] = byte_of(id, at + i);
    return slot;
}

static enum assembly_result take(uint32_t handle, uint32_t id, uint64_t len, uint64_t at)
{
    struct cppipc_message slot = piece(handle, id, len, at);
    return assembly_take(&assembly, &slot, &whole);
}

static bool is_whole(uint32_t id, uint64_t len)
{
    bool right = whole.len == len;
    for (uint64_t i = 0; right && i < len; i++)
        right = whole.bytes[i] == byte_of(id, i);
    return right;
}

static void expect_message(uint32_t handle, uint32_t id, uint64_t len)
{
    for (uint64_t at = 0; at < len; at += CPPIPC_SLOT_DATA) {
        bool last = at + CPPIPC_SLOT_DATA >= len;
        cr_assert(take(handle, id, len, at) == (last ? ASSEMBLY_WHOLE : ASSEMBLY_NONE), "%u at %u", id, (unsigned)at);
    }
    cr_assert(is_whole(id, len));
}

Test(cppipc_assembly, a_small_message_is_its_slot, .init = begin, .fini = end)
{
    cr_assert(take(1, 1, 1, 0) == ASSEMBLY_SLOT);
    cr_assert(take(1, 2, 64, 0) == ASSEMBLY_SLOT);
}

Test(cppipc_assembly, pieces_become_a_message, .init = begin, .fini = end)
{
    static const uint64_t sizes[] = {65, 127, 128, 129, 1008, 4096, 100000, MAX_BYTES};
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        expect_message(5, i, sizes[i]);
    cr_assert(assembly.open == 0);
}

Test(cppipc_assembly, pieces_of_several_senders_are_kept_apart, .init = begin, .fini = end)
{
    for (uint32_t handle = 1; handle <= ASSEMBLY_PARTIALS; handle++)
        cr_assert(take(handle, handle, 150, 0) == ASSEMBLY_NONE);
    for (uint32_t handle = 1; handle <= ASSEMBLY_PARTIALS; handle++)
        cr_assert(take(handle, handle, 150, 64) == ASSEMBLY_NONE);
    for (uint32_t handle = 1; handle <= ASSEMBLY_PARTIALS; handle++) {
        cr_assert(take(handle, handle, 150, 128) == ASSEMBLY_WHOLE);
        cr_assert(is_whole(handle, 150));
    }
}

Test(cppipc_assembly, a_message_with_a_gap_is_not_delivered, .init = begin, .fini = end)
{
    cr_assert(take(1, 1, 300, 0) == ASSEMBLY_NONE);
    cr_assert(take(1, 1, 300, 128) == ASSEMBLY_UNUSABLE);
    cr_assert(take(1, 1, 300, 192) == ASSEMBLY_NONE);
    cr_assert(take(1, 1, 300, 256) == ASSEMBLY_NONE, "its last piece is no message");
    expect_message(1, 2, 300);
}

Test(cppipc_assembly, a_piece_that_comes_again_changes_nothing, .init = begin, .fini = end)
{
    cr_assert(take(1, 1, 150, 0) == ASSEMBLY_NONE);
    cr_assert(take(1, 1, 150, 64) == ASSEMBLY_NONE);
    cr_assert(take(1, 1, 150, 0) == ASSEMBLY_NONE);
    cr_assert(take(1, 1, 150, 64) == ASSEMBLY_NONE);
    cr_assert(take(1, 1, 150, 128) == ASSEMBLY_WHOLE && is_whole(1, 150));
}

Test(cppipc_assembly, who_begins_another_message_has_given_up_the_first, .init = begin, .fini = end)
{
    struct cppipc_message stored = {.handle = 1, .id = 3, .remain = 1000, .stored = 1};
    cr_assert(take(1, 1, 150, 0) == ASSEMBLY_NONE);
    cr_assert(take(1, 2, 10, 0) == ASSEMBLY_SLOT);
    cr_assert(assembly.open == 0);
    cr_assert(take(1, 2, 150, 0) == ASSEMBLY_NONE);
    assembly_pass(&assembly, &stored);
    cr_assert(assembly.open == 0);
}

Test(cppipc_assembly, what_began_before_us_is_passed_over, .init = begin, .fini = end)
{
    assembly_doubt(&assembly, 10);
    cr_assert(take(1, 8, 300, 128) == ASSEMBLY_NONE);
    cr_assert(take(2, 9, 40, 0) == ASSEMBLY_NONE, "or is it the last piece of a longer one");
    cr_assert(take(1, 8, 300, 192) == ASSEMBLY_NONE);
    cr_assert(take(1, 8, 300, 256) == ASSEMBLY_NONE);
    expect_message(1, 10, 300);
    cr_assert(take(3, 11, 40, 0) == ASSEMBLY_SLOT);
}

Test(cppipc_assembly, only_the_first_message_of_each_sender_is_doubted, .init = begin, .fini = end)
{
    assembly_doubt(&assembly, 1000); /* of counters that the senders do not use */
    for (uint32_t handle = 1; handle <= 20; handle++)
        cr_assert(take(handle, handle, 40, 0) == ASSEMBLY_NONE);
    for (uint32_t handle = 1; handle <= 20; handle++)
        for (uint32_t id = 0; id < 3; id++)
            cr_assert(take(handle, 100 + id * 20 + handle, 40, 0) == ASSEMBLY_SLOT);
}

Test(cppipc_assembly, after_a_message_with_a_chunk_its_sender_is_beyond_doubt, .init = begin, .fini = end)
{
    struct cppipc_message stored = {.handle = 1, .id = 3, .remain = 1000, .stored = 1};
    assembly_doubt(&assembly, 1000);
    assembly_pass(&assembly, &stored);
    cr_assert(take(1, 4, 40, 0) == ASSEMBLY_SLOT && take(1, 5, 40, 0) == ASSEMBLY_SLOT);
}

Test(cppipc_assembly, doubt_does_not_come_back_when_ids_have_gone_half_way_round, .init = begin, .fini = end)
{
    assembly_doubt(&assembly, 10);
    for (uint64_t id = 10; id < (UINT64_C(5) << 32); id += UINT32_C(1) << 29)
        cr_assert(take(1, (uint32_t)id, 40, 0) == ASSEMBLY_SLOT, "%llx", (unsigned long long)id);
}

Test(cppipc_assembly, impossible_lengths_are_unusable_and_take_no_memory, .init = begin, .fini = end)
{
    struct cppipc_message slot = {.handle = 1, .id = 1, .remain = INT32_MAX};
    cr_assert(assembly_take(&assembly, &slot, &whole) == ASSEMBLY_UNUSABLE);
    cr_assert(assembly_take(&assembly, &slot, &whole) == ASSEMBLY_NONE);
    slot.id = 2;
    slot.remain = INT32_MIN;
    cr_assert(assembly_take(&assembly, &slot, &whole) == ASSEMBLY_UNUSABLE);
    slot.remain = -64;
    cr_assert(assembly_take(&assembly, &slot, &whole) == ASSEMBLY_UNUSABLE);
    cr_assert(take(1, 3, MAX_BYTES + 1, 0) == ASSEMBLY_UNUSABLE);
    for (uint32_t handle = 10; handle < 100; handle++)
        take(handle, handle, MAX_BYTES, 0);
    uint64_t bytes = 0;
    for (size_t i = 0; i < ASSEMBLY_PARTIALS; i++)
        bytes += assembly.partials[i].payload.capacity;
    cr_assert(assembly.open == ASSEMBLY_PARTIALS && bytes <= ASSEMBLY_PARTIALS * 4096);
}

Test(cppipc_assembly, a_partial_that_made_room_for_another_is_not_delivered_in_part, .init = begin, .fini = end)
{
    for (uint32_t handle = 1; handle <= ASSEMBLY_PARTIALS + 1; handle++)
        cr_assert(take(handle, handle, 150, 0) == ASSEMBLY_NONE);
    cr_assert(take(1, 1, 150, 64) == ASSEMBLY_NONE);
    cr_assert(take(1, 1, 150, 128) == ASSEMBLY_NONE);
    expect_message(1, 200, 150);
}
