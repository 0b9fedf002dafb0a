/* A plugin's exported table, judged and copied: a newer host reads an older plugin's shorter structs, an older host takes what it
 * knows of a newer plugin's longer ones, and what cannot work is refused with a sentence. */
#ifndef LEAT_PLUGIN_TABLE_H
#define LEAT_PLUGIN_TABLE_H

#include "plugin/registry.h"

/* Copies `from`, which the file NAME.so exported, into a zeroed *to with full-size structs and full-size option rows. 0; or
 * -EINVAL with a sentence in `explain`. table_fini in either case. */
int table_copy(struct plugin *to, const struct leat_plugin *from, const char *name, char *explain, size_t explain_size);
void table_fini(struct plugin *plugin);

/* [a-z][a-z0-9_-]*, at most 63 bytes: what a plugin may be called, and nothing that leads out of its folder. */
int table_is_name(const char *name);

const char *table_kind_name(uint32_t kind);

/* Whether "a|b|c" holds `word`. */
int table_has_word(const char *words, const char *word);

#endif
