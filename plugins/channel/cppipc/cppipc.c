/* cppipc: programs of the C++ library cpp-ipc, as they are, at either end of a bridge. A table over the receiver and the sender. */
#include "cppipc/doctor.h"
#include "cppipc/names.h"
#include "cppipc/receiver.h"
#include "cppipc/sender.h"

#include <leat/plugin/channel.h>
#include <leat/version.h>

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define KICK_LEAST_NS INT64_C(1000000)
#define LOCK_LEAST_NS INT64_C(1000000)
#define LOCK_MOST_NS INT64_C(10000000000)

static const struct leat_option rows[] = {
    LEAT_OPTION_CHOICES(struct cppipc_options, kind, "kind", "route", "route|channel",
                        "What the programs use: route is ipc::route, one sender and many receivers; channel is "
                        "ipc::channel, many of both. Nothing in the shared memory tells them apart for sure."),
    LEAT_OPTION_CHOICES(struct cppipc_options, layout, "layout", "auto", "auto|1.3|1.4",
                        "Which releases of cpp-ipc: 1.3 and 1.4 use different files for one name and never see each "
                        "other's messages. auto takes the one that is there."),
    LEAT_OPTION(struct cppipc_options, prefix, "prefix", LEAT_OPTION_TEXT, NULL,
                "What the programs give as ipc::prefix, if they do."),
    LEAT_OPTION_CHOICES(
        struct cppipc_options, wake, "wake", "futex", "futex|poll",
        "futex: sleep and wake as cpp-ipc does. poll: look at intervals of up to 1 ms and wake nobody; for programs "
        "in another PID namespace, as in a container, with which cpp-ipc's own locks do not work."),
    LEAT_OPTION_CHOICES(
        struct cppipc_options, tag, "tag", "none", "none|prefix",
        "prefix: the first 8 bytes of each message are its tag, little endian; outward they are taken off, inward "
        "they are put before it. cpp-ipc itself has no place for one, and patterns with answers need it."),
    LEAT_OPTION(struct cppipc_options, directory, "directory", LEAT_OPTION_PATH, NULL,
                "Where cpp-ipc's objects are; /dev/shm unless set."),
    LEAT_OPTION(struct cppipc_options, create, "create", LEAT_OPTION_BOOL, "no",
                "Outward: create the objects when they are not there, instead of waiting for a program to do so. A "
                "program that sends before anybody is connected is told that there is no receiver."),
    LEAT_OPTION_CHOICES(struct cppipc_options, without_receiver, "without_receiver", "drop", "drop|wait",
                        "Inward, while no receiver is connected: drop what comes and count it as no_peer, or wait for "
                        "one. cpp-ipc keeps nothing for later."),
    LEAT_OPTION_RANGE(struct cppipc_options, max_message_bytes, "max_message", LEAT_OPTION_SIZE, "64MiB", 64,
                      (int64_t)CPPIPC_MESSAGE_MAX, "Longer messages are left out and counted."),
    LEAT_OPTION_RANGE(
        struct cppipc_options, kick_after_ns, "kick_after", LEAT_OPTION_DURATION, "1s", -1, INT64_MAX,
        "Inward: a receiver that makes no room for so long is disconnected, as cpp-ipc does it, but without harm to "
        "the others. forever: one that has died then stops the bridge."),
    LEAT_OPTION_RANGE(
        struct cppipc_options, lock_ns, "lock_limit", LEAT_OPTION_DURATION, "100ms", LOCK_LEAST_NS, LOCK_MOST_NS,
        "No wait for one of cpp-ipc's locks is longer: a stopped program may hold one. The bridge goes on meanwhile."),
};

/* ---- checking ---------------------------------------------------------------------------------------------------- */

static int32_t blame(const struct leat_host *host, const char *option, const char *text)
{
    host->blame(host->context, option, text);
    return -EINVAL;
}

static int32_t check_names(const struct leat_host *host, const struct cppipc_where *where)
{
    if (strchr(where->prefix, '/'))
        return blame(host, "prefix", "becomes a part of file names and has no '/' but leading ones");
    if (cppipc_is_name(where->prefix, where->name))
        return 0;
    return blame(host, "channel", "a name of cpp-ipc has no '/', and with cppipc.prefix it has 1 to 222 bytes");
}

static int32_t check(const struct leat_host *host, const char *where, const void *of, uint32_t outward)
{
    const struct cppipc_options *options = of;
    const struct cppipc_where place = handle_where(options, where);
    struct stat found;
    int32_t result = check_names(host, &place);
    if (options->directory && (stat(options->directory, &found) != 0 || !S_ISDIR(found.st_mode)))
        result = blame(host, "directory", "is not a folder on this host");
    if (options->kick_after_ns >= 0 && options->kick_after_ns < KICK_LEAST_NS)
        result = blame(host, "kick_after", "must be 1ms or more, or forever: every receiver needs some time to read");
    if (!outward && options->create)
        result = blame(host, "create",
                       "an inward bridge creates nothing, because cpp-ipc keeps no message for a receiver that comes "
                       "later: this option is for direction = out");
    return result;
}

static uint32_t keeps_with(const void *of)
{
    const struct cppipc_options *options = of;
    return LEAT_CHANNEL_KEEPS_ORIGIN | (options->tag ? LEAT_CHANNEL_KEEPS_TAG : 0);
}

/* ---- the two ends ------------------------------------------------------------------------------------------------ */

static int32_t reader_open(void **reader, const struct leat_host *host, const char *where, const void *options,
                           const char *name)
{
    struct receiver *opened = NULL;
    int32_t error = receiver_open(&opened, host, where, options, name);
    *reader = opened;
    return error;
}

