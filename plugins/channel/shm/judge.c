/* What is wrong with a channel, by what it says of itself. */
#include "shm/examine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STALE_NS UINT64_C(86400000000000)
#define TEXT 320

void shm_tell(const struct leat_examination *examination, const char *name, uint32_t grade, const char *code,
              const char *text, const char *remedy)
{
    char subject[LEAT_NAME_MAX + 8];
    snprintf(subject, sizeof subject, "shm://%s", name);
    const struct leat_finding finding = {
        .size = sizeof finding, .grade = grade, .subject = subject, .code = code, .text = text, .remedy = remedy};
    examination->found(examination->context, &finding);
}

static const char *name_of(const struct leat_reader_info *reader)
{
    return reader->name[0] ? reader->name : "without a name";
}

/* Three quarters of the ring wait for it: whoever publishes waits, or is about to. */
static bool holds_back(const struct shm_case *found, const struct leat_reader_info *reader)
{
    return found->info.policy == LEAT_BLOCK && reader->lag_bytes >= found->info.capacity_bytes / 4 * 3;
}

static void judge_dead(const struct shm_case *found, const struct leat_reader_info *reader,
                       const struct leat_examination *examination)
{
    const bool holds = holds_back(found, reader);
    char text[TEXT], remedy[TEXT];
    /* In an overwrite channel it holds nobody back; one without a name is forgotten by the next producer that needs room. */
    if (found->info.policy != LEAT_BLOCK || !reader->durable || reader->lag_messages == 0)
        return;
    snprintf(text, sizeof text,
             "reader '%s' is dead and keeps its place: %" PRIu64 " messages (%" PRIu64 " of %" PRIu64
             " KiB) wait for it%s",
             name_of(reader), reader->lag_messages, reader->lag_bytes >> 10, found->info.capacity_bytes >> 10,
             holds ? ", and producers wait for room" : "");
    snprintf(remedy, sizeof remedy, "Start its program again, or give up its place: leat channels --forget %s %s",
             found->name, name_of(reader));
    shm_tell(examination, found->name, holds ? LEAT_FINDING_ERROR : LEAT_FINDING_NOTE, "dead-reader", text, remedy);
}

static void judge_living(const struct shm_case *found, const struct leat_reader_info *reader,
                         const struct leat_examination *examination)
{
    char text[TEXT];
    if (holds_back(found, reader)) {
        snprintf(text, sizeof text,
                 "reader '%s' (pid %" PRIu32 ") is %" PRIu64 " messages behind, and producers wait for it",
                 name_of(reader), reader->pid, reader->lag_messages);
        shm_tell(
            examination, found->name, LEAT_FINDING_WARNING, "slow-reader", text,
            "Look why it does not read; a larger channel (shm.capacity, leat pub --capacity) takes longer bursts.");
    } else if (reader->lost > 0) {
        snprintf(text, sizeof text,
                 "reader '%s' (pid %" PRIu32 ") has lost %" PRIu64 " messages to its producers' speed", name_of(reader),
                 reader->pid, reader->lost);
        shm_tell(examination, found->name, LEAT_FINDING_NOTE, "lapped-reader", text,
                 "A larger channel (shm.capacity), or shm.policy = block, where producers can wait.");
    }
}

static bool is_stale(const struct shm_case *found)
{
    const struct leat_channel_info *info = &found->info;
    const uint64_t last_ns = info->published_ns ? info->published_ns : info->created_ns;
    return info->writers_alive == 0 && info->readers == 0 && found->now_ns > last_ns + STALE_NS;
}

bool shm_judge(const struct shm_case *found, const struct leat_examination *examination)
{
    char text[TEXT];
    for (size_t i = 0; i < found->reader_count; i++) {
        if (found->readers[i].alive)
            judge_living(found, &found->readers[i], examination);
        else
            judge_dead(found, &found->readers[i], examination);
    }
    if (found->info.mode & 0002) {
        snprintf(text, sizeof text, "it has mode %04o: every user of this host may write to it", found->info.mode);
        shm_tell(examination, found->name, LEAT_FINDING_WARNING, "world-writable", text,
                 "Make it anew with shm.mode = 0660 and a group (shm.group, leat pub --mode).");
    }
    return !is_stale(found);
}
