/* Counting in the page. Every counter has one writer at a time, so that a plain load and store will do; where two threads may
 * count at once (drops, occupancy) books_share is used. Nothing is ordered by a counter. */
#ifndef LEAT_BRIDGE_BOOKS_H
#define LEAT_BRIDGE_BOOKS_H

#include <stdatomic.h>
#include <stdint.h>

static inline void books_add(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + n, memory_order_relaxed);
}

static inline void books_set(_Atomic uint64_t *gauge, uint64_t value)
{
    atomic_store_explicit(gauge, value, memory_order_relaxed);
}

static inline void books_share(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

#endif
