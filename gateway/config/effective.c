#include "config/effective.h"

#include "base/text.h"
#include "config/expand.h"
#include "config/ini_write.h"
#include "config/memory.h"
#include "config/schema.h"

#include <stdlib.h>
#include <string.h>

#define WIDE 140 /* a line that would be longer has its comment above */

/* A configuration being printed. */
struct printing {
    const struct config *config;
    const struct effective_tables *tables;
    struct effective_how how;
    FILE *to;
};

/* ---- a line ------------------------------------------------------------------------------------------------------ */

static void print_line(const struct printing *printing, const char *key, const char *value, const char *comment)
{
    char *with = printing->how.bare ? NULL : ini_write_entry(key, value, comment);
    char *without = ini_write_entry(key, value, NULL);
    if (with != NULL && strlen(with) <= WIDE)
        fprintf(printing->to, "%s\n", with);
    else if (without != NULL && printing->how.bare)
        fprintf(printing->to, "%s\n", without);
    else if (without != NULL)
        fprintf(printing->to, "# %s\n%s\n", comment, without);
    else
        fprintf(printing->to, "# %s: no line can say this value (%s)\n", key, comment);
    free(with);
    free(without);
}

static bool is_reference(const char *written)
{
    return strstr(written, "${") != NULL;
}

/* Where a value stands; from where it was taken; what stands there, when that is something else. */
static char *place_of(const struct config_entry *entry, const char *shown)
{
    const char *written = config_shown_written(entry);
    const bool inherited = strcmp(entry->origin, entry->section) != 0;
    const bool expanded = written != NULL && is_reference(written) && strcmp(written, shown) != 0;
    char *comment = memory_format("%s:%u%s%s%s%s%s", entry->file, entry->line, inherited ? ", [" : "",
                                  inherited ? entry->origin : "", inherited ? "]" : "", expanded ? ", " : "",
                                  expanded ? written : "");
    text_make_plain(comment);
    return comment;
}

/* ---- a value ----------------------------------------------------------------------------------------------------- */

/* As it was written, for a file in any folder. */
static char *rebased(const struct config_entry *entry, const struct leat_option *row)
{
    char *folder = expand_folder(entry->file), *text = expand_rebase(entry->written, folder);
    if (row != NULL && row->type == LEAT_OPTION_PATH && *entry->value != '/') {
        char *absolute = expand_path(text, folder);
        free(text);
        text = absolute;
    }
    free(folder);
    return text;
}

/* What the value means, for a file in any folder. */
static char *absolute(const struct config_entry *entry, const struct leat_option *row)
{
    char *folder = expand_folder(entry->file);
    char *value =
        row != NULL && row->type == LEAT_OPTION_PATH ? expand_path(entry->value, folder) : memory_copy(entry->value);
    char *text = expand_escape(value);
    free(value);
    free(folder);
    return text;
}

static bool is_writable(const struct config_entry *entry, const char *text)
{
    char *line = ini_write_entry(entry->key, text, NULL);
    free(line);
    return line != NULL;
}

/* What the line is to say; NULL: it may not be shown. An expansion may have put in what no line can say: then it is said as it was
 * written. */
static char *text_of(const struct config_entry *entry, const struct leat_option *row, bool secrets)
{
    char *text = entry->secret && !secrets ? NULL : absolute(entry, row);
    if (config_shown_written(entry) == NULL || (text != NULL && is_writable(entry, text)))
        return text;
    free(text);
    return rebased(entry, row);
}

static void print_entry(const struct printing *printing, const struct config_entry *entry,
                        const struct leat_option *row)
{
    char *text = text_of(entry, row, printing->how.secrets);
    char *place = place_of(entry, text != NULL ? text : "");
    if (text != NULL)
        print_line(printing, entry->key, text, place);
    else
        fprintf(printing->to, "# %s = (secret) ; %s\n", entry->key, place);
    free(place);
    free(text);
}

/* ---- a table ----------------------------------------------------------------------------------------------------- */

