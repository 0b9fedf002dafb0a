#include "options.h"
#include "failure.h"
#include "segment.h"

#include <inttypes.h>
#include <string.h>

static const char *policy_word(uint32_t policy)
{
    return policy == LEAT_BLOCK ? "block" : "overwrite";
}

static const char *producers_word(uint32_t producers)
{
    return producers == LEAT_ONE ? "one producer" : "many producers";
}

static uint64_t round_up_power_of_two(uint64_t x)
{
    return (x & (x - 1)) == 0 ? x : UINT64_C(1) << (64 - __builtin_clzll(x));
}

static int check_ranges(const struct leat_channel_options *options)
{
    if (options->policy > LEAT_BLOCK)
        return failure(-EINVAL, "policy %" PRIu32 " is neither overwrite (0) nor block (1)", options->policy);
    if (options->producers > LEAT_ONE)
        return failure(-EINVAL, "producers %" PRIu32 " is neither many (0) nor one (1)", options->producers);
    if (options->capacity_bytes > LAYOUT_CAPACITY_MAX)
        return failure(-EINVAL, "a capacity of %" PRIu64 " bytes is more than %" PRIu64, options->capacity_bytes,
                       LAYOUT_CAPACITY_MAX);
    if (options->reader_slots == 0 || options->reader_slots > LAYOUT_READER_SLOTS_MAX)
        return failure(-EINVAL, "%" PRIu32 " reader slots: 1 to %u are possible", options->reader_slots,
                       LAYOUT_READER_SLOTS_MAX);
    if (options->writer_slots == 0 || options->writer_slots > LAYOUT_WRITER_SLOTS_MAX)
        return failure(-EINVAL, "%" PRIu32 " writer slots: 1 to %u are possible", options->writer_slots,
                       LAYOUT_WRITER_SLOTS_MAX);
    if (options->mode & ~0777u)
        return failure(-EINVAL, "mode 0%" PRIo32 " has more than permission bits", options->mode);
    if (options->wait_readers > options->reader_slots)
        return failure(-EINVAL, "writers cannot wait for %" PRIu32 " readers: there are %" PRIu32 " slots",
                       options->wait_readers, options->reader_slots);
    return 0;
}

int options_complete(struct leat_channel_options *options, const struct leat_channel_options *given)
{
    *options = (struct leat_channel_options)LEAT_CHANNEL_OPTIONS_INIT;
    if (given != NULL) {
        if (given->size < offsetof(struct leat_channel_options, directory) + sizeof(char *))
            return failure(-EINVAL, "leat_channel_options.size is %" PRIu32 ": start from LEAT_CHANNEL_OPTIONS_INIT",
                           given->size);
        size_t known = given->size < sizeof *options ? given->size : sizeof *options;
        memcpy(options, given, known);
    }
    int rc = check_ranges(options);
    if (rc != 0)
        return rc;
    if (options->capacity_bytes < LEAT_CAPACITY_MIN)
        options->capacity_bytes = LEAT_CAPACITY_MIN;
    options->capacity_bytes = round_up_power_of_two(options->capacity_bytes);
    if (options->producers == LEAT_ONE)
        options->writer_slots = 1;
    return 0;
}

int options_complete_reader(struct leat_reader_options *how, const struct leat_reader_options *given)
{
    *how = (struct leat_reader_options)LEAT_READER_OPTIONS_INIT;
    if (given == NULL)
        return 0;
    if (given->size < offsetof(struct leat_reader_options, spin_us) + sizeof(uint32_t))
        return failure(-EINVAL, "leat_reader_options.size is %" PRIu32 ": start from LEAT_READER_OPTIONS_INIT",
                       given->size);
    memcpy(how, given, given->size < sizeof *how ? given->size : sizeof *how);
    if (how->start > LEAT_FROM_NEXT)
        return failure(-EINVAL, "start %" PRIu32 " is neither oldest (0) nor next (1)", how->start);
    if (how->name != NULL && !segment_name_is_valid(how->name, LEAT_READER_NAME_MAX))
        return failure(-EINVAL,
                       "'%.80s' is no reader name: up to %d letters, digits, '.', '_', '-', a letter or digit first",
                       how->name, LEAT_READER_NAME_MAX);
    return 0;
}

int options_agree(const struct leat_channel_options *options, const struct segment_header *header, const char *name)
{
    if (options->flags & LEAT_OPEN_ANY)
        return 0;
    if (header->policy != options->policy)
        return failure(-EEXIST, "channel '%s' has the policy %s, %s was asked for", name, policy_word(header->policy),
                       policy_word(options->policy));
    if (header->producers != options->producers)
        return failure(-EEXIST, "channel '%s' is for %s, %s was asked for", name, producers_word(header->producers),
                       producers_word(options->producers));
    if (header->capacity_bytes != options->capacity_bytes)
        return failure(-EEXIST, "channel '%s' has a capacity of %" PRIu64 " bytes, %" PRIu64 " was asked for", name,
                       header->capacity_bytes, options->capacity_bytes);
    return 0;
}
