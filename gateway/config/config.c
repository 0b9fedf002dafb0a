#include "config/config.h"

#include "config/admin_keys.h"
#include "config/control_keys.h"
#include "config/expand.h"
#include "config/ini_load.h"
#include "config/like.h"
#include "config/memory.h"
#include "config/rules.h"
#include "config/schema.h"
#include "config/url.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- layers: the file and its drop-ins --------------------------------------------------------------------------- */

static struct config_entry *find_mutable(struct config *config, const char *section, const char *key)
{
    return (struct config_entry *)config_find(config, section, key);
}

static void fini_entry(struct config_entry *entry)
{
    free(entry->section);
    free(entry->key);
    free(entry->value);
    free(entry->written);
    free(entry->origin);
    free(entry->file);
}

static void overlay_entry(struct config *config, const struct ini_entry *from, const char *file)
{
    struct config_entry entry = {.section = memory_copy(from->section),
                                 .key = memory_copy(from->key),
                                 .value = memory_copy(from->value),
                                 .written = memory_copy(from->value),
                                 .origin = memory_copy(from->section),
                                 .file = memory_copy(file),
                                 .line = from->line,
                                 .doubtful = from->doubtful};
    struct config_entry *before = find_mutable(config, from->section, from->key);
    if (before != NULL) {
        fini_entry(before);
        *before = entry;
        return;
    }
    config->entries = memory_resize(config->entries, config->entry_count + 1, sizeof(*config->entries));
    config->entries[config->entry_count++] = entry;
}

static void overlay_section(struct config *config, const struct ini_section *from, const char *file)
{
    if (config_find_section(config, from->name) != NULL)
        return;
    config->sections = memory_resize(config->sections, config->section_count + 1, sizeof(*config->sections));
    config->sections[config->section_count++] =
        (struct config_section){.name = memory_copy(from->name), .file = memory_copy(file), .line = from->line};
}

static int overlay_file(struct config *config, const char *file, struct problems *problems)
{
    struct ini ini = {0};
    const int result = ini_load(&ini, file, problems);
    for (size_t i = 0; i < ini.section_count; i++)
        overlay_section(config, &ini.sections[i], file);
    for (size_t i = 0; i < ini.entry_count; i++)
        overlay_entry(config, &ini.entries[i], file);
    ini_fini(&ini);
    return result;
}

static int is_drop_in(const struct dirent *entry)
{
    const size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".ini") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void overlay_drop_ins(struct config *config, const char *main_file, struct problems *problems)
{
    const char *slash = strrchr(main_file, '/');
    char *folder = memory_format("%.*sconf.d", slash != NULL ? (int)(slash - main_file + 1) : 0, main_file);
    struct dirent **names = NULL;
    const int count = scandir(folder, &names, is_drop_in, by_bytes);
    if (count < 0 && errno != ENOENT)
        problems_add(problems, folder, 0, "cannot be read: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        char *file = memory_format("%s/%s", folder, names[i]->d_name);
        overlay_file(config, file, problems);
        free(file);
        free(names[i]);
    }
    free(names);
    free(folder);
}

/* ---- expansion --------------------------------------------------------------------------------------------------- */

static void expand_entry(struct config_entry *entry, struct problems *problems)
{
    char *problem;
    char *folder = expand_folder(entry->file);
    char *expanded = expand(entry->value, folder, &entry->secret, &problem);
    free(folder);
    if (expanded != NULL) {
        free(entry->value);
        entry->value = expanded;
        return;
    }
    problems_add(problems, entry->file, entry->line, "[%s] %s: %s", entry->section, entry->key, problem);
    free(problem);
    entry->doubtful = true;
}

