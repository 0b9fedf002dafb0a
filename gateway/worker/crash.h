/* Where a worker crashed: one line of the log tells the place, file by file from the innermost one outwards, before the signal takes
 * its ordinary course. The supervisor sees only the signal, and a worker has many plugins and their libraries in it. */
#ifndef LEAT_WORKER_CRASH_H
#define LEAT_WORKER_CRASH_H

/* Watches for signals that a program's own mistakes raise, where nobody else does (a sanitizer). To be called while there is one thread. */
void crash_watch(void);

#endif
