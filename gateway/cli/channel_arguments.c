#include "cli/channel_arguments.h"

#include "cli/quantity.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_POLICY = 0x100, KEY_PRODUCERS, KEY_CAPACITY, KEY_MODE, KEY_GROUP, KEY_WAIT_READERS, KEY_DIRECTORY };

static const struct argp_option options[] = {
    {0, 0, 0, 0, "Channel (for one that is not there yet; otherwise it must agree):", 10},
    {"policy", KEY_POLICY, "POLICY", 0, "overwrite (default): never wait for readers; block: lose nothing", 0},
    {"capacity", KEY_CAPACITY, "SIZE", 0, "Bytes in the ring, e.g. 64MiB; default 4MiB. A message may take half of it",
     0},
    {"producers", KEY_PRODUCERS, "WHO", 0, "many (default), or one", 0},
    {"mode", KEY_MODE, "OCTAL", 0, "Permission bits; default 0600", 0},
    {"group", KEY_GROUP, "GROUP", 0, "Group that owns it, a name or a number", 0},
    {"wait-readers", KEY_WAIT_READERS, "N", 0, "block policy: writers wait until N readers have come", 0},
    {"directory", KEY_DIRECTORY, "DIR", 0, "Where channels are; default $LEAT_SHM_DIR, or /dev/shm", 0},
    {0}};

void argument_check(int failed, struct argp_state *state, const char *option, const char *value, const char *expected)
{
    if (failed) {
        argp_error(state, "--%s: '%s' is not %s", option, value, expected);
    }
}

static int parse_word(const char *text, const char *first, const char *second, uint32_t *value)
{
    *value = strcmp(text, second) == 0;
    return *value || strcmp(text, first) == 0 ? 0 : -EINVAL;
}

static int parse_mode(const char *text, uint32_t *mode)
{
    char *end;
    unsigned long value = strtoul(text, &end, 8);
    *mode = (uint32_t)value;
    return *text >= '0' && *text <= '7' && *end == '\0' && value <= 0777 ? 0 : -EINVAL;
}

static int parse_group(const char *text, int64_t *group)
{
    const struct group *found = getgrnam(text);
    uint64_t number = 0;
    int error = found ? 0 : parse_count(text, &number);
    *group = found ? (int64_t)found->gr_gid : (int64_t)number;
    return error;
}

static int parse_slots(const char *text, uint32_t *value)
{
    uint64_t count = 0;
    int error = parse_count(text, &count);
    *value = (uint32_t)count;
    return error == 0 && count <= UINT16_MAX ? 0 : -EINVAL;
}

static int parse(int key, char *text, struct argp_state *state)
{
    struct channel_arguments *arguments = state->input;
    struct leat_channel_options *channel = &arguments->options;
    switch (key) {
    case KEY_POLICY:
        argument_check(parse_word(text, "overwrite", "block", &channel->policy), state, "policy", text,
                       "overwrite or block");
        arguments->policy_given = true;
        return 0;
    case KEY_PRODUCERS:
        argument_check(parse_word(text, "many", "one", &channel->producers), state, "producers", text, "many or one");
        arguments->producers_given = true;
        return 0;
    case KEY_CAPACITY:
        argument_check(parse_size(text, &channel->capacity_bytes), state, "capacity", text, "a size such as 64MiB");
        arguments->capacity_given = true;
        return 0;
    case KEY_MODE:
        argument_check(parse_mode(text, &channel->mode), state, "mode", text, "an octal mode such as 0660");
        return 0;
    case KEY_GROUP:
        argument_check(parse_group(text, &channel->group), state, "group", text, "a group of this host");
        return 0;
    case KEY_WAIT_READERS:
        argument_check(parse_slots(text, &channel->wait_readers), state, "wait-readers", text, "a number of readers");
        return 0;
    case KEY_DIRECTORY:
        channel->directory = text;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp channel_argp = {.options = options, .parser = parse};

struct leat_channel_options channel_arguments_for(const struct channel_arguments *arguments, const char *name)
{
    struct leat_channel_options channel = arguments->options;
    if (!arguments->policy_given && !arguments->producers_given && !arguments->capacity_given) {
        channel.flags |= LEAT_OPEN_ANY;
        return channel;
    }
    struct leat_channel_info info = {.size = sizeof info};
    if (leat_channel_inspect(channel.directory, name, &info, NULL, 0) >= 0) {
        channel.policy = arguments->policy_given ? channel.policy : info.policy;
        channel.producers = arguments->producers_given ? channel.producers : info.producers;
        channel.capacity_bytes = arguments->capacity_given ? channel.capacity_bytes : info.capacity_bytes;
    }
    return channel;
}
