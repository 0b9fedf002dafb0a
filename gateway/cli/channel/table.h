/* What `leat channels` found out about a channel, and how it is shown: a table of 80 columns, or JSON. */
#ifndef LEAT_CLI_CHANNEL_TABLE_H
#define LEAT_CLI_CHANNEL_TABLE_H

#include <leat/channel.h>

#include <stddef.h>

struct channel_row {
    char *name;
    struct leat_channel_info info;
    struct leat_reader_info *readers;
    size_t reader_count;
    double rate; /* messages a second, over the interval */
};

void channels_print_table(const struct channel_row *rows, size_t count);
void channels_print_json(const struct channel_row *rows, size_t count);

#endif
