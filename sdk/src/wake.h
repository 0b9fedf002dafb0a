/* Sleeping and waking: no system call as long as nobody sleeps, one wake for each sleep.
 *
 * A wake word is 32 bits (a futex, also for futex_waitv): bit 0 says that somebody sleeps or is about to, the rest counts.
 *
 *     sleeper                                         waker
 *     word = wake_prepare(): set bit 0, membarrier    make the change (a stamp, a cursor)
 *     look once more whether there is something       compiler barrier
 *     wake_wait(word)                                 wake_signal(): bit 0? count up, clear it, FUTEX_WAKE
 *
 * The store-load order that this needs is paid by the sleeper: its membarrier makes every registered process execute a
 * full barrier, so a running waker either sees bit 0 or its change is visible to the last look. A waker that could not
 * register executes a fence instead (`fences`). The waker clears the bit: left to the sleeper, which takes 25 us to run,
 * every message in between would cost a system call. */
#ifndef LEAT_WAKE_H
#define LEAT_WAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define WAKE_SLEEPS 1u

/* Registers this process as one that wakes. Each opening calls it: a fork or exec loses the registration. false: this
 * kernel or sandbox has no membarrier, so wake_signal must fence. */
bool wake_register(void);

/* Announces a sleep; returns the value to sleep on. */
uint32_t wake_prepare(_Atomic uint32_t *word);

/* The two halves of wake_prepare, for a sleep on several words: each is announced, then all are ordered at once. */
uint32_t wake_announce(_Atomic uint32_t *word);
void wake_order(void);

/* Sleeps until woken, a signal, or timeout_ns; at once when the word has changed. It may return for no reason. */
void wake_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns);

/* Sleeps on several words at once, at most WAKE_WORDS_MAX, as wake_wait. 0; -EINTR after a signal; -ENOSYS: this kernel (before
 * Linux 5.16) or sandbox cannot. */
#define WAKE_WORDS_MAX 128
struct wake_word {
    _Atomic uint32_t *word;
    uint32_t expected;
};
int wake_wait_any(const struct wake_word *words, unsigned count, int64_t timeout_ns);

/* Wakes everybody, whether or not somebody announced a sleep. */
void wake_all(_Atomic uint32_t *word);

/* Sets a word that is slept on at 0, and wakes whoever does. */
void wake_ring(_Atomic uint32_t *word);

void wake_announced(_Atomic uint32_t *word);

/* Whether a sleep was announced that the change just made may end. */
static inline bool wake_is_announced(_Atomic uint32_t *word, bool fences)
{
    if (__builtin_expect(fences, 0))
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst); /* pairs with the membarrier in wake_prepare */
    return __builtin_expect(atomic_load_explicit(word, memory_order_relaxed) & WAKE_SLEEPS, 0);
}

static inline void wake_signal(_Atomic uint32_t *word, bool fences)
{
    if (wake_is_announced(word, fences))
        wake_announced(word);
}

#endif
