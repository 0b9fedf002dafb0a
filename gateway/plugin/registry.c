#include "plugin/registry.h"

#include "config/memory.h"
#include "config/problem.h"
#include "plugin/guard.h"
#include "plugin/table.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPLAIN_BYTES 512

/* One file of the folder: not tried yet, loaded, or refused for good. */
struct candidate {
    const char *name; /* in registry.names */
    bool tried;
    struct plugin *plugin; /* NULL: refused */
    char *refusal;
};

struct registry {
    char *folder;
    const char **names; /* sorted, NULL-terminated */
    struct candidate *candidates;
    size_t count;
    void (*announce)(const char *file, void *user);
    void *announce_user;
};

/* ---- the folder --------------------------------------------------------------------------------------------------- */

/* Whoever may write here runs code in the gateway. */
static bool is_trusted(const struct stat *status, const char *path, char *explain, size_t explain_size)
{
    if (status->st_uid != 0 && status->st_uid != geteuid())
        snprintf(explain, explain_size,
                 "%s belongs to user %u; plugins are loaded only from what belongs to root or to user %u", path,
                 status->st_uid, geteuid());
    else if ((status->st_mode & S_IWOTH) != 0)
        snprintf(explain, explain_size,
                 "%s can be written by everyone; plugins are not loaded from there (chmod o-w %s)", path, path);
    else
        return true;
    return false;
}

static int check_folder(const char *folder, char *explain, size_t explain_size)
{
    struct stat status;
    if (stat(folder, &status) != 0) {
        const int error = errno;
        snprintf(explain, explain_size, "the plugin folder %s cannot be used: %s", folder, strerror(error));
        return -error;
    }
    if (!S_ISDIR(status.st_mode)) {
        snprintf(explain, explain_size, "the plugin folder %s is not a folder", folder);
        return -ENOTDIR;
    }
    return is_trusted(&status, folder, explain, explain_size) ? 0 : -EPERM;
}

/* NAME of NAME.so, to be freed; NULL for any other file. */
static char *plugin_name(const char *file)
{
    const size_t len = strlen(file);
    if (len <= 3 || strcmp(file + len - 3, ".so") != 0)
        return NULL;
    char *name = memory_copy_part(file, len - 3);
    if (table_is_name(name))
        return name;
    free(name);
    return NULL;
}

