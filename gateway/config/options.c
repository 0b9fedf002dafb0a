#include "config/options.h"

#include "config/expand.h"
#include "config/like.h"
#include "config/memory.h"
#include "config/secret.h"
#include "config/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One table applied to one section. */
struct fill {
    const struct config *config;
    const char *section, *prefix;
    const struct leat_option *rows;
    size_t count, stride;
    struct problems *problems;
    void *values;
    struct memory_pool *pool;
    bool failed;
};

static const struct leat_option *row_at(const struct fill *fill, size_t index)
{
    return (const struct leat_option *)(const void *)((const char *)fill->rows + index * fill->stride);
}

static char *full_key(const struct fill *fill, const char *name)
{
    return fill->prefix != NULL ? memory_format("%s.%s", fill->prefix, name) : memory_copy(name);
}

/* The option's name when `key` is one of this table's keys, known or not; NULL when it is someone else's. */
static const char *own_name(const struct fill *fill, const char *key)
{
    if (fill->prefix == NULL)
        return strchr(key, '.') == NULL && !config_is_users(key) ? key : NULL;
    const size_t len = strlen(fill->prefix);
    return strncmp(key, fill->prefix, len) == 0 && key[len] == '.' ? key + len + 1 : NULL;
}

/* ---- unknown keys ------------------------------------------------------------------------------------------------ */

static char *known_names(const struct fill *fill)
{
    char *all = memory_copy("");
    for (size_t i = 0; i < fill->count; i++) {
        char *key = full_key(fill, row_at(fill, i)->name);
        char *longer = memory_format("%s%s%s", all, i == 0 ? "" : ", ", key);
        free(key);
        free(all);
        all = longer;
    }
    return all;
}

static void blame_unknown(struct fill *fill, const struct config_entry *entry, const char *name)
{
    const char **names = memory_zeroed((fill->count + 1) * sizeof(*names));
    for (size_t i = 0; i < fill->count; i++)
        names[i] = row_at(fill, i)->name;
    const char *nearest = problem_nearest(name, names);
    free(names);
    char *advice = nearest != NULL ? full_key(fill, nearest) : known_names(fill);
    if (nearest != NULL)
        problems_add(fill->problems, entry->file, entry->line, "[%s] %s: unknown key; did you mean '%s'?",
                     entry->section, entry->key, advice);
    else if (*advice == '\0')
        problems_add(fill->problems, entry->file, entry->line, "[%s] %s: unknown key; %s has no options",
                     entry->section, entry->key, fill->prefix != NULL ? fill->prefix : fill->section);
    else
        problems_add(fill->problems, entry->file, entry->line, "[%s] %s: unknown key; expected one of %s",
                     entry->section, entry->key, advice);
    free(advice);
    fill->failed = true;
}

static bool is_known(const struct fill *fill, const char *name)
{
    for (size_t i = 0; i < fill->count; i++) {
        if (strcmp(row_at(fill, i)->name, name) == 0)
            return true;
    }
    return false;
}

static void find_unknown(struct fill *fill)
{
    for (size_t i = 0; i < fill->config->entry_count; i++) {
        const struct config_entry *entry = &fill->config->entries[i];
        if (strcmp(entry->section, fill->section) != 0)
            continue;
        const char *name = own_name(fill, entry->key);
        const bool told = entry->doubtful && strcmp(entry->origin, entry->section) != 0; /* where it stands */
        if (name != NULL && !is_known(fill, name) && !told)
            blame_unknown(fill, entry, name);
    }
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static void blame_missing(struct fill *fill, const struct leat_option *row)
{
    const struct config_section *section = config_find_section(fill->config, fill->section);
    fill->failed = true;
    if (!like_is_whole(fill->config, fill->section))
        return;
    char *key = full_key(fill, row->name);
    problems_add(fill->problems, section != NULL ? section->file : NULL, section != NULL ? section->line : 0,
                 "[%s] needs '%s': %s", fill->section, key, row->help != NULL ? row->help : "no default");
    free(key);
}

static void take_default(struct fill *fill, const struct leat_option *row)
{
    static const char *const nothing[] = {NULL};
    const char *const *const empty = nothing;
    if (row->type == LEAT_OPTION_LIST) /* never NULL, whatever else happens */
        memcpy((char *)fill->values + row->offset, &empty, sizeof(empty));
    if (row->default_text == NULL)
        return;
    char *problem = value_parse(row, row->default_text, "/", fill->values, fill->pool);
    if (problem == NULL)
        return;
    char *key = full_key(fill, row->name);
    problems_add(fill->problems, NULL, 0, "the default of '%s' is '%s': %s", key, row->default_text, problem);
    free(key);
    free(problem);
    fill->failed = true;
}

/* A plugin cannot tell an empty list from none, and none often means everybody; ${env:NAME} may turn out empty by mistake. */
static bool is_empty_list(const struct fill *fill, const struct leat_option *row, const struct config_entry *entry)
{
    return fill->prefix != NULL && row->type == LEAT_OPTION_LIST && *entry->value == '\0';
}

static void take_entry(struct fill *fill, const struct leat_option *row, const struct config_entry *entry)
{
    if (entry->doubtful) {
        fill->failed = true;
        return;
    }
    char *folder = expand_folder(entry->file);
    char *problem = is_empty_list(fill, row, entry)
                        ? memory_copy("an empty list; leave the line out when nothing is to be listed")
                        : value_parse(row, entry->value, folder, fill->values, fill->pool);
    free(folder);
    if (problem == NULL)
        return;
    const bool secret = entry->secret || (row->flags & LEAT_OPTION_SECRET) != 0;
    problems_add(fill->problems, entry->file, entry->line, "[%s] %s = %s: %s", entry->section, entry->key,
                 secret ? "(secret)" : entry->value, secret ? secret_safe(entry->value, problem) : problem);
    free(problem);
    fill->failed = true;
}

static void fill_row(struct fill *fill, const struct leat_option *row)
{
    char *key = full_key(fill, row->name);
    const struct config_entry *entry = config_find(fill->config, fill->section, key);
    free(key);
    take_default(fill, row);
    if (entry != NULL)
        take_entry(fill, row, entry);
    else if ((row->flags & LEAT_OPTION_REQUIRED) != 0)
        blame_missing(fill, row);
}

int options_fill(struct options *out, const struct config *config, const char *section, const char *prefix,
                 const struct leat_option *rows, size_t count, size_t stride, size_t values_size,
                 struct problems *problems)
{
    struct memory_pool *pool = memory_zeroed(sizeof(*pool));
    *out = (struct options){.values = memory_zeroed(values_size), .memory = pool};
    struct fill fill = {.config = config,
                        .section = section,
                        .prefix = prefix,
                        .rows = rows,
                        .count = count,
                        .stride = stride,
                        .problems = problems,
                        .values = out->values,
                        .pool = pool};
    find_unknown(&fill);
    for (size_t i = 0; i < count; i++)
        fill_row(&fill, row_at(&fill, i));
    return fill.failed ? -EINVAL : 0;
}

void options_fini(struct options *options)
{
    free(options->values);
    if (options->memory != NULL)
        memory_pool_fini(options->memory);
    free(options->memory);
    *options = (struct options){0};
}
