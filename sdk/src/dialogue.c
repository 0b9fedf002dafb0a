#include "dialogue.h"
#include "clock.h"
#include "failure.h"
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_writer(struct dialogue *dialogue)
{
    return leat_writer_open(&dialogue->writer, dialogue->written, &dialogue->options);
}

static int open_reader(struct dialogue *dialogue, enum leat_start start)
{
    struct leat_channel_options options = dialogue->options;
    if (!(options.flags & LEAT_OPEN_EXISTING))
        options.flags |= LEAT_OPEN_CREATE;
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    how.start = (uint32_t)start;
    return leat_reader_open(&dialogue->reader, dialogue->read, &options, &how);
}

static int remember(struct dialogue *dialogue, const char *written, const char *read,
                    const struct leat_channel_options *options)
{
    *dialogue = (struct dialogue){0};
    int rc = options_complete(&dialogue->options, options);
    if (rc != 0)
        return rc;
    dialogue->options.size = (uint32_t)sizeof dialogue->options;
    if (options == NULL)
        dialogue->options.flags = LEAT_OPEN_ANY;
    if (strlen(written) > LEAT_NAME_MAX || strlen(read) > LEAT_NAME_MAX)
        return failure(-EINVAL, "a channel's name has at most %d bytes", LEAT_NAME_MAX);
    snprintf(dialogue->written, sizeof dialogue->written, "%s", written);
    snprintf(dialogue->read, sizeof dialogue->read, "%s", read);
    if (dialogue->options.directory == NULL)
        return 0;
    dialogue->directory = strdup(dialogue->options.directory);
    dialogue->options.directory = dialogue->directory;
    return dialogue->directory != NULL ? 0 : failure(-ENOMEM, "out of memory");
}

int dialogue_open(struct dialogue *dialogue, const char *written, const char *read,
                  const struct leat_channel_options *options)
{
    int rc = remember(dialogue, written, read, options);
    if (rc == 0) /* the reader first: whoever sees the writer may answer it */
        rc = open_reader(dialogue, LEAT_FROM_NEXT);
    if (rc == 0)
        rc = open_writer(dialogue);
    if (rc != 0)
        dialogue_close(dialogue);
    return rc;
}

void dialogue_close(struct dialogue *dialogue)
{
    leat_writer_close(dialogue->writer);
    leat_reader_close(dialogue->reader);
    free(dialogue->directory);
}

/* ---- channels that come again ---------------------------------------------------------------------------------- */

/* After a removal everything in the new channel is news. */
static int have_reader(struct dialogue *dialogue)
{
    return dialogue->reader != NULL ? 0 : open_reader(dialogue, LEAT_FROM_OLDEST);
}

static int have_writer(struct dialogue *dialogue)
{
    return dialogue->writer != NULL ? 0 : open_writer(dialogue);
}

static bool was_removed(struct dialogue *dialogue, int rc)
{
    if (rc != LEAT_ECLOSED)
        return false;
    leat_reader_close(dialogue->reader);
    dialogue->reader = NULL;
    return true;
}

int dialogue_publish(struct dialogue *dialogue, const void *data, size_t len, uint64_t tag, int64_t timeout_ns)
{
    struct deadline deadline = deadline_in(timeout_ns);
    for (;;) {
        int rc = have_writer(dialogue);
        if (rc != 0)
            return rc;
        rc = leat_publish(dialogue->writer, data, len, tag, deadline_left(&deadline, INT64_MAX));
        if (rc != LEAT_ECLOSED)
            return rc;
        leat_writer_close(dialogue->writer);
        dialogue->writer = NULL;
    }
}

int dialogue_borrow(struct dialogue *dialogue, struct leat_message *message, int64_t timeout_ns)
{
    struct deadline deadline = deadline_in(timeout_ns);
    int rc;
    do {
        rc = have_reader(dialogue);
        if (rc != 0)
            return rc;
        rc = leat_borrow(dialogue->reader, message, deadline_left(&deadline, INT64_MAX));
    } while (was_removed(dialogue, rc));
    return rc;
}

int dialogue_read(struct dialogue *dialogue, void *buffer, size_t size, struct leat_message *message,
                  int64_t timeout_ns)
{
    struct deadline deadline = deadline_in(timeout_ns);
    int rc;
    do {
        rc = have_reader(dialogue);
        if (rc != 0)
            return rc;
        rc = leat_read(dialogue->reader, buffer, size, message, deadline_left(&deadline, INT64_MAX));
    } while (was_removed(dialogue, rc));
    return rc;
}
