/* The files of a prefix. */
#include "cppipc/doctor_case.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MARK "__IPC_SHM__"
#define POOL MARK "CHUNK_INFO__"
#define OURS "leat-cppipc."

/* Takes the file of a waiter or of the message ids apart, by trying how it would be called: the name is what the parts around it leave. */
static bool is_object(struct doctor_file *file, const struct cppipc_where *where)
{
    for (enum cppipc_object object = 0; object < CPPIPC_CA; object++) {
        char pattern[CPPIPC_FILE_MAX], again[CPPIPC_FILE_MAX];
        struct cppipc_where dot = {where->directory, where->prefix, "/"}; /* in no name */
        cppipc_file(pattern, &dot, object, CPPIPC_LAYOUT_1_4);
        size_t before = strcspn(pattern, "/"), after = strlen(pattern) - before - 1, len = strlen(file->file);
        if (len <= before + after)
            continue;
        snprintf(file->name, sizeof file->name, "%.*s", (int)(len - before - after), file->file + before);
        dot.name = file->name;
        cppipc_file(again, &dot, object, CPPIPC_LAYOUT_1_4);
        if (strcmp(again, file->file) == 0)
            return true;
    }
    file->name[0] = '\0';
    return false;
}

static bool is_pool(struct doctor_file *file, const struct cppipc_where *where)
{
    char again[CPPIPC_FILE_MAX];
    size_t prefix = strlen(where->prefix);
    if (strncmp(file->file, where->prefix, prefix) != 0 || strncmp(file->file + prefix, POOL, strlen(POOL)) != 0)
        return false;
    file->class_bytes = strtoull(file->file + prefix + strlen(POOL), NULL, 10);
    cppipc_pool_file(again, where, file->class_bytes);
    return strcmp(again, file->file) == 0;
}

static bool is_counter(const struct doctor_file *file, const struct cppipc_where *where)
{
    char name[CPPIPC_FILE_MAX];
    cppipc_file(name, where, CPPIPC_CA, CPPIPC_LAYOUT_1_4);
    return strcmp(name, file->file) == 0;
}

/* What the file is to us; false: nothing. */
static bool recognise(struct doctor_file *file, const struct cppipc_where *where)
{
    if (strncmp(file->file, OURS, strlen(OURS)) == 0)
        file->part = DOCTOR_OURS;
    else if (cppipc_ring_of(file->file, where->prefix, file->name, &file->layout))
        file->part = DOCTOR_RING;
    else if (is_counter(file, where))
        file->part = DOCTOR_CA;
    else if (is_pool(file, where))
        file->part = DOCTOR_POOL;
    else if (is_object(file, where))
        file->part = DOCTOR_OBJECT;
    else
        return false;
    return true;
}

bool doctor_asks_for(const struct doctor *doctor, const struct doctor_file *file)
{
    return !file->name[0] || !doctor->where.name || strcmp(file->name, doctor->where.name) == 0;
}

static int add(struct doctor *doctor, const struct doctor_file *file)
{
    if (doctor->file_count == doctor->file_capacity) {
        size_t capacity = doctor->file_capacity ? 2 * doctor->file_capacity : 64;
        struct doctor_file *files = realloc(doctor->files, capacity * sizeof *files);
        if (!files)
            return -ENOMEM;
        doctor->files = files;
        doctor->file_capacity = capacity;
    }
    doctor->files[doctor->file_count++] = *file;
    return 0;
}

static int look_at(struct doctor *doctor, int directory, const char *name)
{
    struct doctor_file file = {.part = DOCTOR_OBJECT};
    struct stat status;
    if (strlen(name) >= sizeof file.file)
        return 0;
    strcpy(file.file, name);
    if (!recognise(&file, &doctor->where) || fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISREG(status.st_mode))
        return 0;
    if (!doctor_asks_for(doctor, &file) && file.part != DOCTOR_RING)
        return 0; /* the other rings are looked at all the same: their slots refer to pools */
    file.device = status.st_dev;
    file.inode = status.st_ino;
    file.size = (uint64_t)status.st_size;
    file.owner = status.st_uid;
    file.mode = status.st_mode & 0777;
    return add(doctor, &file);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct doctor_file *)a)->file, ((const struct doctor_file *)b)->file);
}

int doctor_list_files(struct doctor *doctor)
{
    DIR *directory = opendir(doctor->where.directory);
    if (!directory)
        return -errno;
    int error = 0;
    for (const struct dirent *entry; !error && (entry = readdir(directory));)
        error = look_at(doctor, dirfd(directory), entry->d_name);
    closedir(directory);
    if (doctor->file_count)
        qsort(doctor->files, doctor->file_count, sizeof *doctor->files, by_name);
    return error;
}
