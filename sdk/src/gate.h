/* Room: may a writer put bytes up to a position into the ring, over what was there a lap before?
 *
 * block policy: not over what a registered reader has not released. Many producers, either policy: not over a live claim.
 * One producer, overwrite policy: always. */
#ifndef LEAT_GATE_H
#define LEAT_GATE_H

#include "writer.h"

/* Makes room for the bytes from the tail's `position` to `end` and moves the frontier ahead of them. 0, or LEAT_EAGAIN
 * when something alive is in the way. With many producers the caller holds the claim lock. Call it only when
 * end >= frontier. */
int gate_pass(struct leat_writer *writer, uint64_t position, uint64_t end);

/* Waits until gate_pass for `end` may succeed: 0: try again; or LEAT_EAGAIN, LEAT_ETIMEDOUT, LEAT_ECLOSED. The caller
 * holds no lock. */
int gate_wait(struct leat_writer *writer, uint64_t end, struct deadline *deadline);

/* Waits until as many readers are registered as the channel asks for. 0, LEAT_EAGAIN, LEAT_ETIMEDOUT, LEAT_ECLOSED. */
int gate_await_readers(struct leat_writer *writer, struct deadline *deadline);

#endif