static int is_shared_object(const struct dirent *entry)
{
    char *name = plugin_name(entry->d_name);
    free(name);
    return name != NULL;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int list_folder(struct registry *registry, char *explain, size_t explain_size)
{
    struct dirent **entries = NULL;
    const int count = scandir(registry->folder, &entries, is_shared_object, by_bytes);
    if (count < 0) {
        const int error = errno;
        snprintf(explain, explain_size, "the plugin folder %s cannot be read: %s", registry->folder, strerror(error));
        return -error;
    }
    registry->count = (size_t)count;
    registry->names = memory_zeroed(((size_t)count + 1) * sizeof(*registry->names));
    registry->candidates = memory_zeroed(((size_t)count + 1) * sizeof(*registry->candidates));
    for (int i = 0; i < count; i++) {
        registry->names[i] = plugin_name(entries[i]->d_name);
        registry->candidates[i].name = registry->names[i];
        free(entries[i]);
    }
    free(entries);
    return 0;
}

int registry_open(struct registry **out, const char *plugin_dir, char *explain, size_t explain_size)
{
    struct registry *registry = memory_zeroed(sizeof(*registry));
    registry->folder = memory_copy(plugin_dir);
    int result = check_folder(plugin_dir, explain, explain_size);
    if (result == 0)
        result = list_folder(registry, explain, explain_size);
    if (result == 0)
        *out = registry;
    else
        registry_close(registry);
    return result;
}

void registry_close(struct registry *registry)
{
    if (registry == NULL)
        return;
    for (size_t i = 0; i < registry->count; i++) {
        struct candidate *candidate = &registry->candidates[i];
        if (candidate->plugin != NULL)
            table_fini(candidate->plugin);
        free(candidate->plugin);
        free(candidate->refusal);
        free((char *)registry->names[i]);
    }
    free(registry->candidates);
    free(registry->names);
    free(registry->folder);
    free(registry);
}

const char *const *registry_names(struct registry *registry)
{
    return registry->names;
}

void registry_on_load(struct registry *registry, void (*announce)(const char *file, void *user), void *user)
{
    registry->announce = announce;
    registry->announce_user = user;
}

/* ---- loading ------------------------------------------------------------------------------------------------------ */

static bool is_trusted_path(const char *path, char *explain, size_t explain_size)
{
    struct stat status;
    if (stat(path, &status) == 0)
        return is_trusted(&status, path, explain, explain_size);
    snprintf(explain, explain_size, "%s: %s", path, strerror(errno));
    return false;
}

/* Where the code of a plugin stands, to be freed: a link in the folder may lead elsewhere, and then that folder is judged as well.
 * NULL with a sentence when nothing may be loaded from there. */
static char *trusted_file(const char *file, char *explain, size_t explain_size)
{
    struct stat status;
    char *real = realpath(file, NULL);
    if (real == NULL || stat(real, &status) != 0 || !S_ISREG(status.st_mode)) {
        snprintf(explain, explain_size, "plugin %s is not a file", file);
        free(real);
        return NULL;
    }
    char *folder = memory_copy_part(real, (size_t)(strrchr(real, '/') - real) + 1);
    const bool trusted =
        is_trusted(&status, real, explain, explain_size) && is_trusted_path(folder, explain, explain_size);
    free(folder);
    if (trusted)
        return real;
    free(real);
    return NULL;
}

/* Under the name of the file itself, never of a link to it: its $ORIGIN, by which it finds its libraries, is the folder of that name. */
static void *load_file(struct registry *registry, const char *file, const char *name, char *explain,
                       size_t explain_size)
{
    char *real = trusted_file(file, explain, explain_size);
    if (real == NULL)
        return NULL;
    if (registry->announce != NULL)
        registry->announce(file, registry->announce_user);
    guard_enter(name, "being loaded");
    void *handle = dlopen(real, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    guard_leave();
    free(real);
    if (handle == NULL)
        snprintf(explain, explain_size, "plugin %s.so cannot be loaded: %s", name, dlerror());
    return handle;
}

/* The exported table of a file, or NULL with a sentence. What was loaded stays. */
static const struct leat_plugin *open_table(struct registry *registry, const char *file, const char *name,
                                            char *explain, size_t explain_size)
{
    void *handle = load_file(registry, file, name, explain, explain_size);
    if (handle == NULL)
        return NULL;
    const struct leat_plugin *table = dlsym(handle, LEAT_PLUGIN_SYMBOL);
    if (table == NULL)
        snprintf(explain, explain_size,
                 "plugin %s.so has no symbol " LEAT_PLUGIN_SYMBOL
                 ": it is no leat plugin, or one for another interface",
                 name);
    return table;
}

/* Two plugins for one scheme would make the choice depend on which was loaded first. */
static bool has_free_schemes(const struct registry *registry, const struct plugin *plugin, char *explain,
                             size_t explain_size)
{
    char *words = memory_copy(plugin->table.kind == LEAT_PLUGIN_TRANSPORT ? plugin->transport.schemes : "");
    char *state = NULL;
    bool unique = true;
    for (char *word = strtok_r(words, "|", &state); word != NULL && unique; word = strtok_r(NULL, "|", &state)) {
        for (size_t i = 0; i < registry->count && unique; i++) {
            const struct plugin *other = registry->candidates[i].plugin;
            unique = other == NULL || other->table.kind != LEAT_PLUGIN_TRANSPORT ||
                     !table_has_word(other->transport.schemes, word);
            if (!unique)
                snprintf(explain, explain_size, "plugin %s.so serves the scheme '%s', as plugin %s.so does already",
                         plugin->table.name, word, other->table.name);
        }
    }
    free(words);
    return unique;
}

static struct plugin *load(struct registry *registry, const char *name, char *explain, size_t explain_size)
{
    struct plugin *plugin = memory_zeroed(sizeof(*plugin));
    char *file = memory_format("%s/%s.so", registry->folder, name);
    const struct leat_plugin *table = open_table(registry, file, name, explain, explain_size);
    if (table != NULL && table_copy(plugin, table, name, explain, explain_size) == 0 &&
        has_free_schemes(registry, plugin, explain, explain_size)) {
        plugin->file = file;
        return plugin;
    }
    table_fini(plugin);
    free(plugin);
    free(file);
    return NULL;
}

/* Loads a candidate, once and for all. */
static const struct plugin *try(struct registry *registry, struct candidate *candidate)
{
    if (candidate->tried)
        return candidate->plugin;
    char explain[EXPLAIN_BYTES] = "";
    candidate->tried = true;
    candidate->plugin = load(registry, candidate->name, explain, sizeof(explain));
    if (candidate->plugin == NULL)
        candidate->refusal = memory_copy(explain);
    return candidate->plugin;
}

/* ---- finding ------------------------------------------------------------------------------------------------------ */

static struct candidate *find_candidate(struct registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->count; i++) {
        if (strcmp(registry->candidates[i].name, name) == 0)
            return &registry->candidates[i];
    }
    return NULL;
}

static void explain_missing(struct registry *registry, const char *name, char *explain, size_t explain_size)
{
    const char *nearest = problem_nearest(name, registry->names);
    if (nearest != NULL)
        snprintf(explain, explain_size, "no plugin '%s' in %s; did you mean '%s'?", name, registry->folder, nearest);
    else
        snprintf(explain, explain_size, "no plugin '%s' in %s; 'leat plugins' lists what there is", name,
                 registry->folder);
}

const struct plugin *registry_find(struct registry *registry, uint32_t kind, const char *name, char *explain,
                                   size_t explain_size)
{
    struct candidate *candidate = find_candidate(registry, name);
    if (candidate == NULL) {
        explain_missing(registry, name, explain, explain_size);
        return NULL;
    }
    const struct plugin *plugin = try(registry, candidate);
    if (plugin == NULL) {
        snprintf(explain, explain_size, "%s", candidate->refusal);
        return NULL;
    }
    if (plugin->table.kind == kind)
        return plugin;
    snprintf(explain, explain_size, "plugin '%s' is a %s, here a %s is needed", name,
             table_kind_name(plugin->table.kind), table_kind_name(kind));
    return NULL;
}

static bool serves(const struct plugin *plugin, const char *scheme)
{
    return plugin != NULL && plugin->table.kind == LEAT_PLUGIN_TRANSPORT &&
           table_has_word(plugin->transport.schemes, scheme);
}

/* Files whose names begin the scheme come first (tcp.so for tcp4), so that the others are loaded only when they must be. */
static bool is_likely(const char *name, const char *scheme)
{
    return strncmp(name, scheme, strlen(name)) == 0;
}

/* The nearest scheme of those that the folder's plugins serve, else what was refused on the way. */
static void explain_scheme(struct registry *registry, const char *scheme, char *explain, size_t explain_size)
{
    const char *words[64] = {0};
    size_t count = 0;
    char *refusal = NULL;
    struct memory_pool pool = {0};
    for (size_t i = 0; i < registry->count; i++) {
        const struct candidate *candidate = &registry->candidates[i];
        if (candidate->refusal != NULL && refusal == NULL)
            refusal = candidate->refusal;
        if (candidate->plugin == NULL || candidate->plugin->table.kind != LEAT_PLUGIN_TRANSPORT)
            continue;
        const char *schemes = candidate->plugin->transport.schemes;
        char *state = NULL;
        for (char *word = strtok_r(memory_pool_copy(&pool, schemes, strlen(schemes)), "|", &state);
             word != NULL && count < 63; word = strtok_r(NULL, "|", &state))
            words[count++] = word;
    }
    const char *nearest = problem_nearest(scheme, words);
    if (nearest != NULL)
        snprintf(explain, explain_size, "no transport plugin in %s serves '%s://'; did you mean '%s://'?",
                 registry->folder, scheme, nearest);
    else
        snprintf(explain, explain_size, "no transport plugin in %s serves '%s://'%s%s", registry->folder, scheme,
                 refusal != NULL ? "; " : "", refusal != NULL ? refusal : "");
    memory_pool_fini(&pool);
}

const struct plugin *registry_find_scheme(struct registry *registry, const char *scheme, char *explain,
                                          size_t explain_size)
{
    for (size_t i = 0; i < registry->count; i++) {
        if (serves(registry->candidates[i].plugin, scheme))
            return registry->candidates[i].plugin;
    }
    for (int likely = 1; likely >= 0; likely--) {
        for (size_t i = 0; i < registry->count; i++) {
            struct candidate *candidate = &registry->candidates[i];
            if (is_likely(candidate->name, scheme) == likely && serves(try(registry, candidate), scheme))
                return candidate->plugin;
        }
    }
    explain_scheme(registry, scheme, explain, explain_size);
    return NULL;
}
