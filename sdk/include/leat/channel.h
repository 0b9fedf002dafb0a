/* leat channels: publish into and read from a named shared-memory broadcast stream on this host.
 *
 *     app -> leat_writer -> /dev/shm/leat.NAME -> leat_reader -> app        (no daemon in between)
 *
 * A channel is a ring of variable-size messages. One or many writers, any number of readers, two policies:
 *
 *   overwrite  a writer never waits for a reader. A reader that falls behind by more than the capacity is told in
 *              leat_message.lost exactly how many messages it lost and goes on with the oldest that is still there.
 *              (Exactly as long as at most 512 claims were aborted in what it lost; beyond that it may be told too many.)
 *              A reader without a name takes no slot and leaves no trace, so there may be any number.
 *   block      every reader takes a slot and holds the writers back; nothing is lost while it lives. The writer chooses
 *              how long it waits for room.
 *
 * A process may be killed at any instruction. Liveness is a lock that the kernel drops (an open-file-description lock
 * on the participant's byte of the segment), so a dead participant never blocks a live one and never corrupts a
 * message. A stopped process is slow, not dead.
 *
 * Trust: what lies in shared memory is checked before it is used. But whoever may write the segment's file may also cut
 * it short, and its pages are gone then (SIGBUS): writers, and those readers that may write, must be trusted that far.
 *
 * Threads: a leat_writer or leat_reader belongs to one thread at a time; open one for each thread. The exception is
 * leat_reader_acknowledge. After fork(), a child opens its own: it must not use its parent's.
 * Times to wait are in nanoseconds: 0 does not wait, LEAT_FOREVER waits for ever. */
#ifndef LEAT_CHANNEL_H
#define LEAT_CHANNEL_H

#include <leat/error.h>
#include <leat/message.h>
#include <leat/version.h>

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEAT_FOREVER INT64_C(-1)

#define LEAT_NAME_MAX 127       /* bytes in a channel's name: letters, digits, '.', '_', '-'; a letter or digit first */
#define LEAT_READER_NAME_MAX 63 /* bytes in a durable reader's name, same alphabet */
#define LEAT_CAPACITY_DEFAULT (UINT64_C(4) << 20)
#define LEAT_CAPACITY_MIN (UINT64_C(64) << 10)

enum leat_policy { LEAT_OVERWRITE = 0, LEAT_BLOCK = 1 };
enum leat_producers { LEAT_MANY = 0, LEAT_ONE = 1 };

/* ---- opening --------------------------------------------------------------------------------------------------- */

/* How to open, and how to make a channel that is not there yet. Start from LEAT_CHANNEL_OPTIONS_INIT and change what
 * you need; `size` lets the struct grow. */
struct leat_channel_options {
    uint32_t size;
    uint32_t policy;         /* enum leat_policy */
    uint32_t producers;      /* enum leat_producers: ONE is a little faster and refuses a second writer (-EBUSY) */
    uint32_t mode;           /* permission bits of a new segment, whatever the umask; default 0600 */
    int64_t group;           /* gid of a new segment, -1: the process's */
    uint64_t capacity_bytes; /* of the ring; rounded up to a power of two; a message may take half of it */
    uint32_t reader_slots;   /* registered readers at once; default 256 */
    uint32_t writer_slots;   /* writers at once when MANY; default 64 */
    uint32_t wait_readers;   /* block policy: writers wait until so many readers have registered; default 0 */
    uint32_t flags;          /* LEAT_OPEN_... */
    const char *directory;   /* NULL: $LEAT_SHM_DIR, else /dev/shm */
};

#define LEAT_OPEN_EXISTING 1u /* writer: do not create; -ENOENT when the channel is not there */
#define LEAT_OPEN_CREATE 2u   /* reader: create the channel when it is not there */
#define LEAT_OPEN_ANY 4u /* take an existing channel as it is; otherwise policy, producers and capacity must agree */

#define LEAT_CHANNEL_OPTIONS_INIT                                                                                  \
    {                                                                                                              \
        (uint32_t)sizeof(struct leat_channel_options), LEAT_OVERWRITE, LEAT_MANY, 0600, -1, LEAT_CAPACITY_DEFAULT, \
            256, 64, 0, 0, NULL                                                                                    \
    }

/* ---- writing --------------------------------------------------------------------------------------------------- */

struct leat_writer;

/* Opens a channel for writing and creates it first when it is not there. `options` may be NULL for the defaults.
 * 0, or: -ENOENT; -EEXIST (it exists with other properties: leat_error_text() says which); -EBUSY (one producer only,
 * and it lives; or no writer slot is free); -ENOSPC (no room: nothing is left behind); -EACCES; -EINVAL;
 * LEAT_EVERSION. *writer is set only on success; close it with leat_writer_close. May block for file operations. */
LEAT_API int leat_writer_open(struct leat_writer **writer, const char *name,
                              const struct leat_channel_options *options);

/* Publishes one message: copies `len` bytes in. 0, or LEAT_EAGAIN / LEAT_ETIMEDOUT (block policy: no room in time;
 * overwrite policy: a live but stopped writer holds the oldest part of the ring), LEAT_ETOOBIG, LEAT_ECLOSED. On failure
 * nothing was published. */
