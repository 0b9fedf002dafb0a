#include "common/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_BYTES_MAX (1u << 20) /* a group's entry lists its members */

/* Puts the id into *id where there is such an entry. ERANGE: the buffer is too small. */
typedef int look_up(const char *name, char *buffer, size_t size, int64_t *id);

static int look_up_user(const char *name, char *buffer, size_t size, int64_t *id)
{
    struct passwd entry, *found = NULL;
    int error = getpwnam_r(name, &entry, buffer, size, &found);
    if (found)
        *id = (int64_t)entry.pw_uid;
    return error;
}

static int look_up_group(const char *name, char *buffer, size_t size, int64_t *id)
{
    struct group entry, *found = NULL;
    int error = getgrnam_r(name, &entry, buffer, size, &found);
    if (found)
        *id = (int64_t)entry.gr_gid;
    return error;
}

static int64_t named(look_up *find, const char *name)
{
    int64_t id = ACCOUNT_UNKNOWN;
    int error = ERANGE;
    for (size_t size = 4096; error == ERANGE && size <= ENTRY_BYTES_MAX; size *= 4) {
        char *buffer = malloc(size);
        error = buffer ? find(name, buffer, size, &id) : ENOMEM;
        free(buffer);
    }
    return id;
}

static int64_t account(look_up *find, const char *name)
{
    if (!name || !*name)
        return ACCOUNT_NONE;
    if (name[strspn(name, "0123456789")])
        return named(find, name);
    unsigned long long number = strtoull(name, NULL, 10);
    return number < UINT32_MAX ? (int64_t)number : ACCOUNT_UNKNOWN; /* the largest means "unchanged" to chown */
}

int64_t account_user(const char *name)
{
    return account(look_up_user, name);
}

int64_t account_group(const char *name)
{
    return account(look_up_group, name);
}
