#include "cli/doctor/areas.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define MUCH 80 /* percent */

/* The soft limit of that name; UINT64_MAX: none, or it cannot be read. */
static uint64_t limit_of(pid_t pid, const char *name)
{
    char path[64], line[256];
    unsigned long long limit = UINT64_MAX;
    snprintf(path, sizeof path, "/proc/%d/limits", (int)pid);
    FILE *limits = fopen(path, "re");
    while (limits && fgets(line, sizeof line, limits)) {
        if (strncmp(line, name, strlen(name)) == 0 && sscanf(line + strlen(name), "%llu", &limit) != 1) {
            limit = UINT64_MAX; /* "unlimited" */
        }
    }
    if (limits) {
        fclose(limits);
    }
    return limit;
}

static uint64_t count_files(pid_t pid)
{
    char path[64];
    uint64_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        count += entry->d_name[0] != '.';
    }
    if (folder) {
        closedir(folder);
    }
    return count;
}

void doctor_limits(struct doctor_report *report, const char *subject, pid_t pid)
{
    const uint64_t files = limit_of(pid, "Max open files"), open = count_files(pid);
    const uint64_t bytes = limit_of(pid, "Max file size");
    if (files != UINT64_MAX && open * 100 >= files * MUCH) {
        doctor_tell(report, "gateway",
                    (struct leat_finding){.grade = LEAT_FINDING_WARNING,
                                          .subject = subject,
                                          .code = "descriptors",
                                          .remedy =
                                              "Raise the limit (LimitNOFILE= of the service, ulimit -n), or bound "
                                              "the bridge's peers."},
                    "pid %d has %llu of at most %llu descriptors open: the next peers are refused", (int)pid,
                    (unsigned long long)open, (unsigned long long)files);
    }
    if (bytes != UINT64_MAX) {
        doctor_tell(report, "gateway",
                    (struct leat_finding){.grade = LEAT_FINDING_WARNING,
                                          .subject = subject,
                                          .code = "file-size",
                                          .remedy = "Take the limit away (LimitFSIZE= of the service, ulimit -f)."},
                    "pid %d may make no file above %llu bytes: a larger channel cannot be created", (int)pid,
                    (unsigned long long)bytes);
    }
}
