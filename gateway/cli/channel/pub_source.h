/* Where `leat pub` takes its messages from: text of the command line, standard input in some framing, a file, or made up.
 *
 *     source_open -> source_next, until 0 -> source_close */
#ifndef LEAT_CLI_CHANNEL_PUB_SOURCE_H
#define LEAT_CLI_CHANNEL_PUB_SOURCE_H

#include <stddef.h>
#include <stdint.h>

enum source_kind { SOURCE_LINES, SOURCE_NUL, SOURCE_LENGTH_PREFIXED, SOURCE_TEXT, SOURCE_FILE, SOURCE_SYNTHETIC };
enum source_fill { FILL_SEQUENCE, FILL_RANDOM };

struct source {
    enum source_kind kind;
    const char *text;      /* SOURCE_TEXT: the message; SOURCE_FILE: the file's name */
    size_t size;           /* SOURCE_SYNTHETIC: bytes in each message */
    enum source_fill fill; /* SOURCE_SYNTHETIC */
    size_t max_message;    /* a length in the input beyond it is an error, not an allocation */
    char *buffer;
    size_t buffer_size;
    uint64_t made, random;
};

/* Fills what the caller has not set. 0 or -errno, said on stderr. */
int source_open(struct source *source);

/* The next message, valid until the next call. 1; 0 at the end of the input or on an interrupt; -errno, said on stderr. */
int source_next(struct source *source, const void **data, size_t *len);
void source_close(struct source *source);

#endif
