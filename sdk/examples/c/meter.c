/* Publishes readings without copying them: each is built where readers will find it.
 *
 *     meter CHANNEL COUNT
 *
 * Build: cc meter.c $(pkg-config --cflags --libs leat) */
#include <leat/channel.h>

#include <stdio.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000000)

static int publish(struct leat_writer *writer, long number)
{
    void *data;
    int error = leat_claim(writer, 64, &data, 5 * SECOND); /* room for the longest; less may be committed */
    if (error)
        return error;
    int len = snprintf(data, 64, "reading %ld: %.1f", number, 20.0 + (double)(number % 50) / 10);
    return leat_commit(writer, (size_t)len, (uint64_t)number);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: meter CHANNEL COUNT\n", stderr);
        return 64;
    }
    struct leat_writer *writer;
    struct leat_channel_options channel = LEAT_CHANNEL_OPTIONS_INIT;
    channel.flags = LEAT_OPEN_ANY; /* who reads may have made it */
    int error = leat_writer_open(&writer, argv[1], &channel);
    if (error) {
        fprintf(stderr, "meter: %s\n", leat_error_text());
        return 1;
    }
    for (long number = 0; number < atol(argv[2]) && !error; number++)
        error = publish(writer, number);
    leat_writer_close(writer);
    if (error)
        fprintf(stderr, "meter: %s\n", leat_strerror(error));
    return error ? 1 : 0;
}
