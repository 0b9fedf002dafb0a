/* Draws what `leat top` shows, in a terminal of any width. */
#ifndef LEAT_CLI_TOP_SCREEN_H
#define LEAT_CLI_TOP_SCREEN_H

#include "cli/top/view.h"

struct top_screen {
    int columns, lines;        /* of the terminal; lines 0: as many as there are */
    bool colours, keys;        /* keys: say which there are */
    bool lanes, peers, events; /* also show these */
    enum top_sort sort;
    size_t scroll; /* bridges to leave out at the top; made smaller where that is too many */
};

/* Writes the screen to stdout. Over the last one where `keys`, else below it. */
void top_draw(struct top_screen *screen, const struct top_view *view);

#endif
