/* `leat doctor` on native channels: what is wrong with one, or with all of a folder. */
#ifndef LEAT_SHM_EXAMINE_H
#define LEAT_SHM_EXAMINE_H

#include "shm/open.h"

#include <leat/plugin/examination.h>

/* As struct leat_channel_ops says. */
int32_t shm_examine(const struct leat_host *host, const char *where, const void *options,
                    const struct leat_examination *examination);

/* A channel as it was found. */
struct shm_case {
    const char *name;
    struct leat_channel_info info;
    const struct leat_reader_info *readers;
    size_t reader_count;
    uint64_t now_ns; /* CLOCK_REALTIME */
    bool unused;     /* nobody has it mapped, for certain */
};

/* Nothing that --repair could do. */
void shm_tell(const struct leat_examination *examination, const char *name, uint32_t grade, const char *code,
              const char *text, const char *remedy);

/* Tells what is wrong with it. False: it is stale, and may be removed where that was asked for. */
bool shm_judge(const struct shm_case *found, const struct leat_examination *examination);

#endif
