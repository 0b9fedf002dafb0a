/* Who has a file of shared memory open. */
#ifndef LEAT_SHM_USERS_H
#define LEAT_SHM_USERS_H

#include <stdbool.h>

/* Whether nobody has it mapped, for certain: every process that could has been looked into. */
bool users_are_none(const char *path);

#endif