LEAT_API int leat_publish(struct leat_writer *writer, const void *data, size_t len, uint64_t tag, int64_t timeout_ns);

/* One message of a burst: what leat_publish takes. */
struct leat_outgoing_bytes {
    const void *data;
    size_t len;
    uint64_t tag;
};

/* Publishes many messages as one burst: in order, one clock reading, one wake-up; readers may see the first only when
 * all are there. Returns how many were published (a prefix), or the failure when there were none. */
LEAT_API int leat_publish_burst(struct leat_writer *writer, const struct leat_outgoing_bytes *messages, size_t count,
                                int64_t timeout_ns);

/* Zero-copy: reserves `len` bytes in the ring and hands out where they are (aligned to 16). Fill them and commit; the
 * message may be made shorter then. One claim at a time for each writer (-EBUSY). Results as leat_publish. A claim that
 * is held stops readers at its place and, in time, other writers: fill it and commit. A claim dies with its process. */
LEAT_API int leat_claim(struct leat_writer *writer, size_t len, void **data, int64_t timeout_ns);

/* Publishes the claimed message with its first `len` bytes (at most what was claimed). 0, or -EINVAL without a claim. */
LEAT_API int leat_commit(struct leat_writer *writer, size_t len, uint64_t tag);

/* Gives a claim back: no reader will ever see it. Harmless without a claim. */
LEAT_API void leat_abort(struct leat_writer *writer);

/* The largest message that this channel takes, in bytes. */
LEAT_API size_t leat_writer_max_message(const struct leat_writer *writer);

/* Which writer this is in leat_message.origin. */
LEAT_API uint32_t leat_writer_origin(const struct leat_writer *writer);

/* Aborts an open claim, leaves the channel (which stays) and frees the writer. NULL is harmless. */
LEAT_API void leat_writer_close(struct leat_writer *writer);

/* ---- reading --------------------------------------------------------------------------------------------------- */

struct leat_reader;

enum leat_start { LEAT_FROM_OLDEST = 0, LEAT_FROM_NEXT = 1 };

/* How to read. Start from LEAT_READER_OPTIONS_INIT. */
struct leat_reader_options {
    uint32_t size;
    uint32_t start;      /* enum leat_start: where a reader without a stored position begins */
    const char *name;    /* durable reader: its position lives in the segment; NULL: none */
    uint64_t hold_ns;    /* block policy, durable: for how long after its death it still holds writers back;
                             default 0; UINT64_MAX: for ever */
    uint32_t manual_ack; /* 1: the position moves only by leat_reader_acknowledge */
    uint32_t spin_us;    /* polls so long before it sleeps; default 25, about the cost of a wake-up */
};

#define LEAT_READER_OPTIONS_INIT                                                       \
    {                                                                                  \
        (uint32_t)sizeof(struct leat_reader_options), LEAT_FROM_OLDEST, NULL, 0, 0, 25 \
    }

/* Opens a channel for reading. A durable reader resumes exactly where it was, or learns from the first message's `lost`
 * how many were overwritten meanwhile. Either options may be NULL. 0, or: -ENOENT; -EBUSY (a live reader has that name,
 * or no slot is free); -EACCES; -EINVAL; LEAT_EVERSION; with LEAT_OPEN_CREATE as leat_writer_open. An overwrite channel
 * that may be read but not written by this user works too; such a reader polls instead of sleeping on a futex, and it
 * cannot be durable. */
LEAT_API int leat_reader_open(struct leat_reader **reader, const char *name, const struct leat_channel_options *options,
                              const struct leat_reader_options *how);

/* Zero-copy: lends the next message as it lies in the ring. *message is filled; message->data stays readable until
 * leat_release, but under overwrite policy a writer may overtake it: what was computed from it counts only when
 * leat_release returns 0. 0, or LEAT_EAGAIN / LEAT_ETIMEDOUT, LEAT_ECLOSED, LEAT_ECORRUPT (the reader went on to the
 * newest message; call again). -EBUSY when a message is out already. Data may change under you: check lengths once. */
LEAT_API int leat_borrow(struct leat_reader *reader, struct leat_message *message, int64_t timeout_ns);

/* Ends the loan and moves on. 0, or LEAT_ELAPPED: the bytes were overwritten while they were lent; they count as lost in
 * the next message, which tells again what this one told in its `lost`. In manual mode the position stays until it is
 * acknowledged. */
LEAT_API int leat_release(struct leat_reader *reader);

/* Copies the next message into `buffer` and validates it: what it returns is whole. *message is filled, its data points
 * into `buffer`. Results as leat_borrow; LEAT_ETOOBIG when `size` is too small: message->len says what is needed, and the
 * message is still the next one. */
LEAT_API int leat_read(struct leat_reader *reader, void *buffer, size_t size, struct leat_message *message,
                       int64_t timeout_ns);

/* Moves the reader's position in the segment past the message that had this `cursor` and `sequence`, and all before it.
 * For manual_ack readers; never backwards. May be called from another thread than the reader's, by one at a time. */
