/* One value by the row of an option table: text in, the type that the row says out. */
#ifndef LEAT_CONFIG_VALUE_H
#define LEAT_CONFIG_VALUE_H

#include "config/memory.h"

#include <leat/plugin/option.h>

/* Writes what `text` means at values + row->offset; what it points to is taken from `pool`. A relative path is made absolute
 * by `folder`. Returns NULL, or a sentence that says what was expected (to be freed); then nothing was written. */
char *value_parse(const struct leat_option *row, const char *text, const char *folder, void *values,
                  struct memory_pool *pool);

/* One end of the row's range as it is written in a configuration, "64KiB"; to be freed. */
char *value_bound(const struct leat_option *row, int64_t bound);

/* Bytes that a type takes in an options struct, which are its alignment too; 0: there is no such type. */
size_t value_size(uint16_t type);

#endif