/* Defaults that no table knows. */
static const char *default_of(const struct config *config, const char *section, const struct leat_option *row,
                              bool plugin)
{
    if (!plugin && strcmp(section, "gateway") == 0 && strcmp(row->name, "plugin_dir") == 0)
        return config->gateway.plugin_dir;
    if (!plugin && strncmp(section, "bridge.", 7) == 0 && strcmp(row->name, "worker") == 0)
        return section + strlen("bridge.");
    return row->default_text;
}

static void print_default(const struct printing *printing, const char *section, const char *key,
                          const struct leat_option *row, bool plugin)
{
    const char *value = default_of(printing->config, section, row, plugin);
    if (value == NULL || (*value == '\0' && row->type == LEAT_OPTION_LIST)) {
        fprintf(printing->to, "# %s =\n", key);
        return;
    }
    char *text = expand_escape(value);
    print_line(printing, key, text, "default");
    free(text);
}

static void print_row(const struct printing *printing, const char *section, const char *prefix,
                      const struct leat_option *row)
{
    char *key = prefix != NULL ? memory_format("%s.%s", prefix, row->name) : memory_copy(row->name);
    const struct config_entry *entry = config_find(printing->config, section, key);
    if (prefix == NULL && strcmp(key, "like") == 0)
        ; /* what it brings is printed */
    else if (entry != NULL)
        print_entry(printing, entry, row);
    else if (printing->how.all)
        print_default(printing, section, key, row, prefix != NULL);
    free(key);
}

static void print_rows(const struct printing *printing, const char *section, const char *prefix,
                       const struct leat_option *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        print_row(printing, section, prefix, &rows[i]);
}

static const struct effective_table *table_of(const struct printing *printing, const struct config_entry *entry)
{
    for (size_t i = 0; i < printing->tables->count; i++) {
        const struct effective_table *table = &printing->tables->items[i];
        const size_t len = strlen(table->prefix);
        if (strcmp(table->section, entry->section) == 0 && strncmp(entry->key, table->prefix, len) == 0 &&
            entry->key[len] == '.')
            return table;
    }
    return NULL;
}

/* ---- a section --------------------------------------------------------------------------------------------------- */

/* Options of plugins whose tables are not at hand. */
static void print_unknown(const struct printing *printing, const char *section)
{
    for (size_t i = 0; i < printing->config->entry_count && !printing->tables->complete; i++) {
        const struct config_entry *entry = &printing->config->entries[i];
        if (strcmp(entry->section, section) == 0 && strchr(entry->key, '.') != NULL && !config_is_users(entry->key) &&
            table_of(printing, entry) == NULL)
            print_entry(printing, entry, NULL);
    }
}

static void print_heading(const struct printing *printing, const char *name)
{
    const struct config_section *section = config_find_section(printing->config, name);
    const struct config_entry *like = config_find(printing->config, name, "like");
    fprintf(printing->to, "[%s]\n", name);
    if (section == NULL || printing->how.bare)
        return;
    char *place = like != NULL ? memory_format("%s:%u, like %s", section->file, section->line, config_shown(like))
                               : memory_format("%s:%u", section->file, section->line);
    text_make_plain(place);
    fprintf(printing->to, "# %s\n", place);
    free(place);
}

static void print_bridge(const struct printing *printing, const char *section)
{
    fputc('\n', printing->to);
    print_heading(printing, section);
    print_rows(printing, section, NULL, schema_bridge, schema_bridge_count);
    for (size_t i = 0; i < printing->tables->count; i++) {
        const struct effective_table *table = &printing->tables->items[i];
        if (strcmp(table->section, section) == 0)
            print_rows(printing, section, table->prefix, table->rows, table->count);
    }
    print_unknown(printing, section);
}

void effective_print(const struct config *config, const struct effective_tables *tables, struct effective_how how,
                     FILE *to)
{
    const struct printing printing = {.config = config, .tables = tables, .how = how, .to = to};
    print_heading(&printing, "gateway");
    print_rows(&printing, "gateway", NULL, schema_gateway, schema_gateway_count);
    for (size_t i = 0; i < config->bridge_count; i++)
        print_bridge(&printing, config->bridges[i].section);
}
