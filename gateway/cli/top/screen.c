#include "cli/top/screen.h"

#include "base/clock.h"
#include "cli/quantity.h"
#include "cli/top/columns.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMNS_MOST 32
#define LINE_BYTES 2048
#define EVENT_LINES 6

static const char *const plain = "", *const bold = "\033[1m", *const dim = "\033[2m", *const red = "\033[31m",
                         *const yellow = "\033[33m", *const green = "\033[32m", *const reverse = "\033[7m";

/* What is being drawn: one line after the other, none wider than the terminal, no more than it has. */
struct drawing {
    const struct top_screen *screen;
    const struct top_view *view;
    bool shown[COLUMNS_MOST];
    int name_width, lines_left, columns_left;
    bool is_last; /* the line that is drawn */
};

/* Bytes of the next character, and 0 at the end; every text here is UTF-8. */
static int character(const char *text)
{
    int bytes = *text != '\0';
    while (bytes && ((unsigned char)text[bytes] & 0xc0) == 0x80) {
        bytes++;
    }
    return bytes;
}

static int width_of(const char *text)
{
    int width = 0;
    for (int bytes; (bytes = character(text)) > 0; text += bytes) {
        width++;
    }
    return width;
}

/* As much of the text as there is room for; something left out is a "~". Returns the columns that it took. */
static int put(const char *text, int room)
{
    int width = width_of(text), fits = width > room ? room - 1 : room, used = 0;
    for (int bytes; used < fits && (bytes = character(text)) > 0; text += bytes, used++) {
        fwrite(text, 1, (size_t)bytes, stdout);
    }
    if (width > room && room > 0) {
        putchar('~');
        used++;
    }
    return used;
}

static void begin_line(struct drawing *drawing, const char *style)
{
    drawing->columns_left = drawing->screen->columns;
    if (drawing->screen->keys) { /* not behind the text: in the last column that would take its last character */
        fputs("\033[K", stdout);
    }
    if (drawing->screen->colours) {
        fputs(style, stdout);
    }
}

static void end_line(struct drawing *drawing)
{
    if (drawing->screen->colours) {
        fputs("\033[m", stdout);
    }
    drawing->lines_left--;
    if (!drawing->is_last) { /* that one must not scroll the screen */
        putchar('\n');
    }
}

/* Width < 0: to the left. */
static void put_cell(struct drawing *drawing, const char *text, int width)
{
    bool left = width < 0;
    width = left ? -width : width;
    if (width > drawing->columns_left) {
        width = drawing->columns_left;
    }
    int blank = width - width_of(text);
    drawing->columns_left -= width;
    for (; !left && blank > 0; blank--) {
        putchar(' ');
    }
    put(text, width);
    for (; left && blank > 0; blank--) {
        putchar(' ');
    }
}

__attribute__((format(printf, 3, 4))) static void draw_line(struct drawing *drawing, const char *style,
                                                            const char *format, ...)
{
    char text[LINE_BYTES];
    va_list arguments;
    if (drawing->lines_left <= 0) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    begin_line(drawing, style);
    int used = put(text, drawing->columns_left);
    if (style == reverse) {
        put_cell(drawing, "", used - drawing->columns_left);
    }
    end_line(drawing);
}

/* ---- the head ---------------------------------------------------------------------------------------------------------- */

static uint32_t bridges_in(const struct top_view *view, bool (*is)(uint32_t state))
{
    uint32_t count = 0;
    for (size_t i = 0; i < view->count; i++) {
        count += is(atomic_load_explicit(&view->lines[i].bridge->state, memory_order_relaxed));
    }
    return count;
}

