/* A channel plugin's functions: each call is noted, timed and its answer judged. What they mean stands in leat/plugin/channel.h. */
#ifndef SDK_TESTKIT_CHANNEL_CALLS_H
#define SDK_TESTKIT_CHANNEL_CALLS_H

#include <leat/plugin/channel.h>
#include <stdbool.h>

int32_t channel_reader_open(void **reader, const void *values, const char *name);
int32_t channel_borrow(void *reader, struct leat_message *message, int64_t timeout_ns);
int32_t channel_release(void *reader);
void channel_acknowledge(void *reader, const struct leat_message *message);
void channel_reader_close(void *reader);

int32_t channel_writer_open(void **writer, const void *values);
int32_t channel_claim(void *writer, uint64_t len, void **data, int64_t timeout_ns);
int32_t channel_commit(void *writer, uint64_t len, uint64_t tag);
void channel_abort(void *writer);
void channel_writer_close(void *writer);

/* What it keeps with these options. */
uint32_t channel_keeps(const void *values);

/* ---- a few calls as one ------------------------------------------------------------------------------------------------ */

bool channel_only_reads(void);

/* Opens the writing end and then the reading end, with --set; skips the test when the plugin has only one of them. */
void channel_pair(void **writer, void **reader);

/* Publishes the message of that number, `len` bytes; waits for room up to timeout_ns. 0 or why not. */
int32_t channel_write(void *writer, uint64_t number, uint64_t len, int64_t timeout_ns);

/* The next message; waits up to timeout_ns. Fails the test when a loan is lost in an idle channel. */
int32_t channel_next(void *reader, struct leat_message *message, int64_t timeout_ns);

/* Reads the next message, which must be that of `number` with `len` bytes; releases and acknowledges it. */
void channel_expect(void *reader, uint64_t number, uint64_t len);

/* The number of a message of 8 bytes or more, whose bytes must be right. */
uint64_t channel_number(const struct leat_message *message);

/* A length for the message of that number: 8 to 2,055 bytes. */
uint64_t channel_len(uint64_t number);

#endif
