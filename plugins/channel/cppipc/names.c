#include "cppipc/names.h"

#include <stdio.h>
#include <string.h>

/* How the library marks every file of its own, after the prefix. */
#define MARK "__IPC_SHM__"
#define RING "QU_CONN__"
#define GEOMETRY "64__16" /* bytes of a slot, and their alignment */
#define CONDITION "_WAITER_COND_"
#define MUTEX "_WAITER_LOCK_"

static const struct {
    const char *before, *after; /* the channel's name */
} PARTS[CPPIPC_OBJECT_COUNT] = {
    [CPPIPC_CC_CONDITION] = {"CC_CONN__", CONDITION},
    [CPPIPC_CC_MUTEX] = {"CC_CONN__", MUTEX},
    [CPPIPC_WT_CONDITION] = {"WT_CONN__", CONDITION},
    [CPPIPC_WT_MUTEX] = {"WT_CONN__", MUTEX},
    [CPPIPC_RD_CONDITION] = {"RD_CONN__", CONDITION},
    [CPPIPC_RD_MUTEX] = {"RD_CONN__", MUTEX},
    [CPPIPC_AC] = {"AC_CONN__", ""},
};

bool cppipc_is_name(const char *prefix, const char *name)
{
    if (prefix == NULL || name == NULL || strchr(prefix, '/') || strchr(name, '/'))
        return false;
    return name[0] != '\0' && strlen(prefix) + strlen(name) <= CPPIPC_NAME_MAX;
}

void cppipc_file(char file[CPPIPC_FILE_MAX], const struct cppipc_where *where, enum cppipc_object object,
                 enum cppipc_layout layout)
{
    if (object == CPPIPC_CA)
        snprintf(file, CPPIPC_FILE_MAX, "%s" MARK "CA_CONN__", where->prefix);
    else if (object != CPPIPC_RING)
        snprintf(file, CPPIPC_FILE_MAX, "%s" MARK "%s%s%s", where->prefix, PARTS[object].before, where->name,
                 PARTS[object].after);
    else if (layout == CPPIPC_LAYOUT_1_3)
        snprintf(file, CPPIPC_FILE_MAX, "%s" MARK RING GEOMETRY "__%s", where->prefix, where->name);
    else
        snprintf(file, CPPIPC_FILE_MAX, "%s" MARK RING "%s__" GEOMETRY, where->prefix, where->name);
}

void cppipc_pool_file(char file[CPPIPC_FILE_MAX], const struct cppipc_where *where, uint64_t class_bytes)
{
    snprintf(file, CPPIPC_FILE_MAX, "%s" MARK "CHUNK_INFO__%llu", where->prefix, (unsigned long long)class_bytes);
}

/* What follows `start`, or NULL. */
static const char *after(const char *text, const char *start)
{
    size_t len = strlen(start);
    return strncmp(text, start, len) == 0 ? text + len : NULL;
}

/* A name that has the geometry at both ends is taken for one of 1.4: nobody calls a channel "64__16__x". */
bool cppipc_ring_of(const char *file, const char *prefix, char name[CPPIPC_FILE_MAX], enum cppipc_layout *layout)
{
    const char *rest = after(file, prefix);
    rest = rest ? after(rest, MARK RING) : NULL;
    if (rest == NULL)
        return false;
    size_t len = strlen(rest), suffix = strlen("__" GEOMETRY);
    const char *old = after(rest, GEOMETRY "__");
    bool is_1_4 = len > suffix && strcmp(rest + len - suffix, "__" GEOMETRY) == 0;
    if (is_1_4)
        len -= suffix;
    else if (old != NULL)
        rest = old, len -= suffix;
    else
        return false;
    if (len == 0 || len >= CPPIPC_FILE_MAX)
        return false;
    memcpy(name, rest, len);
    name[len] = '\0';
    *layout = is_1_4 ? CPPIPC_LAYOUT_1_4 : CPPIPC_LAYOUT_1_3;
    return true;
}
