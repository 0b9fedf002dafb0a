/* shm: leat's native channel, shared memory that any number of processes of this host read and write. A table over libleat. */
#include "shm/examine.h"
#include "shm/open.h"
#include "shm/present.h"

#include "common/account.h"

#include <leat/plugin/channel.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What libleat takes at most; it has 256 slots for readers unless asked for more. */
#define CAPACITY_MAX (INT64_C(64) << 30)
#define WAIT_READERS_MAX 256

static const struct leat_option rows[] = {
    LEAT_OPTION_RANGE(struct shm_options, capacity_bytes, "capacity", LEAT_OPTION_SIZE, "4MiB", 64 << 10, CAPACITY_MAX,
                      "Size of a new channel's ring, rounded up to a power of two. A message may take half of it."),
    LEAT_OPTION_CHOICES(
        struct shm_options, policy, "policy", "overwrite", "overwrite|block",
        "Of a new channel. overwrite: producers never wait, slow readers lose messages and are told how many. "
        "block: producers wait for every reader, nothing is lost."),
    LEAT_OPTION_CHOICES(struct shm_options, producers, "producers", "many", "many|one",
                        "Of a new channel: how many may write at once. one is a little faster and refuses a second."),
    LEAT_OPTION(struct shm_options, mode, "mode", LEAT_OPTION_MODE, "0600",
                "Permissions of a new channel, whatever the umask."),
    LEAT_OPTION(struct shm_options, group, "group", LEAT_OPTION_TEXT, NULL,
                "Group of a new channel, by name or number; otherwise the gateway's own."),
    LEAT_OPTION(
        struct shm_options, create, "create", LEAT_OPTION_BOOL, "no",
        "Outward: create the channel when it is not there, instead of waiting for its producer to do so. Inward the "
        "channel is always created."),
    LEAT_OPTION_CHOICES(
        struct shm_options, from, "from", "oldest", "oldest|next",
        "Outward: where to begin without a stored position, at the oldest message that is still there or at "
        "the next one published."),
    LEAT_OPTION(
        struct shm_options, durable, "durable", LEAT_OPTION_BOOL, "yes",
        "Outward: keep the bridge's position in the channel, so that a restarted gateway goes on exactly there."),
    LEAT_OPTION_RANGE(struct shm_options, hold_ns, "hold", LEAT_OPTION_DURATION, "30s", -1, INT64_MAX,
                      "Outward, block policy: for how long a dead gateway's position still holds the producers back. "
                      "forever: until the gateway is back or the reader is removed."),
    LEAT_OPTION_RANGE(struct shm_options, wait_readers, "wait_readers", LEAT_OPTION_INT, "0", 0, WAIT_READERS_MAX,
                      "Of a new block channel: producers wait until so many readers have come."),
    LEAT_OPTION(struct shm_options, directory, "directory", LEAT_OPTION_PATH, NULL,
                "Where channels are; $LEAT_SHM_DIR or /dev/shm unless set."),
};

/* ---- checking ---------------------------------------------------------------------------------------------------- */

static bool is_name(const char *text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strlen(text);
    return len > 0 && len <= LEAT_NAME_MAX && strspn(text, alphabet) == len && !strchr("._-", text[0]);
}

static int32_t check(const struct leat_host *host, const char *where, const void *of, uint32_t outward)
{
    const struct shm_options *options = of;
    struct stat found;
    char text[160];
    int32_t result = 0;
    if (!is_name(where)) {
        host->blame(
            host->context, "channel",
            "a channel's name has 1 to 127 letters, digits, '.', '_' and '-', and begins with a letter or digit");
        result = -EINVAL;
    }
    if (account_group(options->group) == ACCOUNT_UNKNOWN) {
        snprintf(text, sizeof text, "there is no group '%.64s' on this host", options->group);
        host->blame(host->context, "group", text);
        result = -EINVAL;
    }
    if (options->directory && (stat(options->directory, &found) != 0 || !S_ISDIR(found.st_mode))) {
        host->blame(host->context, "directory", "is not a folder on this host");
        result = -EINVAL;
    }
    if (options->wait_readers > 0 && options->policy != LEAT_BLOCK) {
        host->blame(host->context, "wait_readers", "has a meaning with shm.policy = block only");
        result = -EINVAL;
    }
    if (!outward && options->create) {
        host->blame(host->context, "create",
                    "an inward bridge always creates its channel: this option is for direction = out");
        result = -EINVAL;
    }
    if (result == 0)
        shm_check_present(host, where, options, outward != 0);
    return result;
}

/* ---- the two ends ------------------------------------------------------------------------------------------------ */

