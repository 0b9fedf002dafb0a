#include "shm/users.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum look { ABSENT, MAPPED, HIDDEN };

/* By name: the device that /proc shows is not always that of stat. */
static enum look look_into(const char *process, const char *file)
{
    char path[300], *line = NULL;
    size_t size = 0;
    enum look found = ABSENT;
    snprintf(path, sizeof path, "/proc/%s/maps", process);
    FILE *maps = fopen(path, "re");
    errno = maps ? 0 : errno;
    while (maps && found == ABSENT && getline(&line, &size, maps) > 0) {
        const char *slash = strrchr(line, '/');
        const size_t len = strlen(file);
        if (slash && strncmp(slash + 1, file, len) == 0 && (slash[1 + len] == '\n' || slash[1 + len] == ' '))
            found = MAPPED;
    }
    if (found == ABSENT && (errno == EACCES || errno == EPERM)) /* the open may succeed and the read not */
        found = HIDDEN;
    free(line);
    if (maps)
        fclose(maps);
    return found;
}

bool users_are_none(const char *path)
{
    const char *file = strrchr(path, '/') + 1;
    struct stat status;
    DIR *proc = opendir("/proc");
    bool none = proc != NULL && stat(path, &status) == 0;
    /* Those that are hidden from us are other users': none of them comes to a file that its owner alone may open. */
    const bool private = none && (status.st_mode & 077) == 0 && status.st_uid == geteuid();
    for (const struct dirent *entry; none && (entry = readdir(proc));) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        const enum look found = look_into(entry->d_name, file);
        none = found == ABSENT || (found == HIDDEN && private);
    }
    if (proc)
        closedir(proc);
    return none;
}
