/* What a worker gives up before it loads a plugin or meets the network: it never starts a program, so nobody who takes it over shall. */
#ifndef LEAT_BASE_CONFINE_H
#define LEAT_BASE_CONFINE_H

#include <stdbool.h>

/* For this process and its threads, for good: no privileges by set-user-id programs; no new programs, no look into other processes, no
 * change of namespaces, mounts, modules or keys: such calls fail with EPERM. To be called while there is one thread. False: the kernel has
 * no seccomp filters, and only the first holds. */
bool confine_worker(void);

#endif