static int32_t reader_open(void **reader, const struct leat_host *host, const char *where, const void *options,
                           const char *name)
{
    struct shm_reader *opened = calloc(1, sizeof *opened);
    if (!opened)
        return -ENOMEM;
    int32_t error = shm_open_reader(opened, host, where, options, name);
    if (error) {
        free(opened);
        return error;
    }
    *reader = opened;
    return 0;
}

static uint32_t reader_is_durable(void *reader)
{
    return ((const struct shm_reader *)reader)->durable;
}

static int32_t borrow(void *of, struct leat_message *message, int64_t timeout_ns)
{
    struct shm_reader *reader = of;
    return leat_borrow(reader->reader, message, timeout_ns);
}

static int32_t release(void *of)
{
    struct shm_reader *reader = of;
    return leat_release(reader->reader);
}

static void acknowledge(void *of, uint64_t cursor, uint64_t sequence)
{
    struct shm_reader *reader = of;
    leat_reader_acknowledge(reader->reader, cursor, sequence);
}

static void reader_close(void *of)
{
    struct shm_reader *reader = of;
    if (reader)
        leat_reader_close(reader->reader);
    free(reader);
}

static int32_t writer_open(void **writer, const struct leat_host *host, const char *where, const void *options)
{
    struct leat_writer *opened = NULL;
    int32_t error = shm_open_writer(&opened, host, where, options);
    *writer = opened;
    return error;
}

static int32_t claim(void *writer, uint64_t len, void **data, int64_t timeout_ns)
{
    return leat_claim(writer, len, data, timeout_ns);
}

static int32_t commit(void *writer, uint64_t len, uint64_t tag)
{
    return leat_commit(writer, len, tag);
}

static void abort_claim(void *writer)
{
    leat_abort(writer);
}

static void writer_close(void *writer)
{
    leat_writer_close(writer);
}

/* ---- the tables -------------------------------------------------------------------------------------------------- */

static const char reference[] =
    "shm is leat's native channel: a named ring of messages in shared memory, written by one or many processes of this "
    "host\n"
    "and read by any number, without a daemon in between. Programs use it through libleat (C, C++) or the tools leat "
    "pub\n"
    "and leat sub.\n"
    "\n"
    "URL: shm://NAME. The channel is the file leat.NAME in /dev/shm, $LEAT_SHM_DIR or shm.directory.\n"
    "\n"
    "Outward the bridge reads the channel. It waits for its producer to create it, unless shm.create = yes. Inward the "
    "bridge\n"
    "writes, and creates the channel where it is not there. A channel that exists is taken as it is; the options for a "
    "new\n"
    "one (capacity, policy, producers, mode, group, wait_readers) then change nothing, and the log says where they "
    "disagree.\n"
    "\n"
    "What it keeps: bytes, sequence, time, tag and origin of each message; with shm.durable the bridge's position, so "
    "that a\n"
    "restarted or killed gateway resumes exactly there. With shm.policy = block nothing is lost while the gateway "
    "lives or is\n"
    "back within shm.hold; producers wait meanwhile. With overwrite a bridge that falls behind by more than the "
    "capacity\n"
    "loses the oldest messages, and the ledger counts them as lapped.\n"
    "\n"
    "What it cannot: reach another host, or keep messages over a reboot. A message is at most half of the capacity. A "
    "bridge\n"
    "that may read a channel but not write to it has no stored position, and reads overwrite channels only.\n"
    "\n"
    "Examples:\n"
    "\n"
    "    [bridge.jobs]\n"
    "    pattern   = pipeline\n"
    "    direction = out\n"
    "    channel   = shm://jobs\n"
    "    listen    = tcp://*:5560\n"
    "    shm.create   = yes\n"
    "    shm.policy   = block\n"
    "    shm.capacity = 64MiB\n"
    "    shm.hold     = forever\n"
    "\n"
    "    [bridge.feed]\n"
    "    pattern   = pubsub\n"
    "    direction = in\n"
    "    channel   = shm://feed\n"
    "    dial      = tcp://feed.example:5555\n"
    "    shm.mode  = 0640\n"
    "    shm.group = traders\n";

static const struct leat_channel_ops ops = {
    .size = sizeof(struct leat_channel_ops),
    .keeps = LEAT_CHANNEL_KEEPS_METADATA | LEAT_CHANNEL_KEEPS_ORIGIN | LEAT_CHANNEL_DURABLE,
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
    .reader_is_durable = reader_is_durable,
    .examine = shm_examine,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_CHANNEL,
    .options_size = sizeof(struct shm_options),
    .name = "shm",
    .version = LEAT_VERSION,
    .summary = "leat's native channel in shared memory",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .channel = &ops,
};
