/* What the channel's tests share: a directory of their own, patterned messages, and words for what a test does. Whatever a
 * helper cannot do fails the test. */
#ifndef CHANNEL_FIXTURE_H
#define CHANNEL_FIXTURE_H

#include <leat/channel.h>

#include <criterion/criterion.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PATIENCE_NS (INT64_C(10) * 1000 * 1000 * 1000)
#define MS_NS (INT64_C(1000) * 1000)

/* The options that the helpers use: LEAT_CHANNEL_OPTIONS_INIT, 64 KiB, in the test's directory. */
extern struct leat_channel_options options;

void fixture_open(void);
void fixture_close(void);

const char *segment_file(void); /* of the channel "c" */

struct leat_writer *writer_on(const char *name);
struct leat_reader *reader_on(const char *name); /* creates the channel */
struct leat_reader *reader_from(const char *name, uint32_t start);
struct leat_reader *durable_on(const char *name, const char *reader, uint64_t hold_ns);

/* The bytes of message `tag`: a function of the tag alone. */
void fill(void *buffer, size_t len, uint64_t tag);
bool is_filled(const void *buffer, size_t len, uint64_t tag);

int put(struct leat_writer *writer, uint64_t tag, size_t len, int64_t timeout_ns);
void must_put(struct leat_writer *writer, uint64_t tag, size_t len);

/* Reads the next message and checks its bytes. */
struct leat_message must_get(struct leat_reader *reader);
void must_be_empty(struct leat_reader *reader);

/* Runs `body` in a child process and returns how it ended, as waitpid says. */
int in_child(void (*body)(void *), void *argument);
pid_t start_child(void (*body)(void *), void *argument);
int wait_child(pid_t child);

/* From now on, this process dies (or stops) when it comes to that test point for the n-th time. */
void die_at(const char *point, int nth);
void stop_at(const char *point, int nth);

#define for_each_kind(policy_, producers_)             \
    for (uint32_t policy_ = 0; policy_ < 2; policy_++) \
        for (uint32_t producers_ = 0; producers_ < 2; producers_++)

void use_kind(uint32_t policy, uint32_t producers);
void remove_channel(const char *name);

#endif
