/* The objects of one cpp-ipc name, opened as one handle of the library opens them; and what both ends know about them. */
#ifndef LEAT_CPPIPC_HANDLE_H
#define LEAT_CPPIPC_HANDLE_H

#include "cppipc/layout.h"
#include "cppipc/names.h"
#include "cppipc/segment.h"
#include "cppipc/waiter.h"

enum cppipc_kind {
    CPPIPC_ROUTE,
    CPPIPC_CHANNEL
}; /* one sender, many senders; nothing in the segments tells them apart */

enum cppipc_wake { CPPIPC_WAKE_FUTEX, CPPIPC_WAKE_POLL };

/* The plugin's options, as the table in cppipc.c fills them. */
struct cppipc_options {
    uint32_t kind;             /* enum cppipc_kind */
    uint32_t layout;           /* enum cppipc_layout */
    uint32_t wake;             /* enum cppipc_wake */
    uint32_t tag;              /* 1: the first 8 bytes of each message are its tag, little endian */
    const char *prefix;        /* may be NULL */
    const char *directory;     /* NULL: /dev/shm */
    uint32_t create;           /* outward: create the objects where nobody has */
    uint32_t without_receiver; /* inward, nobody connected: 0 drop, 1 wait */
    uint64_t max_message_bytes;
    int64_t kick_after_ns; /* inward: a receiver that has made no room for so long is disconnected; -1: never */
    int64_t lock_ns;       /* no wait for a lock of theirs is longer */
};

enum handle_waiter { HANDLE_CC, HANDLE_WT, HANDLE_RD, HANDLE_WAITERS };

struct handle {
    struct segment objects[CPPIPC_OBJECT_COUNT];
    struct waiter waiters[HANDLE_WAITERS];
    struct cppipc_ring *ring;
    _Atomic uint32_t *next_message; /* AC */
    uint32_t id;                    /* our handle id */
    enum cppipc_layout layout;      /* that was found or created */
};

/* Opens every object. `create`: where they are not there (layout AUTO then means 1.4). 0; -ENOENT: no such channel yet; -EPROTO: other
 * sizes, or files of both layouts exist and somebody is connected to each; -EEXIST... the sentence is in `explain`. */
int handle_open(struct handle *handle, const struct cppipc_where *where, enum cppipc_layout layout, bool create,
                char *explain, size_t explain_size);
void handle_close(struct handle *handle);
bool handle_is_gone(const struct handle *handle); /* some object was removed or replaced */

/* What the slots say of the kind: false when they were plainly written by the other one. Before the first message they say nothing. */
bool handle_is_of_kind(const struct handle *handle, enum cppipc_kind kind);

struct cppipc_where handle_where(const struct cppipc_options *options, const char *name);

#endif
