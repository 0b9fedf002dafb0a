#include "base/page_file.h"
#include "cli/doctor/areas.h"
#include "cli/quantity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define SHOWN 3
#define WARNING_SHARE 0.80
#define ERROR_SHARE 0.95

struct file {
    char name[256];
    uint64_t bytes;
    uid_t owner;
};

const char *doctor_user_name(uid_t user, char text[32])
{
    const struct passwd *entry = getpwuid(user);
    if (entry) {
        snprintf(text, 32, "%s", entry->pw_name);
    } else {
        snprintf(text, 32, "%u", (unsigned)user);
    }
    return text;
}

/* Keeps the largest, the first one first. */
static void keep(struct file largest[SHOWN], const struct file *file)
{
    for (size_t i = 0; i < SHOWN; i++) {
        if (file->bytes > largest[i].bytes) {
            memmove(&largest[i + 1], &largest[i], (SHOWN - 1 - i) * sizeof *largest);
            largest[i] = *file;
            return;
        }
    }
}

static void find_largest(const char *folder, struct file largest[SHOWN])
{
    DIR *opened = opendir(folder);
    for (const struct dirent *entry; opened && (entry = readdir(opened));) {
        struct stat status;
        struct file file;
        if (fstatat(dirfd(opened), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode)) {
            file = (struct file){.bytes = (uint64_t)status.st_blocks * 512, .owner = status.st_uid};
            snprintf(file.name, sizeof file.name, "%s", entry->d_name);
            keep(largest, &file);
        }
    }
    if (opened) {
        closedir(opened);
    }
}

/* "leat.quotes 4 MiB (feed), ..." */
static void list_largest(const char *folder, char *text, size_t size)
{
    struct file largest[SHOWN] = {0};
    char bytes[QUANTITY_BYTES], owner[32];
    size_t used = 0;
    find_largest(folder, largest);
    text[0] = '\0';
    for (size_t i = 0; i < SHOWN && largest[i].bytes > 0 && used < size; i++) {
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s %s (%s)", used ? ", " : "; most of it: ", largest[i].name,
                             format_size(bytes, (double)largest[i].bytes), doctor_user_name(largest[i].owner, owner));
    }
}

void doctor_memory(struct doctor_report *report)
{
    const char *folder = page_file_directory(NULL);
    struct statvfs memory;
    char all[QUANTITY_BYTES], files[1024];
    if (statvfs(folder, &memory) != 0 || memory.f_blocks == 0) {
        doctor_tell(report, "memory",
                    (struct leat_finding){.grade = LEAT_FINDING_ERROR,
                                          .subject = folder,
                                          .code = "no-shared-memory",
                                          .remedy = "Mount a tmpfs there, or name another folder in LEAT_SHM_DIR."},
                    "shared memory cannot be used: %s", strerror(errno));
        return;
    }
    const double share = 1 - (double)memory.f_bavail / (double)memory.f_blocks;
    list_largest(folder, files, sizeof files);
    doctor_tell(report, "memory",
                (struct leat_finding){
                    .grade = share >= ERROR_SHARE     ? LEAT_FINDING_ERROR
                             : share >= WARNING_SHARE ? LEAT_FINDING_WARNING
                                                      : LEAT_FINDING_GOOD,
                    .subject = folder,
                    .code = share >= WARNING_SHARE ? "memory-full" : "memory",
                    .remedy = share >= WARNING_SHARE
                                  ? "Remove channels that nobody uses (leat channels --remove), or give it more: "
                                    "mount -o remount,size=2G; new channels are refused when there is no room."
                                  : NULL},
                "%.0f %% of %s are in use%s", share * 100,
                format_size(all, (double)memory.f_blocks * (double)memory.f_frsize), files);
}
