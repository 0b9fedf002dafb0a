/* Users and groups of this host, by name or by number, as options name them. */
#ifndef LEAT_ACCOUNT_H
#define LEAT_ACCOUNT_H

#include <stdint.h>

/* Of nobody in particular: what chown() takes for "leave it". */
#define ACCOUNT_NONE (-1)
/* There is nobody of that name. */
#define ACCOUNT_UNKNOWN (-2)

/* The id, ACCOUNT_NONE for NULL and "", or ACCOUNT_UNKNOWN. Any thread. */
int64_t account_user(const char *name);
int64_t account_group(const char *name);

#endif