static int32_t borrow(void *reader, struct leat_message *message, int64_t timeout_ns)
{
    return receiver_borrow(reader, message, timeout_ns);
}

static int32_t release(void *reader)
{
    receiver_release(reader);
    return 0;
}

/* Nothing is kept of a message once it was read. */
static void acknowledge(void *reader, uint64_t cursor, uint64_t sequence)
{
    (void)reader;
    (void)cursor;
    (void)sequence;
}

static void reader_close(void *reader)
{
    receiver_close(reader);
}

static int32_t writer_open(void **writer, const struct leat_host *host, const char *where, const void *options)
{
    struct sender *opened = NULL;
    int32_t error = sender_open(&opened, host, where, options);
    *writer = opened;
    return error;
}

static int32_t claim(void *writer, uint64_t len, void **data, int64_t timeout_ns)
{
    return sender_claim(writer, len, data, timeout_ns);
}

static int32_t commit(void *writer, uint64_t len, uint64_t tag)
{
    return sender_commit(writer, len, tag);
}

static void abort_claim(void *writer)
{
    sender_abort(writer);
}

static void writer_close(void *writer)
{
    sender_close(writer);
}

static int32_t examine(const struct leat_host *host, const char *where, const void *options,
                       const struct leat_examination *examination)
{
    return doctor_examine(host, where, options, examination);
}

/* ---- the tables -------------------------------------------------------------------------------------------------- */

static const char reference[] =
    "cppipc joins programs of the C++ library cpp-ipc (mutouyun/cpp-ipc) to a bridge, unchanged: to them\n"
    "the gateway is one more receiver, or a sender, of an ipc::route or an ipc::channel.\n"
    "\n"
    "URL: cppipc://NAME, the name that the programs give to ipc::route or ipc::channel. Releases 1.3.0,\n"
    "1.4.0 and 1.4.1 with their default constants, on x86-64 and aarch64; objects of any other size are\n"
    "refused with the reason.\n"
    "\n"
    "Outward the bridge connects as a receiver. It waits for a program to create the objects, unless\n"
    "cppipc.create = yes, and gets what is sent from then on. Inward it sends, as the only sender of a\n"
    "route or as one of many of a channel. It attaches when a receiver has created the objects: before,\n"
    "there is nobody to send to (cppipc.without_receiver).\n"
    "\n"
    "What it keeps: the bytes, and the number of the handle that sent them (origin). The time of a\n"
    "message is when the gateway read it. With cppipc.tag = prefix the first 8 bytes of each message,\n"
    "little endian, are its tag: reqrep, survey, and bus or pair on one channel need that.\n"
    "\n"
    "What is missing between two message ids counts as lapped; what comes twice is left out and counted.\n"
    "In a channel the ids of several senders overtake each other: one is missing a second or two after\n"
    "256 later ones have come, or when the ring is empty. An id that a sender used up for a send that\n"
    "failed counts too.\n"
    "\n"
    "Large messages are copied out; their chunks go back to the programs when the bridge asks for the\n"
    "next message. A sender that ends at once after a large message may take it along: the objects go\n"
    "with the last program that has them open. A killed gateway's place is taken over by the next\n"
    "worker of its bridge; what was sent meanwhile waits in the ring as far as that reaches.\n"
    "\n"
    "What it cannot, because the format has no place for it: keep history (256 slots, for those who are\n"
    "connected), more than 32 receivers, messages of 0 bytes or above 1 GiB, other metadata. A receiver\n"
    "that makes no room stops every sender, and is disconnected after the sender's time limit: outward\n"
    "the bridge then connects again and tells the gap; inward cppipc.kick_after is that limit. Programs\n"
    "of other users need permission for the files (1.3 makes them with the umask), and those of other\n"
    "PID namespaces cppipc.wake = poll. leat doctor finds, and with --repair mends, what killed\n"
    "programs left behind.\n"
    "\n"
    "ipc::route and ipc::channel use the same files: cppipc.kind must be right. A reader notices the\n"
    "wrong one by what is sent; a sender cannot, when only receivers are there: these leave no mark of\n"
    "their kind, and do not understand what it sends.\n"
    "\n"
    "Examples:\n"
    "\n"
    "    [bridge.quotes]\n"
    "    pattern   = pubsub\n"
    "    direction = out\n"
    "    channel   = cppipc://quotes\n"
    "    listen    = tcp://*:5555\n"
    "\n"
    "    [bridge.orders]\n"
    "    pattern   = pipeline\n"
    "    direction = in\n"
    "    channel   = cppipc://orders\n"
    "    listen    = tcp://*:5560\n"
    "    cppipc.kind = channel\n"
    "    cppipc.without_receiver = wait\n";

static const struct leat_channel_ops ops = {
    .size = sizeof(struct leat_channel_ops),
    .keeps = LEAT_CHANNEL_KEEPS_ORIGIN,
    .check = check,
    .reader_open = reader_open,
    .borrow = borrow,
    .release = release,
    .acknowledge = acknowledge,
    .reader_close = reader_close,
    .writer_open = writer_open,
    .claim = claim,
    .commit = commit,
    .abort = abort_claim,
    .writer_close = writer_close,
    .keeps_with = keeps_with,
    .examine = examine,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_CHANNEL,
    .options_size = sizeof(struct cppipc_options),
    .name = "cppipc",
    .version = LEAT_VERSION,
    .summary = "routes and channels of the C++ library cpp-ipc",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .channel = &ops,
};
