/* The text format: a family's head, then its samples. Most families are a row of a table: what it is called, what it counts, where it
 * stands on the page. */
#ifndef LEAT_ADMIN_METRICS_FORMAT_H
#define LEAT_ADMIN_METRICS_FORMAT_H

#include "admin/look.h"

#include <stdio.h>

/* A number that stands in every struct of a kind. */
struct metrics_row {
    const char *name, *type, *help;
    size_t offset;
    bool narrow; /* 32 bits */
};

uint64_t metrics_number(const void *start, const struct metrics_row *row);

void metrics_family(FILE *out, const char *name, const char *type, const char *help);
void metrics_label(FILE *out, const char *before, const char *name, const char *text); /* BEFOREname="text" */
double metrics_seconds(uint64_t ns);

/* Calls `each` for every bridge that is there. */
typedef void metrics_bridge_fn(FILE *out, const struct page_bridge *bridge, const void *how);
void metrics_each_bridge(FILE *out, const struct look *look, metrics_bridge_fn *each, const void *how);

/* The families of a kind. */
void metrics_bridges(FILE *out, const struct look *look);
void metrics_lanes(FILE *out, const struct look *look);
void metrics_peers(FILE *out, const struct look *look);

#endif
