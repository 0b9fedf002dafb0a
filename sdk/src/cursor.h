/* A {position, sequence} pair in shared memory that one party stores and anybody reads, whole or not at all.
 *
 * The storer fills the half that is not valid and then flips one word: killed at any instruction it leaves the old pair.
 * Readers take the valid half and look whether the word has moved meanwhile. */
#ifndef LEAT_CURSOR_H
#define LEAT_CURSOR_H

#include "layout.h"

struct place {
    uint64_t position;
    uint64_t sequence;
};

/* Only one party at a time may store. */
static inline void cursor_store(struct cursor *cursor, struct place place)
{
    uint64_t next = atomic_load_explicit(&cursor->word, memory_order_relaxed) + 1;
    /* cursor.1: the previous flip is visible before this half changes; pairs with the fence in cursor_load. */
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&cursor->position[next & 1], place.position, memory_order_relaxed);
    atomic_store_explicit(&cursor->sequence[next & 1], place.sequence, memory_order_relaxed);
    /* cursor.2: pairs with the acquire load in cursor_load. */
    atomic_store_explicit(&cursor->word, next, memory_order_release);
}

/* false: it moved too often to be read (or something hostile flips it for ever). */
static inline bool cursor_load(struct cursor *cursor, struct place *place)
{
    for (int tries = 0; tries < 100000; tries++) {
        uint64_t word = atomic_load_explicit(&cursor->word, memory_order_acquire); /* pairs with cursor.2 */
        place->position = atomic_load_explicit(&cursor->position[word & 1], memory_order_relaxed);
        place->sequence = atomic_load_explicit(&cursor->sequence[word & 1], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire); /* pairs with cursor.1 */
        if (atomic_load_explicit(&cursor->word, memory_order_relaxed) == word)
            return true;
    }
    return false;
}

#endif
