/* Aborted records. A claim that its writer gives up, or whose writer died, becomes void once other claims lie behind it: its
 * place and its sequence number are used, and readers step over it. So that a lapped reader can tell exactly how many
 * messages it lost, and not how many numbers, the last LAYOUT_VOIDS of such numbers are kept in a log. */
#ifndef LEAT_VOIDS_H
#define LEAT_VOIDS_H

#include "record.h"

/* Makes the claimed record at `position` void. The owner is gone or is the caller. false: somebody else was faster. */
bool record_make_void(const struct ring *ring, uint64_t position, uint64_t sequence);

/* How many of the numbers from `from` up to, not including, `to` were aborted. */
uint64_t voids_between(const struct ring *ring, uint64_t from, uint64_t to);

#endif
