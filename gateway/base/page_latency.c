/* How long messages took, on the page: a histogram with four steps to each doubling, from a quarter of a microsecond to a quarter of
 * an hour, so that a share of all samples is known to a fifth. */
#include "base/page.h"

#include <math.h>

#define FIRST_OCTAVE 8u /* 256 ns */
#define STEPS_EACH 4u

size_t page_latency_step(uint64_t ns)
{
    if (ns < UINT64_C(1) << FIRST_OCTAVE)
        return 0;
    unsigned octave = 63u - (unsigned)__builtin_clzll(ns);
    size_t step = (octave - FIRST_OCTAVE) * STEPS_EACH + (ns >> (octave - 2) & (STEPS_EACH - 1));
    return step < PAGE_LATENCY_STEPS ? step : PAGE_LATENCY_STEPS - 1;
}

uint64_t page_latency_bound_ns(size_t step)
{
    if (step == 0)
        return 0;
    if (step >= PAGE_LATENCY_STEPS)
        return UINT64_MAX;
    unsigned octave = FIRST_OCTAVE + (unsigned)(step / STEPS_EACH);
    return (STEPS_EACH + step % STEPS_EACH) << (octave - 2);
}

void page_latency_add(struct page_latency *latency, uint64_t ns)
{
    atomic_fetch_add_explicit(&latency->steps[page_latency_step(ns)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&latency->sum_ns, ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&latency->count, 1, memory_order_relaxed);
    uint64_t max = atomic_load_explicit(&latency->max_ns, memory_order_relaxed);
    while (ns > max && !atomic_compare_exchange_weak_explicit(&latency->max_ns, &max, ns, memory_order_relaxed,
                                                              memory_order_relaxed))
        ;
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* From the steps alone: `count` may be a little ahead of them or behind. */
uint64_t page_latency_share_ns(const struct page_latency *latency, double share)
{
    uint64_t total = 0, passed = 0, max = load(&latency->max_ns);
    for (size_t step = 0; step < PAGE_LATENCY_STEPS; step++)
        total += load(&latency->steps[step]);
    if (total == 0)
        return 0;
    uint64_t wanted = (uint64_t)ceil(share * (double)total);
    for (size_t step = 0; step < PAGE_LATENCY_STEPS; step++) {
        passed += load(&latency->steps[step]);
        uint64_t end = page_latency_bound_ns(step + 1);
        if (passed >= wanted && passed > 0)
            return end < max ? end : max;
    }
    return max;
}
