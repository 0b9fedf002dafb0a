/* Implementing a channel plugin: a local medium that a bridge reads from or writes to.
 *
 *     channel = NAME://WHERE        WHERE is handed to the plugin as `where`
 *
 * Threads: one lane's thread opens, uses and closes an end; only acknowledge() may come from another thread, and then from
 * one at a time. Errors are those of <leat/error.h>. A call never blocks longer than its timeout: 0 does not wait, -1 waits for ever.
 *
 * Every slot has to be there, except those that say Optional. A channel that can only be read returns -ENOTSUP from writer_open, one that
 * can only be written from reader_open; the other slots of that end are never called, and check() refuses the direction. */
#ifndef LEAT_PLUGIN_CHANNEL_H
#define LEAT_PLUGIN_CHANNEL_H

#include <leat/error.h>
#include <leat/message.h>
#include <leat/plugin/examination.h>
#include <leat/plugin/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a channel keeps of a message, and how. */
#define LEAT_CHANNEL_KEEPS_METADATA 1u /* sequence, time, tag */
#define LEAT_CHANNEL_KEEPS_ORIGIN 2u   /* which writer */
#define LEAT_CHANNEL_DURABLE 4u /* a reader of the same name can resume where the last one was; see reader_is_durable */
#define LEAT_CHANNEL_KEEPS_TAG 8u /* the tag alone */

/* The functions of a channel plugin. A message is written by claim and commit, and read in place between borrow and release. */
struct leat_channel_ops {
    uint32_t size;  /* sizeof(struct leat_channel_ops) */
    uint32_t keeps; /* LEAT_CHANNEL_... */

    /* Optional. Looks for what is wrong with `where` and the options and blames it. Opens, creates and changes nothing.
     * 0, or -EINVAL after at least one blame. `outward`: 1 when the bridge will read the channel, 0 when it will write. Of a bridge that reads one and writes
     * another, with the same options for both, 1 for both. */
    int32_t (*check)(const struct leat_host *host, const char *where, const void *options, uint32_t outward);

    /* Opens the reading end. `name` is the bridge's durable name. -ENOENT: not there yet, the lane tries again. */
    int32_t (*reader_open)(void **reader, const struct leat_host *host, const char *where, const void *options,
                           const char *name);

    /* Waits for the next message and lends it: *message is filled, message->data stays readable until the release. 0; LEAT_EAGAIN or
     * LEAT_ETIMEDOUT: nothing came; LEAT_ECORRUPT: something was skipped, call again; anything else: this reader has come to its
     * end, the lane closes it and opens another. */
    int32_t (*borrow)(void *reader, struct leat_message *message, int64_t timeout_ns);

    /* Ends the loan. 0, or LEAT_ELAPPED: the bytes were overwritten meanwhile; neither they nor `lost` count, both are told again. */
    int32_t (*release)(void *reader);

    /* The message with this cursor and sequence is done with, and so are all before it: a stored position moves behind it. From the
     * lane or from a thread of the engine. */
    void (*acknowledge)(void *reader, uint64_t cursor, uint64_t sequence);

    /* Once nothing is borrowed. A stored position stays. */
    void (*reader_close)(void *reader);

    /* Opens the writing end and creates the channel where it is not there. */
    int32_t (*writer_open)(void **writer, const struct leat_host *host, const char *where, const void *options);

    /* Room for a message of `len` bytes, at *data; one claim at a time. 0; LEAT_ETIMEDOUT: no room in time, LEAT_EAGAIN: none, since
     * nobody reads there and the channel waits for somebody who does: the lane asks again, and says which; LEAT_ETOOBIG: never (dropped as oversize); LEAT_ECLOSED: the lane opens the channel anew; -ENOTCONN: nobody would read it,
     * and the channel does not keep it for later (dropped as no_peer); -EINVAL: the channel has no such message, as an empty one
     * (dropped as malformed). */
    int32_t (*claim)(void *writer, uint64_t len, void **data, int64_t timeout_ns);

    /* Publishes the first `len` bytes of the claim. 0, or LEAT_ETIMEDOUT after some 50 ms: a part of the message is through and the rest
     * waits for room; call it again with the same arguments, or abort. Otherwise as claim: the message is not in the channel. */
    int32_t (*commit)(void *writer, uint64_t len, uint64_t tag);

    /* Gives the claim back: no reader sees it. */
    void (*abort)(void *writer);

    /* Aborts what is claimed and closes this end; the channel stays for its readers. */
    void (*writer_close)(void *writer);

    /* Optional. Asked once, after reader_open: 1 when this reader has a stored position, so that what was not acknowledged
     * comes again to the next reader of its name; 0 when that is lost (an option says so, or a permission is missing).
     * NULL: as `keeps` says. */
    uint32_t (*reader_is_durable)(void *reader);

    /* Optional. What the channel keeps with these options, LEAT_CHANNEL_...; NULL: as `keeps` says. Pure. */
    uint32_t (*keeps_with)(const void *options);

    /* Optional. `leat doctor`: looks at the channel `where`, or with NULL at every channel of this kind that is there, tells what it
     * finds, and mends it where `examination->repair` is set. Works beside live readers and writers and takes nothing from them.
     * 0, or a negative errno when it could not look. */
    int32_t (*examine)(const struct leat_host *host, const char *where, const void *options,
                       const struct leat_examination *examination);
};

#ifdef __cplusplus
}
#endif
#endif
