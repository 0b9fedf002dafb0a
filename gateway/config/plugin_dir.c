#include "config/plugin_dir.h"

#include "base/beside.h"
#include "config/memory.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

/* Where plugins lie as seen from the folder of this program: in a build tree, and in an installed one, wherever it was put. */
static const char *const from_program[] = {"../plugins", LEAT_PLUGIN_DIR_FROM_PROGRAM};

char *plugin_dir_default(void)
{
    const char *named = getenv("LEAT_PLUGIN_DIR");
    if (named != NULL && *named != '\0')
        return memory_copy(named);
    for (size_t i = 0; i < sizeof(from_program) / sizeof(from_program[0]); i++) {
        char *found = beside_program(from_program[i]);
        if (found != NULL && holds_plugins(found))
            return found;
        free(found);
    }
    return memory_copy(LEAT_PLUGIN_DIR_INSTALLED);
}
