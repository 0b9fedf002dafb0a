/* What a check says of the channel that is there already, or of the place where it will be made. */
#ifndef LEAT_SHM_PRESENT_H
#define LEAT_SHM_PRESENT_H

#include "shm/open.h"

/* Warns where this user cannot read the channel (outward) or write to it (inward, and readers of a block channel), where what has its name is
 * none, and where it is to be made in a folder that this user cannot write. Only a warning: another may mend it while the bridge waits.
 * Changes nothing. */
void shm_check_present(const struct leat_host *host, const char *name, const struct shm_options *options, bool outward);

#endif
