/* A folder of its own for the cpp-ipc objects of a test. */
#ifndef TESTS_CPPIPC_FOLDER_H
#define TESTS_CPPIPC_FOLDER_H

#include "cppipc/handle.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/leat-cppipc-XXXXXX";

static inline void folder_make(void)
{
    cr_assert(mkdtemp(folder) != NULL);
}

/* Every file whose name has `part`; how many there were. */
static inline unsigned folder_remove_files(const char *part)
{
    unsigned removed = 0;
    char path[512];
    DIR *opened = opendir(folder);
    for (const struct dirent *entry; opened && (entry = readdir(opened));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strstr(entry->d_name, part) && unlink(path) == 0)
            removed++;
    }
    if (opened)
        closedir(opened);
    return removed;
}

static inline void folder_remove(void)
{
    folder_remove_files("");
    rmdir(folder);
}

static inline struct cppipc_where folder_where(void)
{
    return (struct cppipc_where){folder, "", "quotes"};
}

/* As a program of cpp-ipc 1.4 does. */
static inline void folder_open_handle(struct handle *handle)
{
    char explain[256] = "";
    struct cppipc_where where = folder_where();
    cr_assert(handle_open(handle, &where, CPPIPC_LAYOUT_1_4, true, explain, sizeof explain) == 0, "%s", explain);
}

#endif
