/* What keeps a file that somebody cuts short from ending this process: reading a mapping beyond the end of its file is a SIGBUS.
 * In a range that is watched the fault is answered with pages of zeros over the whole range, and noted; the instruction then goes
 * on. A fault anywhere else goes to whoever handled SIGBUS before, or ends the process as ever. */
#ifndef LEAT_CPPIPC_FAULT_H
#define LEAT_CPPIPC_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* `at`: of a mapping that this process owns, from the beginning of a page on. A number for the calls below; -ENOSPC: too many are
 * watched; -errno. Any thread. The first call installs the handler, for as long as the process lives. */
int fault_watch(void *at, size_t bytes);
/* Before the range is unmapped. Negative numbers are ignored. */
void fault_unwatch(int watch);
/* Zeros lie there now: what is read and written reaches nobody. A load. */
bool fault_has_hit(int watch);

#endif
