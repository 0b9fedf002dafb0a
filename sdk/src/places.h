/* Where a reader that has no position of its own begins: at the newest end of the ring, or at the oldest record in it. */
#ifndef LEAT_PLACES_H
#define LEAT_PLACES_H

#include "segment.h"

/* The place that the next message to be published will have: the oldest claim that is still open, else the tail. false:
 * shared memory holds nonsense. */
bool ring_newest(const struct segment *segment, struct place *place);

/* The oldest record at or above `floor` that may still be read; up to 1/16 of the capacity behind the very oldest byte. `skip`
 * leaves that many more sixteenths out. false: none found. */
bool ring_oldest(const struct ring *ring, uint64_t floor, unsigned skip, struct place *place);

static inline uint64_t ring_floor(const struct ring *ring, uint64_t frontier)
{
    return frontier > ring->capacity ? frontier - ring->capacity : 0;
}

#endif
