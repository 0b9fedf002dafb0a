/* The files of a cpp-ipc channel. Its name is used as it is, without hashing: with the prefix it may have 222 bytes. */
#ifndef LEAT_CPPIPC_NAMES_H
#define LEAT_CPPIPC_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which of the two families of releases: they differ in the name of the ring's file alone, and so share every other file of a
 * name and never see each other's messages. */
enum cppipc_layout { CPPIPC_LAYOUT_AUTO, CPPIPC_LAYOUT_1_3, CPPIPC_LAYOUT_1_4 };

enum cppipc_object {
    CPPIPC_CC_CONDITION,
    CPPIPC_CC_MUTEX, /* "a receiver has connected" */
    CPPIPC_WT_CONDITION,
    CPPIPC_WT_MUTEX, /* senders that wait for room */
    CPPIPC_RD_CONDITION,
    CPPIPC_RD_MUTEX, /* receivers that wait for a message */
    CPPIPC_AC,       /* message ids */
    CPPIPC_CA,       /* handle ids, of the whole prefix */
    CPPIPC_RING,
    CPPIPC_OBJECT_COUNT /* in the order in which the library opens them */
};

#define CPPIPC_NAME_MAX 222u /* prefix and name together, bytes */
#define CPPIPC_FILE_MAX 256u

struct cppipc_where {
    const char *directory; /* "/dev/shm" */
    const char *prefix;    /* "" or what the application gave as ipc::prefix, without a leading '/' */
    const char *name;
};

bool cppipc_is_name(const char *prefix, const char *name); /* 1..222 bytes together, no '/' */
/* The file's name within the directory. `layout` matters for the ring only and is not AUTO there. */
void cppipc_file(char file[CPPIPC_FILE_MAX], const struct cppipc_where *where, enum cppipc_object object,
                 enum cppipc_layout layout);
void cppipc_pool_file(char file[CPPIPC_FILE_MAX], const struct cppipc_where *where, uint64_t class_bytes);

/* Takes the file of a ring apart: the channel's name (from the `prefix` on) and the layout. False: it is no ring of that prefix. */
bool cppipc_ring_of(const char *file, const char *prefix, char name[CPPIPC_FILE_MAX], enum cppipc_layout *layout);

#endif
