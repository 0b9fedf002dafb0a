/* A channel in plain memory for the lanes to read and to write: a plugin whose tables the tests hand over, and whose every turn
 * they decide. Message i carries i in its first 8 bytes, its sequence is i, its cursor i * 16, its tag i + 1000. */
#ifndef TESTS_FAKE_CHANNEL_H
#define TESTS_FAKE_CHANNEL_H

#include "plugin/registry.h"

#include <pthread.h>
#include <stdbool.h>

#define FAKE_LARGEST 512u
#define FAKE_WRITTEN 65536u
#define FAKE_LOOP 4096u

struct fake_written {
    uint64_t number, len, tag;
};

/* What the tests set stands before a lane starts, or is changed by the calls below. */
struct fake_channel {
    pthread_mutex_t lock;
    pthread_cond_t changed;

    bool absent;         /* reader_open and writer_open fail: -ENOENT, -ENOSPC */
    bool removed;        /* LEAT_ECLOSED until it is opened again */
    bool full;           /* claim finds no room */
    bool unread;         /* because nobody reads */
    bool forgets;        /* this reader has no stored position, whatever the table says */
    uint32_t lap_chance; /* of 1000 loans, how many are overwritten */
    uint64_t random;

    uint64_t
        capacity; /* not 0: a `block` channel of so many messages; what is written is there to be read, under its tag */
    uint64_t own_tags[FAKE_LOOP]; /* by number, of what was written; 0: published by the test */

    uint64_t published, next, pending_lost;
    bool lent;
    uint64_t acknowledged; /* messages: the position that a durable reader would resume at */
    bool went_backwards;
    uint64_t laps; /* messages that were lost */
    int opened, closed;
    char reader_name[128];
    unsigned char body[FAKE_LARGEST];

    unsigned char claimed[FAKE_LARGEST];
    uint64_t largest; /* what claim takes */
    struct fake_written written[FAKE_WRITTEN];
    uint64_t written_count;
};

extern const struct plugin fake_channel_durable, fake_channel_volatile; /* the latter leaves reader_is_durable out */

void fake_channel_init(struct fake_channel *channel);
void fake_publish(struct fake_channel *channel, uint64_t count);
void fake_remove(struct fake_channel *channel);
void fake_set_full(struct fake_channel *channel, bool full);
void fake_set_absent(struct fake_channel *channel, bool absent);
uint64_t fake_message_len(uint64_t number);

/* Each waits for its event, and fails the test after ten seconds. */
void fake_await_read(struct fake_channel *channel, uint64_t count);
void fake_await_acknowledged(struct fake_channel *channel, uint64_t count);
void fake_await_written(struct fake_channel *channel, uint64_t count);

#endif