static void draw_head(struct drawing *drawing)
{
    const struct top_view *view = drawing->view;
    const struct page *page = view->now.page.page;
    const struct top_rates sum = top_sum(view);
    char age[QUANTITY_BYTES], read[QUANTITY_BYTES], forwarded[QUANTITY_BYTES], dropped[QUANTITY_BYTES],
        lost[QUANTITY_BYTES], bytes[QUANTITY_BYTES];
    int64_t age_ns = clock_realtime_ns() - (int64_t)page->started_ns;
    uint32_t attention = bridges_in(view, top_needs_attention);
    if (view->now.life == LEDGER_LIVE) {
        draw_line(drawing, bold, "gateway %s: live for %s, %zu bridge%s, %" PRIu32 " to look at", page->name,
                  format_duration(age, (double)(age_ns > 0 ? age_ns : 0)), view->count, view->count == 1 ? "" : "s",
                  attention);
    } else {
        draw_line(drawing, red, "gateway %s: %s; these are its last books", page->name,
                  view->now.life == LEDGER_STOPPED ? "stopped" : "dead");
    }
    draw_line(drawing, plain, "read %s/s, forwarded %s/s (%s/s), dropped %s/s, lost %s/s", format_count(read, sum.read),
              format_count(forwarded, sum.forwarded), format_size(bytes, sum.bytes), format_count(dropped, sum.dropped),
              format_count(lost, sum.lost));
}

/* ---- bridges ----------------------------------------------------------------------------------------------------------- */

static const char *style_of(uint32_t state)
{
    switch (state) {
    case PAGE_RUNNING:
        return green;
    case PAGE_FAILED:
        return red;
    case PAGE_STOPPED:
        return dim;
    default:
        return yellow;
    }
}

static void draw_titles(struct drawing *drawing)
{
    if (drawing->lines_left <= 0) {
        return;
    }
    begin_line(drawing, reverse);
    put_cell(drawing, "BRIDGE", -drawing->name_width);
    for (size_t i = 0; i < top_column_count; i++) {
        if (drawing->shown[i]) {
            put_cell(drawing, " ", 1);
            put_cell(drawing, top_columns[i].title, top_columns[i].width);
        }
    }
    if (drawing->screen->keys) {
        put_cell(drawing, "", -drawing->columns_left);
    }
    end_line(drawing);
}

static void draw_cells(struct drawing *drawing, const char *name, const struct top_line *line, const char *style)
{
    char text[TOP_CELL_BYTES];
    if (drawing->lines_left <= 0) {
        return;
    }
    begin_line(drawing, plain);
    put_cell(drawing, name, -drawing->name_width);
    for (size_t i = 0; i < top_column_count; i++) {
        if (!drawing->shown[i]) {
            continue;
        }
        top_columns[i].write(text, line);
        put_cell(drawing, " ", 1);
        if (drawing->screen->colours && i == 0) { /* the state */
            fputs(style, stdout);
        }
        put_cell(drawing, text, top_columns[i].width);
        if (drawing->screen->colours && i == 0) {
            fputs("\033[m", stdout);
        }
    }
    end_line(drawing);
}

static void draw_lanes(struct drawing *drawing, const struct page_bridge *bridge)
{
    for (uint32_t i = 0; i < atomic_load_explicit(&bridge->lane_count, memory_order_relaxed); i++) {
        const struct top_line line = top_lane(drawing->view, bridge, i);
        char name[PAGE_NAME_BYTES + 16];
        snprintf(name, sizeof name, "  %s %s", line.lane->outward ? "<" : ">", line.lane->channel);
        draw_cells(drawing, name, &line, style_of(atomic_load_explicit(&line.lane->state, memory_order_relaxed)));
    }
}

static const char *count_or_unknown(char *text, bool known, const _Atomic uint64_t *counter)
{
    return known ? format_count(text, (double)atomic_load_explicit(counter, memory_order_relaxed)) : "unknown";
}

