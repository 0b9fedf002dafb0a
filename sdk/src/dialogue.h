/* Two channels in opposite directions, one written and one read: what a requester and a replier have in common. A channel that
 * was removed is opened again. */
#ifndef LEAT_DIALOGUE_H
#define LEAT_DIALOGUE_H

#include <leat/channel.h>

struct dialogue {
    struct leat_writer *writer; /* NULL: it could not be opened again yet */
    struct leat_reader *reader; /* NULL: the same */
    char written[LEAT_NAME_MAX + 1], read[LEAT_NAME_MAX + 1];
    struct leat_channel_options options;
    char *directory;
};

/* 0, or as leat_writer_open and leat_reader_open; then there is nothing to close. */
int dialogue_open(struct dialogue *dialogue, const char *written, const char *read,
                  const struct leat_channel_options *options);
void dialogue_close(struct dialogue *dialogue);

/* As leat_publish, leat_borrow and leat_read, but for LEAT_ECLOSED: what opening the channel again says instead. Release with
 * leat_release(dialogue->reader). */
int dialogue_publish(struct dialogue *dialogue, const void *data, size_t len, uint64_t tag, int64_t timeout_ns);
int dialogue_borrow(struct dialogue *dialogue, struct leat_message *message, int64_t timeout_ns);
int dialogue_read(struct dialogue *dialogue, void *buffer, size_t size, struct leat_message *message,
                  int64_t timeout_ns);

#endif
