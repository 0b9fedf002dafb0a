#include "voids.h"
#include "test_point.h"

/* An entry that was counted and not written is an older number, or none (create.c). The log entry comes first: killed in between, the record is still claimed, and whoever makes it void enters it again.
 * A number that is in the log twice counts once. */
bool record_make_void(const struct ring *ring, uint64_t position, uint64_t sequence)
{
    uint64_t entry = atomic_fetch_add(&ring->control->voids, 1);
    TEST_POINT("void:counted");
    atomic_store_explicit(&ring->voids[entry % LAYOUT_VOIDS], sequence, memory_order_release);
    TEST_POINT("void:logged");
    uint64_t claimed = record_stamp(ring, position, RECORD_CLAIMED);
    return atomic_compare_exchange_strong(&record_at(ring, position)->stamp, &claimed,
                                          record_stamp(ring, position, RECORD_VOID));
}

static bool is_repeated(const uint64_t *numbers, uint64_t count, uint64_t number)
{
    for (uint64_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

uint64_t voids_between(const struct ring *ring, uint64_t from, uint64_t to)
{
    uint64_t entries = atomic_load_explicit(&ring->control->voids, memory_order_acquire);
    if (entries > LAYOUT_VOIDS)
        entries = LAYOUT_VOIDS;
    uint64_t found[LAYOUT_VOIDS], count = 0;
    for (uint64_t i = 0; i < entries; i++) {
        uint64_t number = atomic_load_explicit(&ring->voids[i], memory_order_relaxed);
        if (number >= from && number < to && !is_repeated(found, count, number))
            found[count++] = number;
    }
    return count;
}
