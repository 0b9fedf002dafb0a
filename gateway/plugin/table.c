#include "plugin/table.h"

#include "config/memory.h"
#include "config/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_ROWS_MAX 1024
#define OPTION_ROW_MAX_BYTES 4096
#define OPTIONS_MAX_BYTES 65536
#define NAME_MAX_BYTES 63

/* A judgement under way. */
struct judge {
    struct plugin *to;
    const char *name;
    char *explain;
    size_t explain_size;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct judge *judge, const char *format, ...)
{
    const int used = snprintf(judge->explain, judge->explain_size, "plugin %s.so ", judge->name);
    va_list arguments;
    va_start(arguments, format);
    if (used > 0 && (size_t)used < judge->explain_size)
        vsnprintf(judge->explain + used, judge->explain_size - (size_t)used, format, arguments);
    va_end(arguments);
    return false;
}

int table_is_name(const char *name)
{
    const size_t len = strlen(name);
    return len > 0 && len <= NAME_MAX_BYTES && *name >= 'a' && *name <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

const char *table_kind_name(uint32_t kind)
{
    static const char *const names[] = {"unknown", "channel", "pattern", "transport"};
    return kind <= LEAT_PLUGIN_TRANSPORT ? names[kind] : names[0];
}

int table_has_word(const char *words, const char *word)
{
    const size_t len = strlen(word);
    for (;;) {
        const size_t width = strcspn(words, "|");
        if (width == len && memcmp(words, word, len) == 0)
            return 1;
        if (words[width] == '\0')
            return 0;
        words += width + 1;
    }
}

/* ---- sized structs ------------------------------------------------------------------------------------------------ */

/* What every struct of version 1.0 had; members added later are zero in an older plugin. */
#define SIZE_1_0(type, last) (offsetof(type, last) + sizeof(((type *)0)->last))

/* Copies what both sides know. The first member of every such struct is its size. */
static bool copy_sized(struct judge *judge, void *to, size_t to_size, const void *from, size_t least, const char *what)
{
    uint32_t size;
    memcpy(&size, from, sizeof(size));
    if (size < least)
        return refuse(judge, "has a %s of %u bytes; the least that works is %zu: it was built against something else",
                      what, size, least);
    memcpy(to, from, size < to_size ? size : to_size);
    return true;
}

struct slot {
    const char *name;
    size_t offset;
};

#define SLOT(type, member)                     \
    {                                          \
#member, offsetof(struct type, member) \
    }

/* Names all that are missing at once. */
static bool has_slots(struct judge *judge, const void *ops, const struct slot *slots)
{
    char missing[256] = "";
    size_t used = 0;
    for (; slots->name != NULL; slots++) {
        void *slot;
        memcpy(&slot, (const char *)ops + slots->offset, sizeof(slot));
        if (slot == NULL && used < sizeof(missing))
            used +=
                (size_t)snprintf(missing + used, sizeof(missing) - used, "%s'%s'", used > 0 ? ", " : "", slots->name);
    }
    return used == 0 ||
           refuse(judge, "has no %s, which every %s plugin needs", missing, table_kind_name(judge->to->table.kind));
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

static bool is_option_name(const char *name)
{
    return *name != '\0' && strlen(name) <= NAME_MAX_BYTES &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == strlen(name);
}

/* The default goes through the same parser as a user's text, into a struct that is thrown away. */
static bool judge_default(struct judge *judge, const struct leat_option *row)
{
    if (row->default_text == NULL)
        return true;
    struct memory_pool pool = {0};
    void *values = memory_zeroed(judge->to->table.options_size);
    char *problem = value_parse(row, row->default_text, "/", values, &pool);
    if (problem != NULL)
        refuse(judge, "has a wrong default, %s = %s: %s", row->name, row->default_text, problem);
    const bool good = problem == NULL;
    free(problem);
    free(values);
    memory_pool_fini(&pool);
    return good;
}

static bool judge_row(struct judge *judge, const struct leat_option *row, size_t index)
{
    const size_t width = value_size(row->type);
    if (row->name == NULL)
        return refuse(judge, "has no name in row %zu of its options, counted from 0", index);
    if (!is_option_name(row->name))
        return refuse(judge, "has an option '%s'; a name is made of a to z, 0 to 9, '_', '-' and '.'", row->name);
    if (width == 0)
        return refuse(judge, "has an option '%s' of a type (%u) that this gateway does not know", row->name, row->type);
    if (row->type == LEAT_OPTION_CHOICE && (row->choices == NULL || *row->choices == '\0'))
        return refuse(judge, "has an option '%s' without choices", row->name);
    if (row->offset % width != 0 || (size_t)row->offset + width > judge->to->table.options_size)
        return refuse(judge, "has an option '%s' that lies outside of its options struct", row->name);
    return judge_default(judge, row);
}

static bool copy_options(struct judge *judge)
{
    struct leat_plugin *table = &judge->to->table;
    const struct leat_option *from = table->options;
    table->options = NULL; /* from here on: the copy, or nothing */
    if (table->option_count == 0)
        return true;
    const uint32_t stride = from != NULL ? from->size : 0;
    if (stride < SIZE_1_0(struct leat_option, offset) || stride > OPTION_ROW_MAX_BYTES ||
        stride % sizeof(void *) != 0 || table->option_count > OPTION_ROWS_MAX ||
        table->options_size > OPTIONS_MAX_BYTES)
        return refuse(judge, "has a table of options that cannot be right: %u rows of %u bytes for a struct of %u",
                      table->option_count, stride, table->options_size);
    struct leat_option *rows = memory_zeroed(table->option_count * sizeof(*rows));
    table->options = rows;
    for (size_t i = 0; i < table->option_count; i++) {
        const struct leat_option *row = (const void *)((const char *)from + i * stride);
        if (row->size != stride)
            return refuse(
                judge, "has %u bytes as the size of row %zu of its options, and %u before: is option_count, %u, right?",
                row->size, i, stride, table->option_count);
        if (!copy_sized(judge, &rows[i], sizeof(rows[i]), row, SIZE_1_0(struct leat_option, offset), "row of options"))
            return false;
        rows[i].size = sizeof(rows[i]);
        if (!judge_row(judge, &rows[i], i))
            return false;
    }
    return true;
}

/* ---- the three kinds ---------------------------------------------------------------------------------------------- */

static bool copy_channel(struct judge *judge, const struct leat_channel_ops *from)
{
    static const struct slot slots[] = {SLOT(leat_channel_ops, reader_open),
                                        SLOT(leat_channel_ops, borrow),
                                        SLOT(leat_channel_ops, release),
                                        SLOT(leat_channel_ops, acknowledge),
                                        SLOT(leat_channel_ops, reader_close),
                                        SLOT(leat_channel_ops, writer_open),
                                        SLOT(leat_channel_ops, claim),
                                        SLOT(leat_channel_ops, commit),
                                        SLOT(leat_channel_ops, abort),
                                        SLOT(leat_channel_ops, writer_close),
                                        {NULL, 0}};
    struct leat_channel_ops *ops = &judge->to->channel;
    return copy_sized(judge, ops, sizeof(*ops), from, SIZE_1_0(struct leat_channel_ops, writer_close),
                      "table of channel functions") &&
           has_slots(judge, ops, slots);
}

static bool copy_pattern(struct judge *judge, const struct leat_pattern_ops *from)
{
    static const struct slot slots[] = {
        SLOT(leat_pattern_ops, create), SLOT(leat_pattern_ops, socket), SLOT(leat_pattern_ops, destroy), {NULL, 0}};
    struct leat_pattern_ops *ops = &judge->to->pattern;
    if (!copy_sized(judge, ops, sizeof(*ops), from, SIZE_1_0(struct leat_pattern_ops, destroy),
                    "table of pattern functions"))
        return false;
    if ((ops->directions & LEAT_BOTH) == 0 && ops->duplex == 0)
        return refuse(judge, "has no direction at all");
    return has_slots(judge, ops, slots);
}

static bool copy_transport(struct judge *judge, const struct leat_transport_ops *from)
{
    static const struct slot slots[] = {SLOT(leat_transport_ops, schemes),
                                        SLOT(leat_transport_ops, family),
                                        SLOT(leat_transport_ops, open),
                                        SLOT(leat_transport_ops, native),
                                        SLOT(leat_transport_ops, attach),
                                        SLOT(leat_transport_ops, alloc),
                                        SLOT(leat_transport_ops, drop),
                                        SLOT(leat_transport_ops, send),
                                        SLOT(leat_transport_ops, receive),
                                        SLOT(leat_transport_ops, close),
                                        {NULL, 0}};
    struct leat_transport_ops *ops = &judge->to->transport;
    return copy_sized(judge, ops, sizeof(*ops), from, SIZE_1_0(struct leat_transport_ops, probe),
                      "table of transport functions") &&
           has_slots(judge, ops, slots);
}

static bool copy_ops(struct judge *judge)
{
    struct leat_plugin *table = &judge->to->table;
    const void *const ops[] = {NULL, table->channel, table->pattern, table->transport};
    const uint32_t kind = table->kind;
    if (kind < LEAT_PLUGIN_CHANNEL || kind > LEAT_PLUGIN_TRANSPORT)
        return refuse(judge, "is of kind %u, which this gateway does not know (1 channel, 2 pattern, 3 transport)",
                      kind);
    if (ops[kind] == NULL)
        return refuse(judge, "says that it is a %s but has no table of %s functions", table_kind_name(kind),
                      table_kind_name(kind));
    for (uint32_t other = LEAT_PLUGIN_CHANNEL; other <= LEAT_PLUGIN_TRANSPORT; other++) {
        if (other != kind && ops[other] != NULL)
            return refuse(judge, "says that it is a %s but also has a table of %s functions", table_kind_name(kind),
                          table_kind_name(other));
    }
    const bool good = kind == LEAT_PLUGIN_CHANNEL   ? copy_channel(judge, table->channel)
                      : kind == LEAT_PLUGIN_PATTERN ? copy_pattern(judge, table->pattern)
                                                    : copy_transport(judge, table->transport);
    /* The host's own copies from here on. */
    table->channel = kind == LEAT_PLUGIN_CHANNEL ? &judge->to->channel : NULL;
    table->pattern = kind == LEAT_PLUGIN_PATTERN ? &judge->to->pattern : NULL;
    table->transport = kind == LEAT_PLUGIN_TRANSPORT ? &judge->to->transport : NULL;
    return good;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static bool copy(struct judge *judge, const struct leat_plugin *from)
{
    struct leat_plugin *table = &judge->to->table;
    /* The minor number stands at the same place in every version: "too new" is said before anything else is looked at. */
    if (from->size >= SIZE_1_0(struct leat_plugin, needs_minor) && from->needs_minor > LEAT_PLUGIN_MINOR)
        return refuse(judge, "needs interface minor %u, this gateway has %u", from->needs_minor, LEAT_PLUGIN_MINOR);
    if (!copy_sized(judge, table, sizeof(*table), from, SIZE_1_0(struct leat_plugin, transport), "table"))
        return false;
    if (table->name == NULL || strcmp(table->name, judge->name) != 0)
        return refuse(judge, "calls itself '%.63s'; the file's name and the plugin's must be the same",
                      table->name != NULL ? table->name : "");
    return copy_ops(judge) && copy_options(judge);
}

int table_copy(struct plugin *to, const struct leat_plugin *from, const char *name, char *explain, size_t explain_size)
{
    struct judge judge = {.to = to, .name = name, .explain = explain, .explain_size = explain_size};
    if (copy(&judge, from))
        return 0;
    return -EINVAL;
}

void table_fini(struct plugin *plugin)
{
    free((void *)plugin->table.options);
    free(plugin->file);
    *plugin = (struct plugin){0};
}
