#include "cli/plugin/page.h"

#include "cli/json.h"
#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_name(uint32_t kind)
{
    return kind == LEAT_PLUGIN_CHANNEL ? "channel" : kind == LEAT_PLUGIN_PATTERN ? "pattern" : "transport";
}

static const char *or_nothing(const char *text)
{
    return text ? text : "";
}

/* ---- an option ------------------------------------------------------------------------------------------------ */

static const char *type_name(uint16_t type)
{
    static const char *const names[] = {
        [LEAT_OPTION_TEXT] = "text", [LEAT_OPTION_BOOL] = "yes or no",    [LEAT_OPTION_INT] = "number",
        [LEAT_OPTION_SIZE] = "size", [LEAT_OPTION_DURATION] = "duration", [LEAT_OPTION_CHOICE] = "choice",
        [LEAT_OPTION_LIST] = "list", [LEAT_OPTION_PATH] = "path",         [LEAT_OPTION_MODE] = "mode"};
    return type < sizeof names / sizeof names[0] && names[type] ? names[type] : "unknown";
}

/* A plugin's rows may be larger than ours, or smaller: what it does not have reads as zero. */
static struct leat_option option_at(const struct plugin *plugin, uint32_t index)
{
    const char *first = (const char *)plugin->table.options;
    const uint32_t stride = plugin->table.options->size;
    struct leat_option row = {0};
    memcpy(&row, first + (size_t)stride * index, stride < sizeof row ? stride : sizeof row);
    return row;
}

/* As the configuration takes it. */
static void print_range(const struct leat_option *row)
{
    char *least = value_bound(row, row->min), *most = value_bound(row, row->max);
    if (row->max == INT64_MAX) {
        /* A lower bound of "forever" is -1: it only says that "forever" is allowed. */
        if (row->min > 0) {
            printf(", at least %s", least);
        }
    } else if (row->min != 0 || row->max != 0) {
        printf(", %s to %s", least, most);
    }
    free(least);
    free(most);
}

/* A paragraph, indented, within 80 columns. */
static void print_wrapped(const char *text, int indent)
{
    const int width = 80 - indent;
    while (*text) {
        int len = (int)strnlen(text, (size_t)width + 1);
        if (len > width) {
            const char *blank = memrchr(text, ' ', (size_t)len);
            len = blank ? (int)(blank - text) : width;
        }
        printf("%*s%.*s\n", indent, "", len, text);
        text += len;
        text += strspn(text, " ");
    }
}

static void print_option(const struct plugin *plugin, const struct leat_option *row)
{
    printf("  %s.%s  (%s", plugin->table.name, row->name, type_name(row->type));
    if (row->choices) {
        printf(": %s", row->choices);
    }
    print_range(row);
    if (row->flags & LEAT_OPTION_REQUIRED) {
        printf(", required");
    } else if (row->default_text) {
        printf(", default %s", *row->default_text ? row->default_text : "empty");
    }
    puts(row->flags & LEAT_OPTION_SECRET ? ", secret)" : ")");
    print_wrapped(or_nothing(row->help), 6);
}

static cJSON *option_json(const struct leat_option *row)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", row->name);
    cJSON_AddStringToObject(object, "type", type_name(row->type));
    if (row->default_text) {
        cJSON_AddStringToObject(object, "default", row->default_text);
    }
    if (row->choices) {
        cJSON_AddStringToObject(object, "choices", row->choices);
    }
    if (row->min != 0 || row->max != 0) {
        json_add_i64(object, "min", row->min);
        json_add_i64(object, "max", row->max);
    }
    cJSON_AddBoolToObject(object, "required", (row->flags & LEAT_OPTION_REQUIRED) != 0);
    cJSON_AddBoolToObject(object, "secret", (row->flags & LEAT_OPTION_SECRET) != 0);
    cJSON_AddStringToObject(object, "help", or_nothing(row->help));
    return object;
}

/* ---- a plugin ------------------------------------------------------------------------------------------------ */

void plugin_print_page(const struct plugin *plugin)
{
    const struct leat_plugin *table = &plugin->table;
    printf("%s: %s plugin, version %s, %s\n%s\n", table->name, kind_name(table->kind), or_nothing(table->version),
           or_nothing(table->licence), or_nothing(table->summary));
    if (plugin->transport.schemes) {
        printf("Schemes: %s\n", plugin->transport.schemes);
    }
    if (table->reference) {
        size_t len = strlen(table->reference);
        printf("\n%s%s", table->reference, len > 0 && table->reference[len - 1] == '\n' ? "" : "\n");
    }
    puts(table->option_count > 0 ? "\nOptions, in the section of a bridge:" : "\nIt has no options.");
    for (uint32_t i = 0; i < table->option_count; i++) {
        const struct leat_option row = option_at(plugin, i);
        print_option(plugin, &row);
    }
}

cJSON *plugin_json(const struct plugin *plugin)
{
    const struct leat_plugin *table = &plugin->table;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", table->name);
    cJSON_AddStringToObject(object, "kind", kind_name(table->kind));
    cJSON_AddStringToObject(object, "version", or_nothing(table->version));
    cJSON_AddStringToObject(object, "licence", or_nothing(table->licence));
    cJSON_AddStringToObject(object, "summary", or_nothing(table->summary));
    cJSON_AddStringToObject(object, "reference", or_nothing(table->reference));
    cJSON_AddStringToObject(object, "file", or_nothing(plugin->file));
    if (plugin->transport.schemes) {
        cJSON_AddStringToObject(object, "schemes", plugin->transport.schemes);
    }
    cJSON *rows = cJSON_AddArrayToObject(object, "options");
    for (uint32_t i = 0; i < table->option_count; i++) {
        const struct leat_option row = option_at(plugin, i);
        cJSON_AddItemToArray(rows, option_json(&row));
    }
    return object;
}

void plugin_print_heading(void)
{
    printf("%-12s %-10s %-9s %s\n", "PLUGIN", "KIND", "VERSION", "SUMMARY");
}

void plugin_print_row(const struct plugin *plugin)
{
    printf("%-12s %-10s %-9s %s\n", plugin->table.name, kind_name(plugin->table.kind),
           or_nothing(plugin->table.version), or_nothing(plugin->table.summary));
}
