/* Implementing a channel plugin: a local medium that a bridge reads from or writes to.
 *
 *     channel = NAME://WHERE        WHERE is handed to the plugin as `where`
 *
 * Threads: one lane's thread opens, uses and closes an end; only acknowledge() may come from another thread, and then from
 * one at a time. Errors are those of <leat/error.h>. A call never blocks longer than its timeout. */
#ifndef LEAT_PLUGIN_CHANNEL_H
#define LEAT_PLUGIN_CHANNEL_H

#include <leat/error.h>
#include <leat/message.h>
#include <leat/plugin/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a channel keeps of a message, and how. */
#define LEAT_CHANNEL_KEEPS_METADATA 1u /* sequence, time, tag */
#define LEAT_CHANNEL_KEEPS_ORIGIN 2u
#define LEAT_CHANNEL_DURABLE 4u /* a reader of the same name can resume where the last one was; see reader_is_durable */

struct leat_channel_ops {
    uint32_t size;
    uint32_t keeps; /* LEAT_CHANNEL_... */

    /* Optional. Looks for what is wrong with `where` and the options and blames it. Opens, creates and changes nothing.
     * 0, or -EINVAL after at least one blame. `outward`: 1 when the bridge will read the channel, 0 when it will write. Of a bridge that reads one and writes
     * another, with the same options for both, 1 for both. */
    int32_t (*check)(const struct leat_host *host, const char *where, const void *options, uint32_t outward);

    /* Opens the reading end. `name` is the bridge's durable name. -ENOENT: not there yet, the lane tries again. */
    int32_t (*reader_open)(void **reader, const struct leat_host *host, const char *where, const void *options,
                           const char *name);
    int32_t (*borrow)(void *reader, struct leat_message *message, int64_t timeout_ns);
    int32_t (*release)(void *reader); /* 0, or LEAT_ELAPPED: neither bytes nor `lost` count, both are told again */
    void (*acknowledge)(void *reader, uint64_t cursor, uint64_t sequence);
    void (*reader_close)(void *reader);

    /* Opens the writing end and creates the channel where it is not there. */
    int32_t (*writer_open)(void **writer, const struct leat_host *host, const char *where, const void *options);
    int32_t (*claim)(void *writer, uint64_t len, void **data, int64_t timeout_ns);
    int32_t (*commit)(void *writer, uint64_t len, uint64_t tag);
    void (*abort)(void *writer);
    void (*writer_close)(void *writer);

    /* Optional. Asked once, after reader_open: 1 when this reader has a stored position, so that what was not acknowledged
     * comes again to the next reader of its name; 0 when that is lost (an option says so, or a permission is missing).
     * NULL: as `keeps` says. */
    uint32_t (*reader_is_durable)(void *reader);
};

#ifdef __cplusplus
}
#endif
#endif
