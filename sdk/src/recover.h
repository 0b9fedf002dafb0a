/* What the dead leave behind, and how the living tidy it up. Liveness is the lease, nothing else. */
#ifndef LEAT_RECOVER_H
#define LEAT_RECOVER_H

#include "segment.h"

/* Whether the writer slot's holder lives (or its number is nonsense and nobody needs to care: false). The caller's own
 * slot looks dead through its own descriptor. */
bool writer_is_alive(const struct segment *segment, uint32_t slot);

/* Ends the claim that a dead writer left in its slot: one that never reached the tail never happened; of one that did, the
 * records that are still claimed become void. The caller holds the claim lock. */
void settle_claim(const struct segment *segment, uint32_t slot);

/* Wipes out what a dead holder of the claim lock had written at the tail and behind, or had given back: records of a claim that
 * never happened. The caller holds the claim lock, and has written nothing yet. */
void erase_unclaimed(const struct ring *ring);

/* Somebody is stuck at a claimed record: whether its owner died with it, so that it will never be a message. Then *view is its
 * header. */
bool claim_is_dead(const struct segment *segment, uint64_t position, struct view *view);

/* Only after claim_is_dead said so. */
void make_dead_claim_void(const struct segment *segment, uint64_t position, const struct view *view);

/* One producer: where a new writer goes on. Its predecessor may have died between a stamp and the tail, or in the middle
 * of a burst. The caller holds the writer's lease. */
struct place recover_tail(const struct ring *ring);

#endif
