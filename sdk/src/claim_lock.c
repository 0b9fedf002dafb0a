#include "claim_lock.h"
#include "recover.h"
#include "wake.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPINS 40 /* the lock is held for some 30 ns; on few cores its holder may need ours */
#define SLICE_NS NS_PER_MS
#define PATIENCE_NS (20 * NS_PER_MS)

/* Among those who woke up the flag is set again by whoever gets the lock: there may be more in the kernel. */
static bool try_take(struct leat_writer *writer, uint32_t flag)
{
    uint32_t nobody = 0;
    return atomic_compare_exchange_strong_explicit(&writer->ring.control->claim_lock, &nobody, writer->token | flag,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* `value` was seen, and its holder is dead: the lock is ours. Its tail flip has happened or not; settle_claim finds out. */
static bool try_inherit(struct leat_writer *writer, uint32_t value)
{
    uint32_t holder = (value & 0xffff) - 1; /* nonsense counts as dead */
    if (writer_is_alive(writer->segment, holder))
        return false;
    if (!atomic_compare_exchange_strong_explicit(&writer->ring.control->claim_lock, &value,
                                                 writer->token | CLAIM_LOCK_WAITED, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    if (holder < writer->ring.writer_slots)
        settle_claim(writer->segment, holder);
    erase_unclaimed(&writer->ring);
    return true;
}

/* Waits for one slice, or until the lock was given back. */
static void wait_slice(struct leat_writer *writer, uint32_t value, int64_t slice)
{
    _Atomic uint32_t *word = &writer->ring.control->claim_lock;
    if (!(value & CLAIM_LOCK_WAITED)) {
        if (!atomic_compare_exchange_strong(word, &value, value | CLAIM_LOCK_WAITED))
            return;
        value |= CLAIM_LOCK_WAITED;
    }
    wake_wait(word, value, slice);
}

int claim_lock_slow(struct leat_writer *writer, struct deadline *deadline)
{
    _Atomic uint32_t *word = &writer->ring.control->claim_lock;
    for (int i = 0; i < SPINS; i++) {
        cpu_pause(4);
        if (atomic_load_explicit(word, memory_order_relaxed) == 0 && try_take(writer, 0))
            return 0;
    }
    struct deadline patience = deadline_in(PATIENCE_NS);
    for (bool suspicious = false;; suspicious = true) {
        uint32_t value = atomic_load_explicit(word, memory_order_relaxed);
        if (value == 0 ? try_take(writer, CLAIM_LOCK_WAITED) : suspicious && try_inherit(writer, value))
            return 0;
        int64_t left = deadline_left(deadline, SLICE_NS), grace = deadline_left(&patience, SLICE_NS);
        if (left <= 0 && grace <= 0)
            return deadline_error(deadline);
        if (value != 0)
            wait_slice(writer, value, left > grace ? left : grace);
    }
}

void claim_lock_wake(struct leat_writer *writer)
{
    (void)syscall(SYS_futex, &writer->ring.control->claim_lock, FUTEX_WAKE, 1, NULL, NULL, 0);
}
