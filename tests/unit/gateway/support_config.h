/* What the tests of the configuration share: a folder of their own, files in it, and problems as text. */
#ifndef TESTS_UNIT_GATEWAY_SUPPORT_CONFIG_H
#define TESTS_UNIT_GATEWAY_SUPPORT_CONFIG_H

#include "config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A new folder under /tmp, owned by this process; removed by folder_remove. */
static inline const char *folder_make(char *room, size_t size)
{
    snprintf(room, size, "/tmp/leat-unit-XXXXXX");
    return mkdtemp(room);
}

static inline void folder_remove(const char *folder)
{
    char command[256];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    if (system(command) != 0)
        abort();
}

/* Writes a file; the path stays valid until the next call. */
static inline const char *file_write_bytes(const char *folder, const char *name, const void *bytes, size_t len)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
        abort();
    return path;
}

static inline const char *file_write(const char *folder, const char *name, const char *text)
{
    return file_write_bytes(folder, name, text, strlen(text));
}

/* All problems, a line each, sorted; in a buffer of its own until the next call. */
static inline const char *problems_text(struct problems *problems)
{
    static char text[65536];
    FILE *file = fmemopen(text, sizeof(text), "w");
    text[0] = '\0';
    problems_print(problems, file);
    fclose(file);
    return text;
}

#endif