static void expand_entries(struct config *config, struct problems *problems)
{
    for (size_t i = 0; i < config->entry_count; i++) {
        struct config_entry *entry = &config->entries[i];
        if (!config_is_users(entry->key) && !config_is_users(entry->section) && !entry->doubtful)
            expand_entry(entry, problems);
    }
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* Whoever looks at a value later knows that it has been complained about. */
static void mark_doubtful(struct config *config, const struct problems *problems)
{
    for (size_t i = 0; i < config->entry_count; i++) {
        struct config_entry *entry = &config->entries[i];
        for (size_t j = 0; j < problems->count; j++) {
            const struct problem *problem = &problems->items[j];
            if (problem->file != NULL && problem->line == entry->line && strcmp(problem->file, entry->file) == 0)
                entry->doubtful = true;
        }
    }
}

struct config *config_read(const char *path, struct problems *problems)
{
    struct config *config = memory_zeroed(sizeof(*config));
    if (overlay_file(config, path, problems) != 0) {
        config_free(config);
        return NULL;
    }
    overlay_drop_ins(config, path, problems);
    expand_entries(config, problems);
    schema_check_templates(config, problems);
    mark_doubtful(config, problems);
    like_apply(config, problems);
    schema_apply(config, path, problems);
    rules_check(config, problems);
    admin_keys_check(config, problems);
    control_keys_check(config, problems);
    mark_doubtful(config, problems);
    return config;
}

struct config *config_load(const char *path, struct problems *problems)
{
    const size_t before = problems->count;
    struct config *config = config_read(path, problems);
    if (problems->count == before)
        return config;
    config_free(config);
    return NULL;
}

static void fini_texts(struct config_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
}

static void fini_bridge(struct config_bridge *bridge)
{
    free(bridge->name);
    free(bridge->section);
    free(bridge->worker);
    free(bridge->pattern);
    free(bridge->file);
    urls_fini(&bridge->channels);
    urls_fini(&bridge->listen);
    urls_fini(&bridge->dial);
    urls_fini(&bridge->reply);
    fini_texts(&bridge->allow);
    fini_texts(&bridge->deny);
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->bridge_count; i++)
        fini_bridge(&config->bridges[i]);
    for (size_t i = 0; i < config->entry_count; i++)
        fini_entry(&config->entries[i]);
    for (size_t i = 0; i < config->section_count; i++) {
        free(config->sections[i].name);
        free(config->sections[i].file);
    }
    free(config->bridges);
    free(config->entries);
    free(config->sections);
    free(config->gateway.name);
    free(config->gateway.plugin_dir);
    free(config->gateway.admin);
    free(config->gateway.admin_token);
    free(config->gateway.control);
    free(config->gateway.control_group);
    free(config);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

const struct config_entry *config_find(const struct config *config, const char *section, const char *key)
{
    for (size_t i = 0; i < config->entry_count; i++) {
        const struct config_entry *entry = &config->entries[i];
        if (strcmp(entry->section, section) == 0 && strcmp(entry->key, key) == 0)
            return entry;
    }
    return NULL;
}

const char *config_shown(const struct config_entry *entry)
{
    return entry->secret ? "(secret)" : entry->value;
}

const char *config_shown_written(const struct config_entry *entry)
{
    return entry->secret_key && !expand_is_reference(entry->written) ? NULL : entry->written;
}

void config_mark_secret(struct config *config, const char *section, const char *key)
{
    const struct config_entry *marked = config_find(config, section, key);
    for (size_t i = 0; i < config->entry_count && marked != NULL; i++) {
        struct config_entry *entry = &config->entries[i];
        if (entry->line == marked->line && strcmp(entry->file, marked->file) == 0)
            entry->secret = entry->secret_key = true;
    }
}

bool config_is_users(const char *name)
{
    return strncmp(name, "x-", 2) == 0;
}

const struct config_section *config_find_section(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->section_count; i++) {
        if (strcmp(config->sections[i].name, name) == 0)
            return &config->sections[i];
    }
    return NULL;
}

static bool is_first_of_worker(const struct config *config, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(config->bridges[i].worker, config->bridges[index].worker) == 0)
            return false;
    }
    return true;
}

const char *config_worker(const struct config *config, size_t index)
{
    for (size_t i = 0; i < config->bridge_count; i++) {
        if (is_first_of_worker(config, i) && index-- == 0)
            return config->bridges[i].worker;
    }
    return NULL;
}
