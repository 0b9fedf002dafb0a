/* The columns of `leat top`, and which of them fit a width. */
#ifndef LEAT_CLI_TOP_COLUMNS_H
#define LEAT_CLI_TOP_COLUMNS_H

#include "cli/top/view.h"

#define TOP_CELL_BYTES 64

struct top_column {
    const char *title;
    int width;
    int rank; /* those with the lowest are shown first when not all fit */
    void (*write)(char *text, const struct top_line *line);
};

/* In the order of the screen; the name stands before them, and has the width that they leave. */
extern const struct top_column top_columns[];
extern const size_t top_column_count;

/* Which columns are shown: shown[i] for top_columns[i]. Returns the width of the name. */
int top_columns_fit(bool *shown, int columns, int longest_name);

#endif
