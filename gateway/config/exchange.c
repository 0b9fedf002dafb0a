#include "config/exchange.h"

#include "config/expand.h"
#include "config/memory.h"
#include "config/schema.h"

#include <stdlib.h>

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Whoever reads it may be in another folder. */
static void add_file(cJSON *object, const char *file)
{
    char *absolute = expand_path(file, ".");
    cJSON_AddStringToObject(object, "file", absolute);
    free(absolute);
}

static cJSON *section_json(const struct config_section *section)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", section->name);
    add_file(object, section->file);
    cJSON_AddNumberToObject(object, "line", section->line);
    return object;
}

static cJSON *entry_json(const struct config_entry *entry)
{
    const char *written = config_shown_written(entry);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "section", entry->section);
    cJSON_AddStringToObject(object, "key", entry->key);
    if (!entry->secret)
        cJSON_AddStringToObject(object, "value", entry->value);
    if (written != NULL)
        cJSON_AddStringToObject(object, "written", written);
    cJSON_AddStringToObject(object, "origin", entry->origin);
    add_file(object, entry->file);
    cJSON_AddNumberToObject(object, "line", entry->line);
    cJSON_AddBoolToObject(object, "secret", entry->secret);
    return object;
}

cJSON *config_to_json(const struct config *config)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *sections = cJSON_AddArrayToObject(object, "sections"), *entries = cJSON_AddArrayToObject(object, "entries");
    for (size_t i = 0; i < config->section_count; i++)
        cJSON_AddItemToArray(sections, section_json(&config->sections[i]));
    for (size_t i = 0; i < config->entry_count; i++)
        cJSON_AddItemToArray(entries, entry_json(&config->entries[i]));
    return object;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL ? text : "";
}

static unsigned line_of(const cJSON *object)
{
    const cJSON *line = cJSON_GetObjectItemCaseSensitive(object, "line");
    return cJSON_IsNumber(line) && line->valueint > 0 ? (unsigned)line->valueint : 0;
}

static struct config_section section_from(const cJSON *object)
{
    return (struct config_section){.name = memory_copy(text_of(object, "name")),
                                   .file = memory_copy(text_of(object, "file")),
                                   .line = line_of(object)};
}

static struct config_entry entry_from(const cJSON *object)
{
    const bool secret = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "secret"));
    const bool hidden = cJSON_GetObjectItemCaseSensitive(object, "written") == NULL;
    return (struct config_entry){.section = memory_copy(text_of(object, "section")),
                                 .key = memory_copy(text_of(object, "key")),
                                 .value = memory_copy(text_of(object, "value")),
                                 .written = memory_copy(text_of(object, "written")),
                                 .origin = memory_copy(text_of(object, "origin")),
                                 .file = memory_copy(text_of(object, "file")),
                                 .line = line_of(object),
                                 .secret = secret || hidden,
                                 .secret_key = hidden,
                                 .doubtful = secret};
}

struct config *config_from_json(const cJSON *json)
{
    const cJSON *sections = cJSON_GetObjectItemCaseSensitive(json, "sections"), *item;
    const cJSON *entries = cJSON_GetObjectItemCaseSensitive(json, "entries");
    if (!cJSON_IsArray(sections) || !cJSON_IsArray(entries))
        return NULL;
    struct config *config = memory_zeroed(sizeof(*config));
    config->sections = memory_zeroed(((size_t)cJSON_GetArraySize(sections) + 1) * sizeof(*config->sections));
    config->entries = memory_zeroed(((size_t)cJSON_GetArraySize(entries) + 1) * sizeof(*config->entries));
    cJSON_ArrayForEach(item, sections) config->sections[config->section_count++] = section_from(item);
    cJSON_ArrayForEach(item, entries) config->entries[config->entry_count++] = entry_from(item);
    struct problems ignored = {0}; /* the gateway that runs it has judged it */
    schema_apply(config, "", &ignored);
    problems_fini(&ignored);
    return config;
}
