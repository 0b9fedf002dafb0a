/* An INI file as its lines say it: our own scanner beside iniparser, because iniparser keeps no line numbers and swallows many
 * a mistake (a value cut by '#', text after a quote, a doubled key, ...) without a word.
 *
 * The scanner accepts a strict subset of what iniparser accepts, on which every release of iniparser (4.1, 4.2) reads the same
 * values; whatever is outside becomes a problem that says what to write instead. What it accepts:
 *
 *     [name]                     lower-case letters, digits, '.', '_', '-'; each section once; nothing after ']'
 *     key = value ; comment      each key once in its section; a comment has a blank before it
 *     key = "value"              double or single quotes keep blanks, ';' and '#'; no backslash inside
 *     key = a, \                 continued on the next line, which is indented
 *     # comment, ; comment       a whole line
 */
#ifndef LEAT_CONFIG_INI_H
#define LEAT_CONFIG_INI_H

#include "config/problem.h"

#include <stdbool.h>
#include <stddef.h>

struct ini_section {
    char *name;
    unsigned line;
};

struct ini_entry {
    char *section, *key, *value;
    unsigned line;
    bool doubtful; /* a problem was reported for this very value: look no closer at it */
};

struct ini {
    struct ini_section *sections;
    size_t section_count, section_capacity;
    struct ini_entry *entries;
    size_t entry_count, entry_capacity;
};

#define INI_LINE_MAX 1022 /* bytes of a line with its continuations, as iniparser's buffer takes them */
#define INI_NAME_MAX 128  /* bytes of a section's or a key's name */

/* Scans `bytes`, called `file` in messages. A zeroed *ini is filled also when there are problems, as far as it can be
 * understood, so that one run reports everything. */
void ini_scan(struct ini *ini, const char *bytes, size_t len, const char *file, struct problems *problems);
void ini_fini(struct ini *ini);

const struct ini_section *ini_find_section(const struct ini *ini, const char *name);
const struct ini_entry *ini_find(const struct ini *ini, const char *section, const char *key);

#endif
