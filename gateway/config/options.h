/* The option engine: option tables (ours and plugins') applied to configuration entries. */
#ifndef LEAT_CONFIG_OPTIONS_H
#define LEAT_CONFIG_OPTIONS_H

#include "config/config.h"

#include <leat/plugin/option.h>

/* A filled options struct and the text it points into. */
struct options {
    void *values; /* the plugin's struct, `size` bytes */
    void *memory; /* private */
};

/* Parses the entries `PREFIX.NAME` of `section` (prefix NULL: `NAME`) by `rows`, defaults first. Rows are `stride` bytes
 * apart, as the plugin's own size says. Unknown keys under the prefix, bad values and missing required ones become problems
 * with file and line. Returns 0 or -EINVAL; call options_fini in either case. */
int options_fill(struct options *out, const struct config *config, const char *section, const char *prefix,
                 const struct leat_option *rows, size_t count, size_t stride, size_t values_size,
                 struct problems *problems);
void options_fini(struct options *options);

#endif
