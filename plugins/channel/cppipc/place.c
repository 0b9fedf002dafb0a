/* A receiver's bit, and what a successor has to know when this process is killed with it. */
#include "cppipc/place.h"

#include "cppipc/attach.h"
#include "cppipc/clock.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_BYTES 512
#define SAY_NS (10 * NS_PER_S) /* what may happen often is logged at most once in so long */

void place_say(const struct receiver *receiver, int32_t level, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    receiver->host->log(receiver->host->context, level, text);
}

uint64_t place_may_say(struct saying *saying)
{
    int64_t now = monotonic_ns();
    uint64_t count = ++saying->count;
    if (now < saying->not_before_ns)
        return 0;
    *saying = (struct saying){.not_before_ns = now + SAY_NS};
    return count;
}

static void keep_record(const struct receiver *receiver)
{
    if (!receiver->holds)
        return;
    struct holding_record *record = receiver->holding.record;
    record->device = receiver->handle.objects[CPPIPC_RING].device;
    record->inode = receiver->handle.objects[CPPIPC_RING].inode;
    record->epoch = atomic_load_explicit(&receiver->handle.ring->epoch, memory_order_relaxed);
    record->cursor = receiver->ring.cursor - receiver->ring.kept;
    record->bit = receiver->ring.bit;
}

void place_note_cursor(const struct receiver *receiver)
{
    if (receiver->holds)
        receiver->holding.record->cursor = receiver->ring.cursor - receiver->ring.kept;
}

/* See ring_resume; and a successor must know that the rest of a message is no message. */
void place_note_slot(const struct receiver *receiver)
{
    const struct cppipc_ring *ring = receiver->handle.ring;
    uint32_t index = receiver->ring.cursor - receiver->ring.kept;
    const struct cppipc_message *slot = &ring->slots[index % CPPIPC_SLOTS].message;
    if (!receiver->holds)
        return;
    receiver->holding.record->cursor = index + 1;
    if (slot->stored || slot->remain <= 0)
        return;
    receiver->holding.record->begun_id = slot->id + 1;
    receiver->holding.record->known |= HOLDING_BEGUN;
}

/* What begins now is whole; of what has begun before, the first part may have passed us by. */
void place_doubt(struct receiver *receiver)
{
    assembly_doubt(&receiver->assembly, atomic_load_explicit(receiver->handle.next_message, memory_order_seq_cst));
}

static int join(struct receiver *receiver)
{
    int error = ring_connect(&receiver->ring, leftover_drop, &receiver->leftover);
    if (error) {
        say_once(receiver->host, LEAT_LOG_WARNING,
                 "'%s' has its 32 receivers already, or bits of dead ones (leat doctor tells which): waiting for a "
                 "free one",
                 receiver->name);
        return error;
    }
    say_anew();
    place_doubt(receiver);
    keep_record(receiver);
    attendant_wake(receiver->attendant, HANDLE_CC);
    attendant_wake(receiver->attendant, HANDLE_WT); /* leftovers that held a sender up are gone */
    return 0;
}

int place_take(struct receiver *receiver)
{
    uint64_t times = receiver->ring.bit ? place_may_say(&receiver->kicked) : 0;
    if (times)
        place_say(receiver, LEAT_LOG_WARNING,
                  "a sender of '%s' found no room within its time limit and disconnected this bridge, %llu time%s "
                  "lately; what it sent meanwhile counts as lost",
                  receiver->name, (unsigned long long)times, times == 1 ? "" : "s");
    return join(receiver);
}

/* Where a predecessor was killed. When it had written down the slot after the oldest one, it may have been about to take that one: the
 * ring is full then, and stays so. Or it had, and a writer is at that slot now: it will be done in a moment. */
static uint32_t left_cursor(const struct receiver *receiver)
{
    const _Atomic uint32_t *write = &receiver->handle.ring->write;
    const struct timespec moment = timespec_of(NS_PER_MS);
    uint32_t cursor = receiver->holding.left.cursor;
    if (atomic_load_explicit(write, memory_order_acquire) - cursor != CPPIPC_SLOTS - 1)
        return cursor;
    nanosleep(&moment, NULL);
    return cursor - (atomic_load_explicit(write, memory_order_acquire) - cursor == CPPIPC_SLOTS - 1);
}

void place_inherit(struct receiver *receiver)
{
    const struct holding_record *left = &receiver->holding.left;
    struct holding_record *record = receiver->holding.record;
    receiver->ring.cursor = left_cursor(receiver);
    ring_resume(&receiver->ring, left->bit);
    if (left->known & HOLDING_NEXT)
        order_continue(&receiver->order, left->next_id);
    if (left->known & HOLDING_BEGUN)
        assembly_doubt(&receiver->assembly, left->begun_id);
    record->next_id = left->next_id; /* as long as we have nothing newer */
    record->begun_id = left->begun_id;
    record->known = left->known;
    keep_record(receiver);
    attendant_wake(receiver->attendant, HANDLE_WT);
    place_say(receiver, LEAT_LOG_INFO, "going on in '%s' with the place of a predecessor that was killed",
              receiver->name);
}

void place_note_epoch(const struct receiver *receiver)
{
    const _Atomic uint64_t *epoch = &receiver->handle.ring->epoch;
    if (receiver->holds && receiver->holding.record->epoch != atomic_load_explicit(epoch, memory_order_relaxed))
        keep_record(receiver);
}

void place_note_released(const struct receiver *receiver)
{
    if (!receiver->holds)
        return;
    receiver->holding.record->next_id = receiver->order.next;
    receiver->holding.record->known |= HOLDING_NEXT;
}
