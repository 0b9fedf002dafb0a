/* Opening either end of a native channel as a bridge's options say. */
#ifndef LEAT_SHM_OPEN_H
#define LEAT_SHM_OPEN_H

#include <leat/channel.h>
#include <leat/plugin/host.h>
#include <stdbool.h>

struct shm_options {
    uint64_t capacity_bytes;
    uint32_t policy, producers; /* as enum leat_policy, enum leat_producers */
    uint32_t mode;
    const char *group;
    uint32_t create;
    uint32_t from; /* as enum leat_start */
    uint32_t durable;
    int64_t hold_ns; /* -1: for ever */
    int64_t wait_readers;
    const char *directory;
};

/* The reading end of a bridge. */
struct shm_reader {
    struct leat_reader *reader;
    bool durable; /* its position is stored in the channel */
};

/* 0 or what libleat says. What is worth telling a person is logged; -ENOENT is not. */
int32_t shm_open_reader(struct shm_reader *reader, const struct leat_host *host, const char *name,
                        const struct shm_options *options, const char *durable_name);
int32_t shm_open_writer(struct leat_writer **writer, const struct leat_host *host, const char *name,
                        const struct shm_options *options);

#endif
