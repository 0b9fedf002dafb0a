/* Who has the files mapped: every process whose /proc/PID/maps may be read. */
#include "cppipc/doctor_case.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MARK "__IPC_SHM__"

/* Some file systems show another device in /proc than stat does: then the name has to be the same. */
static struct doctor_file *find(struct doctor *doctor, uint64_t device, uint64_t inode, const char *path)
{
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < doctor->file_count; i++) {
        struct doctor_file *file = &doctor->files[i];
        size_t len = strlen(file->file);
        if (file->inode == inode && (file->device == device || (slash && strncmp(slash + 1, file->file, len) == 0 &&
                                                                (slash[1 + len] == '\n' || slash[1 + len] == '\0'))))
            return file;
    }
    return NULL;
}

static void count(struct doctor *doctor, pid_t pid, const char *line)
{
    unsigned major_number, minor_number;
    unsigned long inode;
    int path = 0;
    if (!strstr(line, MARK) ||
        sscanf(line, "%*s %*s %*s %x:%x %lu %n", &major_number, &minor_number, &inode, &path) != 3)
        return;
    struct doctor_file *file = find(doctor, makedev(major_number, minor_number), inode, line + path);
    if (!file)
        return;
    file->mappings++;
    uint32_t known = file->pid_count < DOCTOR_PIDS ? file->pid_count : DOCTOR_PIDS;
    if (known > 0 && file->pids[known - 1] == pid)
        return;
    if (known < DOCTOR_PIDS)
        file->pids[known] = pid;
    file->pid_count++;
}

static void look_into(struct doctor *doctor, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    errno = 0;
    while (maps && getline(&line, &size, maps) > 0)
        count(doctor, pid, line);
    doctor->hidden += errno == EACCES || errno == EPERM; /* the open may succeed and the read not */
    free(line);
    if (maps)
        fclose(maps);
}

void doctor_count_mappings(struct doctor *doctor)
{
    doctor->hidden = 0;
    for (size_t i = 0; i < doctor->file_count; i++)
        doctor->files[i].mappings = doctor->files[i].pid_count = 0;
    DIR *proc = opendir("/proc");
    for (const struct dirent *entry; proc && (entry = readdir(proc));) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)atoi(entry->d_name) : 0;
        if (pid > 0 && pid != getpid())
            look_into(doctor, pid);
    }
    doctor->hidden += proc == NULL;
    if (proc)
        closedir(proc);
}

/* Those whom we cannot look into are other users' and root's: none of them comes to a file that only we may open. */
static bool is_private(const struct doctor *doctor, const struct doctor_file *file)
{
    struct stat directory;
    if (file->owner != geteuid())
        return false;
    return (file->mode & 0022) == 0 || (stat(doctor->where.directory, &directory) == 0 &&
                                        directory.st_uid == geteuid() && (directory.st_mode & 0011) == 0);
}

bool doctor_sees_all(const struct doctor *doctor, const struct doctor_file *file)
{
    return doctor->hidden == 0 || is_private(doctor, file);
}

bool doctor_is_unused(const struct doctor *doctor, const struct doctor_file *file)
{
    return file->mappings == 0 && doctor_sees_all(doctor, file);
}

static void name_of(pid_t pid, char name[20])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *comm = fopen(path, "re");
    if (!comm || !fgets(name, 20, comm))
        snprintf(name, 20, "?");
    name[strcspn(name, "\n")] = '\0';
    if (comm)
        fclose(comm);
}

char doctor_state_of(pid_t task)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)task);
    FILE *stat_file = fopen(path, "re");
    if (!stat_file)
        return 0;
    const char *end = fgets(line, sizeof line, stat_file) ? strrchr(line, ')') : NULL;
    fclose(stat_file);
    return end && end[1] ? end[2] : '?';
}

const char *doctor_who(const struct doctor_file *file, char text[DOCTOR_WHO])
{
    size_t used = 0;
    uint32_t known = file->pid_count < DOCTOR_PIDS ? file->pid_count : DOCTOR_PIDS;
    snprintf(text, DOCTOR_WHO, "nobody");
    for (uint32_t i = 0; i < known && used < DOCTOR_WHO; i++) {
        char name[20];
        name_of(file->pids[i], name);
        used += (size_t)snprintf(text + used, DOCTOR_WHO - used, "%s%d (%s)", i ? ", " : "", (int)file->pids[i], name);
    }
    if (file->pid_count > known && used < DOCTOR_WHO)
        snprintf(text + used, DOCTOR_WHO - used, " and %u more", file->pid_count - known);
    return text;
}
