#include "config/plugin_dir.h"

#include "config/memory.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool ends_in_so(const char *name)
{
    const size_t len = strlen(name);
    return len > 3 && strcmp(name + len - 3, ".so") == 0;
}

static bool holds_plugins(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    bool found = false;
    for (struct dirent *entry = readdir(folder); entry != NULL && !found; entry = readdir(folder))
        found = ends_in_so(entry->d_name);
    closedir(folder);
    return found;
}

/* BUILD/plugins for a program that runs as BUILD/bin/NAME; NULL for one that is installed. To be freed. */
static char *build_folder(void)
{
    char self[PATH_MAX];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len <= 0)
        return NULL;
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL || slash - self < 4 || strncmp(slash - 4, "/bin", 4) != 0)
        return NULL;
    slash[-4] = '\0';
    char *path = memory_format("%s/plugins", self);
    if (holds_plugins(path))
        return path;
    free(path);
    return NULL;
}

char *plugin_dir_default(void)
{
    const char *named = getenv("LEAT_PLUGIN_DIR");
    if (named != NULL && *named != '\0')
        return memory_copy(named);
    char *built = build_folder();
    return built != NULL ? built : memory_copy(LEAT_PLUGIN_DIR_INSTALLED);
}
