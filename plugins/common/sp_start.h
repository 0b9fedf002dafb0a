/* What must happen before nng's first call in a process, and which nng this is. */
#ifndef LEAT_SP_START_H
#define LEAT_SP_START_H

#include <stdbool.h>

/* Bounds nng's thread pools by $LEAT_NNG_THREADS where this nng can be told (from 1.7). Any thread, any number of times;
 * every path into nng goes through it first. */
void sp_start(void);

/* Whether the nng that is loaded is older than MAJOR.MINOR: what it was compiled against says nothing about its bugs. */
bool sp_older_than(int major, int minor);

#endif
