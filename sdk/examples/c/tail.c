/* Prints what is published on a channel, from now on, and says what it missed.
 *
 *     tail CHANNEL [COUNT]      "ready" when it listens
 *
 * Build: cc tail.c $(pkg-config --cflags --libs leat) */
#include <leat/channel.h>

#include <stdio.h>
#include <stdlib.h>

/* The bytes count only when they are still whole at the release: where writers overwrite, they are looked at before it and kept
 * after it. */
static int show(struct leat_reader *reader, char *text, size_t size)
{
    struct leat_message message;
    int error = leat_borrow(reader, &message, LEAT_FOREVER);
    if (error)
        return error;
    int len = (int)(message.len < size - 1 ? message.len : size - 1);
    snprintf(text, size, "%.*s", len, (const char *)message.data);
    error = leat_release(reader);
    if (error == LEAT_ELAPPED)
        return 0; /* it counts as lost in the next message */
    if (message.lost)
        printf("(%llu lost)\n", (unsigned long long)message.lost);
    printf("%llu %s\n", (unsigned long long)message.sequence, text);
    fflush(stdout);
    return error;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: tail CHANNEL [COUNT]\n", stderr);
        return 64;
    }
    char text[256];
    struct leat_reader *reader;
    struct leat_channel_options channel = LEAT_CHANNEL_OPTIONS_INIT;
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    channel.flags = LEAT_OPEN_CREATE | LEAT_OPEN_ANY;
    how.start = LEAT_FROM_NEXT;
    int error = leat_reader_open(&reader, argv[1], &channel, &how);
    if (error) {
        fprintf(stderr, "tail: %s\n", leat_error_text());
        return 1;
    }
    puts("ready");
    fflush(stdout);
    for (long left = argc > 2 ? atol(argv[2]) : -1; left != 0 && !error; left -= left > 0)
        error = show(reader, text, sizeof text);
    leat_reader_close(reader);
    if (error)
        fprintf(stderr, "tail: %s\n", leat_strerror(error));
    return error ? 1 : 0;
}