static void draw_peers(struct drawing *drawing, const struct page_bridge *bridge)
{
    char sent[QUANTITY_BYTES], lost[QUANTITY_BYTES], received[QUANTITY_BYTES];
    for (size_t i = 0; i < PAGE_PEERS; i++) {
        const struct page_peer *peer = &bridge->peers_shown[i];
        bool counted = peer->counted != 0;
        if (peer->id == 0 || peer->until_ns != 0) {
            continue;
        }
        draw_line(drawing, peer->lost_since_ns ? yellow : plain, "  %s%s%s%s  sent %s, lost %s, received %s",
                  peer->address, *peer->name ? " (" : "", peer->name, *peer->name ? ")" : "",
                  count_or_unknown(sent, counted, &peer->traffic.sent),
                  count_or_unknown(lost, counted || !peer->may_lose, &peer->traffic.lost),
                  count_or_unknown(received, counted, &peer->traffic.received));
    }
}

static void draw_bridge(struct drawing *drawing, const struct top_line *line)
{
    const struct page_bridge *bridge = line->bridge;
    const char *style = style_of(atomic_load_explicit(&bridge->state, memory_order_relaxed));
    draw_cells(drawing, bridge->name, line, style);
    if (*bridge->reason) {
        draw_line(drawing, style == green ? yellow : style, "  %s", bridge->reason);
    }
    if (drawing->screen->lanes) {
        draw_lanes(drawing, bridge);
    }
    if (drawing->screen->peers) {
        draw_peers(drawing, bridge);
    }
}

/* ---- the foot ---------------------------------------------------------------------------------------------------------- */

static void draw_events(struct drawing *drawing, size_t most)
{
    const struct page_event *events[EVENT_LINES];
    size_t count = top_events(drawing->view, events, most < EVENT_LINES ? most : EVENT_LINES);
    while (count-- > 0) {
        time_t at = (time_t)(events[count]->time_ns / NS_PER_S);
        struct tm when;
        char clock[16] = "";
        if (localtime_r(&at, &when)) {
            strftime(clock, sizeof clock, "%H:%M:%S", &when);
        }
        draw_line(drawing, dim, "%s %s%s%s", clock, events[count]->bridge, *events[count]->bridge ? ": " : "",
                  events[count]->text);
    }
}

static void draw_keys(struct drawing *drawing)
{
    draw_line(drawing, reverse, "q quit  s sort: %s  l lanes  p peers  e events  up, down",
              top_sort_name(drawing->screen->sort));
}

/* ---- all of it --------------------------------------------------------------------------------------------------------- */

static int longest_name(const struct top_screen *screen, const struct top_view *view)
{
    int longest = 6;
    for (size_t i = 0; i < view->count; i++) {
        int width = width_of(view->lines[i].bridge->name);
        longest = width > longest ? width : longest;
        uint32_t lanes = atomic_load_explicit(&view->lines[i].bridge->lane_count, memory_order_relaxed);
        for (uint32_t lane = 0; screen->lanes && lane < lanes; lane++) {
            width = 4 + width_of(view->lines[i].bridge->lanes[lane].channel);
            longest = width > longest ? width : longest;
        }
    }
    return longest;
}

void top_draw(struct top_screen *screen, const struct top_view *view)
{
    struct drawing drawing = {
        .screen = screen, .view = view, .lines_left = screen->lines > 0 ? screen->lines : INT32_MAX};
    drawing.name_width = top_columns_fit(drawing.shown, screen->columns, longest_name(screen, view));
    if (view->count > 0 && screen->scroll >= view->count) {
        screen->scroll = view->count - 1;
    }
    if (screen->keys) {
        fputs("\033[H", stdout);
    }
    int foot = screen->keys ? 1 : 0;
    draw_head(&drawing);
    draw_titles(&drawing);
    drawing.lines_left -= foot;
    for (size_t i = screen->scroll; i < view->count; i++) {
        draw_bridge(&drawing, &view->lines[i]);
    }
    if (screen->events && drawing.lines_left > 1) {
        draw_line(&drawing, plain, "%s", "");
        draw_events(&drawing, (size_t)drawing.lines_left);
    }
    drawing.lines_left += foot;
    if (screen->keys) {
        fputs("\033[J", stdout);
        drawing.is_last = true;
        draw_keys(&drawing);
    }
    fflush(stdout);
}
