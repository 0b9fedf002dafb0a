/* Bounds the thread pools of plugins' engines in this process, before any plugin is loaded.
 *
 * nng starts threads by the number of cores that are online: 13 with 2 of them, 87 with 64. From 1.7 it takes a bound
 * (LEAT_NNG_THREADS tells our plugins which); before that only by a smaller answer to sysconf(_SC_NPROCESSORS_ONLN), which
 * the executable therefore interposes. */
#ifndef LEAT_WORKER_CORES_H
#define LEAT_WORKER_CORES_H

#include <stdint.h>

/* `threads` 0: as many as this process has cores, at most 4. Call it before there are threads. */
void cores_bound(uint32_t threads);

#endif
