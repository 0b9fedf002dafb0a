#include "config/like.h"

#include "config/memory.h"
#include "config/schema.h"

#include <stdlib.h>
#include <string.h>

#define KEY "like"

/* From one section to what it is like, and on: the sections passed, the first included. */
struct chain {
    const struct config_section **sections;
    size_t count;
    bool broken;                      /* at a name that nobody has */
    const struct config_section *met; /* the section passed before that it came back to, or NULL */
};

/* ---- names ------------------------------------------------------------------------------------------------------- */

static const char *name_of(const char *section)
{
    static const char *const heads[] = {"bridge.", "template."};
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        const size_t len = strlen(heads[i]);
        if (strncmp(section, heads[i], len) == 0 && schema_is_name(section + len))
            return section + len;
    }
    return NULL;
}

static const struct config_section *find_by_head(const struct config *config, const char *head, const char *name)
{
    char *full = memory_format("%s.%s", head, name);
    const struct config_section *section = config_find_section(config, full);
    free(full);
    return section;
}

static const struct config_section *find(const struct config *config, const char *name)
{
    const struct config_section *section = find_by_head(config, "template", name);
    return section != NULL ? section : find_by_head(config, "bridge", name);
}

/* ---- what is wrong ----------------------------------------------------------------------------------------------- */

static void blame_name(const struct config *config, const struct config_entry *like, struct problems *problems)
{
    const char **names = memory_zeroed((config->section_count + 1) * sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < config->section_count; i++) {
        const char *name = name_of(config->sections[i].name);
        if (name != NULL && strcmp(config->sections[i].name, like->section) != 0)
            names[count++] = name;
    }
    const char *nearest = problem_nearest(like->value, names);
    free(names);
    if (*like->value == '\0')
        problems_add(problems, like->file, like->line, "[%s] " KEY ": expected the name of a template or a bridge",
                     like->section);
    else if (nearest != NULL)
        problems_add(problems, like->file, like->line,
                     "[%s] " KEY " = %s: there is no template or bridge of that name; did you mean '%s'?",
                     like->section, config_shown(like), nearest);
    else
        problems_add(problems, like->file, like->line,
                     "[%s] " KEY " = %s: there is neither a [template.%s] nor a [bridge.%s]", like->section,
                     config_shown(like), config_shown(like), config_shown(like));
}

static void blame_circle(const struct config *config, const struct chain *chain, struct problems *problems)
{
    const struct config_entry *like = config_find(config, chain->sections[0]->name, KEY);
    char *way = memory_format("[%s]", chain->sections[0]->name);
    for (size_t i = 1; i <= chain->count; i++) {
        const char *next = chain->sections[i < chain->count ? i : 0]->name;
        char *longer = memory_format("%s is like [%s]", way, next);
        free(way);
        way = i < chain->count ? memory_format("%s, which", longer) : memory_copy(longer);
        free(longer);
    }
    problems_add(problems, like->file, like->line, "[%s] " KEY " = %s: a circle: %s", like->section, config_shown(like),
                 way);
    free(way);
}

/* A circle is reported once, at the one of its sections that comes first. */
static bool is_reporter(const struct chain *chain)
{
    if (chain->met != chain->sections[0])
        return false;
    for (size_t i = 1; i < chain->count; i++) {
        if (chain->sections[i] < chain->sections[0])
            return false;
    }
    return true;
}

/* ---- following --------------------------------------------------------------------------------------------------- */

static bool has_passed(const struct chain *chain, const struct config_section *section)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->sections[i] == section)
            return true;
    }
    return false;
}

/* Where `section` leads, itself first; chain->sections is to be freed. */
static struct chain follow(const struct config *config, const struct config_section *section)
{
    struct chain chain = {.sections = memory_zeroed((config->section_count + 1) * sizeof(*chain.sections))};
    while (section != NULL) {
        if (has_passed(&chain, section)) {
            chain.met = section;
            break;
        }
        chain.sections[chain.count++] = section;
        const struct config_entry *like = config_find(config, section->name, KEY);
        section = like != NULL && !like->doubtful ? find(config, like->value) : NULL;
        chain.broken = like != NULL && section == NULL;
    }
    return chain;
}

/* ---- taking ------------------------------------------------------------------------------------------------------ */

static void take(struct config *config, const char *section, size_t index)
{
    config->entries = memory_resize(config->entries, config->entry_count + 1, sizeof(*config->entries));
    const struct config_entry *from = &config->entries[index];
    config->entries[config->entry_count++] = (struct config_entry){.section = memory_copy(section),
                                                                   .key = memory_copy(from->key),
                                                                   .value = memory_copy(from->value),
                                                                   .written = memory_copy(from->written),
                                                                   .origin = memory_copy(from->origin),
                                                                   .file = memory_copy(from->file),
                                                                   .line = from->line,
                                                                   .secret = from->secret,
                                                                   .secret_key = from->secret_key,
                                                                   .doubtful = from->doubtful};
}

/* What `from` says itself and `section` does not yet. */
static void take_all(struct config *config, const char *section, const char *from)
{
    const size_t count = config->entry_count; /* without those that are added here */
    for (size_t i = 0; i < count; i++) {
        const struct config_entry *entry = &config->entries[i];
        if (strcmp(entry->section, from) == 0 && strcmp(entry->origin, from) == 0 && strcmp(entry->key, KEY) != 0 &&
            !config_is_users(entry->key) && config_find(config, section, entry->key) == NULL)
            take(config, section, i);
    }
}

static void apply(struct config *config, const struct config_section *section, struct problems *problems)
{
    struct config_entry *like = (struct config_entry *)config_find(config, section->name, KEY);
    struct chain chain = follow(config, section);
    if (is_reporter(&chain))
        blame_circle(config, &chain, problems);
    else if (chain.broken && chain.count == 1 && !like->doubtful)
        blame_name(config, like, problems);
    for (size_t i = 1; i < chain.count; i++)
        take_all(config, section->name, chain.sections[i]->name);
    free(chain.sections);
}

void like_apply(struct config *config, struct problems *problems)
{
    for (size_t i = 0; i < config->section_count; i++) {
        const struct config_section *section = &config->sections[i];
        if (name_of(section->name) != NULL && config_find(config, section->name, KEY) != NULL)
            apply(config, section, problems);
    }
}

bool like_is_whole(const struct config *config, const char *section)
{
    struct chain chain = follow(config, config_find_section(config, section));
    free(chain.sections);
    return !chain.broken && chain.met == NULL;
}