LEAT_API void leat_reader_acknowledge(struct leat_reader *reader, uint64_t cursor, uint64_t sequence);

/* What this reader has seen since it was opened. Only from the reader's thread. */
struct leat_reader_counts {
    uint64_t messages; /* handed out and still whole at their release */
    uint64_t bytes;    /* their payload */
    uint64_t lost;     /* overwritten before they could be read */
    uint64_t sleeps;   /* how often it went to sleep in the kernel */
};
LEAT_API void leat_reader_stats(const struct leat_reader *reader, struct leat_reader_counts *stats);

/* Leaves the channel and frees the reader. A durable reader's position stays. NULL is harmless. */
LEAT_API void leat_reader_close(struct leat_reader *reader);

/* ---- waiting for many ------------------------------------------------------------------------------------------- */

/* Waits until one of the readers need not wait: a message is there, or its channel was removed or damaged. Takes nothing; what
 * it finds may be gone again (lapped) when it is read. Returns the index of the first such reader, or LEAT_EAGAIN /
 * LEAT_ETIMEDOUT; -EINTR when `doorbell` was rung, or a signal handler without SA_RESTART ran while it slept; -EBUSY when one of
 * them has lent a message; -EINVAL for no readers and no doorbell. Meanwhile all of them belong to the calling thread. `doorbell`
 * may be NULL; else it points to a word that is 0 at first and that leat_wake sets; the wait that sees it sets it back. Sleeps as
 * one reader does; with more than 127 readers, or where the kernel cannot wait for several (before Linux 5.16), it looks once a
 * millisecond. */
LEAT_API int leat_wait(struct leat_reader *const *readers, size_t count, uint32_t *doorbell, int64_t timeout_ns);

/* Ends the leat_wait that waits at this doorbell, or the next one. Any thread, any process that maps the word, and signal
 * handlers. */
LEAT_API void leat_wake(uint32_t *doorbell);

/* ---- keeping what was lent -------------------------------------------------------------------------------------- */

/* The mapped memory of one reader or writer, kept beyond its close. What was lent or claimed stays readable (a claim: writable)
 * until the release; what it holds may change at any time once the loan is over. For languages whose objects outlive scopes. */
struct leat_mapping;

/* Keeps the mapping; let go of it once for each call. Never NULL. From the reader's or writer's thread. */
LEAT_API struct leat_mapping *leat_reader_keep(const struct leat_reader *reader);
LEAT_API struct leat_mapping *leat_writer_keep(const struct leat_writer *writer);

/* Any thread. NULL is harmless. */
LEAT_API void leat_mapping_release(struct leat_mapping *mapping);

/* ---- looking ---------------------------------------------------------------------------------------------------- */

struct leat_channel_info {
    uint32_t size; /* set by the caller: sizeof(struct leat_channel_info) */
    uint32_t policy, producers, mode;
    uint64_t capacity_bytes, max_message_bytes;
    uint64_t messages;     /* sequence number that the next message will get */
    uint64_t created_ns;   /* CLOCK_REALTIME */
    uint64_t published_ns; /* when the newest message was published; 0: none yet */
    uint32_t writers_alive;
    uint32_t readers; /* registered: durable ones, and all of a block channel */
    uint32_t readers_alive;
    uint32_t uid, gid;
    uint32_t reserved;
    unsigned char incarnation[16];
};

struct leat_reader_info {
    uint32_t size; /* set by the caller: sizeof(struct leat_reader_info) */
    uint32_t alive;
    uint32_t durable;
    uint32_t pid;                        /* of the process that opened it last; for people, never for decisions */
    uint64_t lag_messages;               /* published but not yet acknowledged by it */
    uint64_t lag_bytes;                  /* the same in bytes of ring */
    uint64_t lost;                       /* overwritten before it read them, over all its lives */
    char name[LEAT_READER_NAME_MAX + 1]; /* empty: not durable */
};

/* Describes one channel without joining it. `readers` may be NULL; at most `max_readers` are filled. Returns how many
 * readers are registered, or -ENOENT, -EACCES, -EINVAL, LEAT_EVERSION. `directory` as in leat_channel_options. */
LEAT_API int leat_channel_inspect(const char *directory, const char *name, struct leat_channel_info *info,
                                  struct leat_reader_info *readers, size_t max_readers);

/* Calls `each` with the name of every channel in the directory, in alphabetical order, until it returns non-zero; returns
 * that value, or 0, or a negative errno. */
LEAT_API int leat_channel_list(const char *directory, int (*each)(const char *name, void *user), void *user);

/* Unlinks a channel. Whoever is attached gets LEAT_ECLOSED. -ENOENT, -EACCES; -EBUSY when a live participant holds a slot
 * and `force` is 0. */
LEAT_API int leat_channel_remove(const char *directory, const char *name, int force);

/* Deletes a dead durable reader's position, so that it no longer holds anything. -ENOENT; -EBUSY while it lives. */
LEAT_API int leat_reader_forget(const char *directory, const char *channel, const char *reader);

#ifdef __cplusplus
}
#endif
#endif
