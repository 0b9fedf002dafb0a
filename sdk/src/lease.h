/* Leases: who lives. A lease is an open-file-description lock on one byte of the segment file, so the kernel drops it when
 * its holder dies, whatever the reason, across pid namespaces, and no pid is ever guessed.
 *
 * One open file description for each attachment: the locks of one description do not exclude each other. A test through
 * the description that holds the lease answers "nobody". */
#ifndef LEAT_LEASE_H
#define LEAT_LEASE_H

#include <stdbool.h>
#include <stdint.h>

/* Takes the lease on the byte at `offset`. 0, -EBUSY when somebody else holds it, or another negative errno. */
int lease_take(int fd, uint64_t offset);
void lease_drop(int fd, uint64_t offset);

/* Drops all that were taken through `fd`. Closing it would, too, but not while a child that was forked a moment ago has not
 * yet closed its copy. */
void lease_drop_all(int fd);

/* Whether somebody else holds it. Works on a read-only descriptor. When the kernel cannot say, the answer is yes: to
 * wait for a dead one is a nuisance, to rob a live one is corruption. */
bool lease_held(int fd, uint64_t offset);

#endif
