/* Files that do not fit, that others may not open, and memory that is about to run out. */
#include "cppipc/doctor_case.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define COUNT_BYTES 4u
#define UNICAST_RING_BYTES 20740u /* ipc::server and one client: another ring under the same name */
#define LITTLE (UINT64_C(1) << 20)

static const char *user_name(uid_t user, char text[32])
{
    const struct passwd *entry = getpwuid(user);
    if (entry)
        snprintf(text, 32, "%s", entry->pw_name);
    else
        snprintf(text, 32, "%u", (unsigned)user);
    return text;
}

/* ---- sizes ------------------------------------------------------------------------------------------------------------ */

static bool has_its_size(const struct doctor_file *file)
{
    switch (file->part) {
    case DOCTOR_RING:
        return file->size == sizeof(struct cppipc_ring) + COUNT_BYTES;
    case DOCTOR_POOL:
        return file->class_bytes % 1024 == 0 && file->class_bytes > 0 &&
               file->size == cppipc_pool_bytes(file->class_bytes) + COUNT_BYTES;
    case DOCTOR_OBJECT:
        return file->size == sizeof(struct cppipc_condition) + COUNT_BYTES ||
               file->size == sizeof(struct cppipc_mutex) + COUNT_BYTES;
    default:
        return true;
    }
}

static void judge_size(struct doctor *doctor, const struct doctor_file *file)
{
    if (has_its_size(file))
        return;
    bool unicast = file->part == DOCTOR_RING && file->size == UNICAST_RING_BYTES;
    doctor_tell(doctor, LEAT_FINDING_ERROR, LEAT_REPAIR_NONE, doctor_path(doctor, file->file), "wrong-size",
                "Build all its programs with cpp-ipc's own constants; when nobody uses the file, remove it.",
                "it has %llu bytes, %s", (unsigned long long)file->size,
                unicast ? "as of a unicast channel, which is no route and no channel"
                        : "and none of cpp-ipc 1.3.0 to 1.4.1 on a 64-bit machine makes it so");
}

/* ---- owners and modes ------------------------------------------------------------------------------------------------- */

static void judge_permission(struct doctor *doctor, const struct doctor_file *file)
{
    char owner[32], us[32];
    struct doctor_subject path = doctor_path(doctor, file->file);
    if (faccessat(AT_FDCWD, path.text, R_OK | W_OK, AT_EACCESS) < 0)
        doctor_tell(doctor, LEAT_FINDING_ERROR, LEAT_REPAIR_NONE, path, "not-permitted",
                    "Run the gateway and the programs as the same user, or the programs with umask 0.",
                    "it belongs to %s and has mode %04o: %s cannot use it", user_name(file->owner, owner),
                    (unsigned)file->mode, user_name(geteuid(), us));
    else if (file->part == DOCTOR_RING && (file->mode & 0006) != 0006)
        doctor_tell(doctor, LEAT_FINDING_NOTE, LEAT_REPAIR_NONE, path, "one-user",
                    "Where programs of other users are to take part: umask 0 (cpp-ipc 1.3), or cpp-ipc 1.4.",
                    "it has mode %04o: nobody but %s (and root) can use it", (unsigned)file->mode,
                    user_name(file->owner, owner));
}

static bool is_protected(const struct doctor *doctor)
{
    struct stat directory;
    FILE *setting = fopen("/proc/sys/fs/protected_regular", "re");
    int level = setting ? fgetc(setting) : '0';
    if (setting)
        fclose(setting);
    return level > '0' && stat(doctor->where.directory, &directory) == 0 && directory.st_mode & S_ISVTX &&
           directory.st_mode & S_IWOTH;
}

/* The kernel lets nobody, not even root, open with O_CREAT what belongs to another user in such a folder; cpp-ipc always does. */
static void judge_owners(struct doctor *doctor)
{
    const struct doctor_file *first = NULL;
    char one[32], other[32];
    for (size_t i = 0; i < doctor->file_count; i++) {
        const struct doctor_file *file = &doctor->files[i];
        if (file->part == DOCTOR_OURS || file->mappings == 0)
            continue;
        first = first ? first : file;
        if (file->owner == first->owner)
            continue;
        doctor_tell(doctor, LEAT_FINDING_WARNING, LEAT_REPAIR_NONE, doctor_path(doctor, file->file), "protected-files",
                    "Run them all as one user, or set fs.protected_regular = 0.",
                    "it belongs to %s and others to %s: with fs.protected_regular set, cpp-ipc's programs cannot open "
                    "another user's files in %s",
                    user_name(file->owner, one), user_name(first->owner, other), doctor->where.directory);
        return;
    }
}

/* ---- memory ----------------------------------------------------------------------------------------------------------- */

static void judge_memory(struct doctor *doctor)
{
    struct statvfs memory;
    struct doctor_subject subject;
    if (statvfs(doctor->where.directory, &memory) < 0 || memory.f_blocks == 0)
        return;
    snprintf(subject.text, sizeof subject.text, "%.200s", doctor->where.directory);
    uint64_t left = memory.f_bavail * memory.f_frsize, all = memory.f_blocks * memory.f_frsize;
    if (left < LITTLE || left < all / 20)
        doctor_tell(
            doctor, left < LITTLE ? LEAT_FINDING_ERROR : LEAT_FINDING_WARNING, LEAT_REPAIR_NONE, subject, "memory-full",
            "Remove what nobody uses, or give it more (mount -o remount,size=...).",
            "%llu of %llu KiB are left: cpp-ipc does not reserve its memory, and its programs die of SIGBUS when "
            "there is none",
            (unsigned long long)left / 1024, (unsigned long long)all / 1024);
}

void doctor_judge_access(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->file_count; i++) {
        if (doctor->files[i].part == DOCTOR_OURS || !doctor_asks_for(doctor, &doctor->files[i]))
            continue;
        judge_size(doctor, &doctor->files[i]);
        judge_permission(doctor, &doctor->files[i]);
    }
    if (is_protected(doctor))
        judge_owners(doctor);
    judge_memory(doctor);
}
