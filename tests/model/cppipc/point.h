/* Places in the protocol where a peer can be made to die or to stop, as a kill -9 or a debugger would catch it there. */
#ifndef TESTS_MODEL_CPPIPC_POINT_H
#define TESTS_MODEL_CPPIPC_POINT_H

#include <stdbool.h>

/* "NAME=kill", "NAME=stop", "NAME=kill:N": when it is passed for the Nth time (default 1). The names:
 *     numbered    a message id is taken, nothing is pushed       chunk     a chunk is taken, nothing is pushed
 *     claimed     the slot has its readers, not its data         written   and its data, but is not published
 *     pushed      published, nobody is woken yet                 fragment  a fragment is pushed, not the last
 *     connecting  the bit is set, the cursor not yet read        copied    a slot is copied, the bit still in it
 *     popped      the bit is off, the chunk is still held        forced    the epoch is moved on, nothing is pushed
 *     lock        in the lock of a waiter that is to be woken    waiting   in that lock, about to wait
 *     pool-lock   in the spin lock of a pool */
bool point_set(const char *text);

void point_pass(const char *name);

#endif
