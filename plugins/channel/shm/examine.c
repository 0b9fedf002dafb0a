#include "shm/examine.h"

#include "shm/users.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define READERS_MOST 256

struct folder {
    const char *path;
    const struct leat_examination *examination;
};

static void path_of(const struct folder *folder, const char *name, char path[PATH_MAX])
{
    const char *usual = getenv("LEAT_SHM_DIR");
    snprintf(path, PATH_MAX, "%s/leat.%s", folder->path ? folder->path : usual && *usual ? usual : "/dev/shm", name);
}

/* ---- what cannot be looked at --------------------------------------------------------------------------------------- */

static void tell_forbidden(const struct folder *folder, const char *name)
{
    char path[PATH_MAX], text[256];
    struct stat file;
    path_of(folder, name, path);
    const bool found = stat(path, &file) == 0;
    const struct passwd *owner = found ? getpwuid(file.st_uid) : NULL;
    snprintf(text, sizeof text, "it belongs to %.64s and has mode %04o: this user cannot read it",
             owner ? owner->pw_name : "another user", found ? (unsigned)(file.st_mode & 07777) : 0u);
    shm_tell(
        folder->examination, name, LEAT_FINDING_WARNING, "not-permitted", text,
        "Run the gateway as that user, or let its group in: shm.mode = 0660 and shm.group where the channel is made.");
}

static void tell_unreadable(const struct folder *folder, const char *name, int error)
{
    if (error == -ENOENT)
        shm_tell(folder->examination, name, LEAT_FINDING_NOTE, "not-there", "there is no such channel",
                 "Its producer makes it, or a bridge with shm.create = yes.");
    else if (error == -EACCES)
        tell_forbidden(folder, name);
    else if (error == LEAT_EVERSION)
        shm_tell(folder->examination, name, LEAT_FINDING_ERROR, "other-version", leat_error_text(),
                 "Stop its programs, remove it (leat channels --remove), and start them with one version of leat.");
    else
        shm_tell(folder->examination, name, LEAT_FINDING_ERROR, "damaged", leat_error_text(),
                 "Stop its programs and remove the file; whoever writes next makes it anew.");
}

/* ---- one channel ---------------------------------------------------------------------------------------------------- */

static void remove_stale(const struct folder *folder, const struct shm_case *found)
{
    const bool repair = folder->examination->repair && found->unused;
    const int error = repair ? leat_channel_remove(folder->path, found->name, 0) : 0;
    char subject[LEAT_NAME_MAX + 8], text[160];
    snprintf(subject, sizeof subject, "shm://%s", found->name);
    snprintf(text, sizeof text, "nobody has used it for %llu days; it holds %llu KiB of memory",
             (unsigned long long)((found->now_ns -
                                   (found->info.published_ns ? found->info.published_ns : found->info.created_ns)) /
                                  UINT64_C(86400000000000)),
             (unsigned long long)found->info.capacity_bytes >> 10);
    const struct leat_finding finding = {
        .size = sizeof finding,
        .grade = LEAT_FINDING_WARNING,
        .repair = !found->unused ? LEAT_REPAIR_NONE
                  : !repair      ? LEAT_REPAIR_POSSIBLE
                  : error        ? LEAT_REPAIR_FAILED
                                 : LEAT_REPAIR_DONE,
        .subject = subject,
        .code = "stale",
        .text = text,
        .remedy =
            error ? leat_error_text()
            : found->unused
                ? "Remove it: leat channels --remove."
                : "Look whose it is, and remove it: leat channels --remove; this user cannot see who has it open."};
    folder->examination->found(folder->examination->context, &finding);
}

/* A channel may vanish between the listing and the look at it. */
static void look(const struct folder *folder, const char *name, bool expected)
{
    static struct leat_reader_info readers[READERS_MOST];
    struct shm_case found = {.name = name, .info = {.size = sizeof found.info}, .readers = readers};
    struct timespec now;
    char path[PATH_MAX];
    for (size_t i = 0; i < READERS_MOST; i++)
        readers[i].size = sizeof readers[i];
    const int count = leat_channel_inspect(folder->path, name, &found.info, readers, READERS_MOST);
    if (count < 0) {
        if (expected || count != -ENOENT)
            tell_unreadable(folder, name, count);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    path_of(folder, name, path);
    found.reader_count = count < READERS_MOST ? (size_t)count : READERS_MOST;
    found.now_ns = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
    found.unused = users_are_none(path);
    if (!shm_judge(&found, folder->examination))
        remove_stale(folder, &found);
}

static int look_listed(const char *name, void *user)
{
    look(user, name, false);
    return 0;
}

int32_t shm_examine(const struct leat_host *host, const char *where, const void *of,
                    const struct leat_examination *examination)
{
    const struct shm_options *options = of;
    struct folder folder = {.path = options->directory, .examination = examination};
    if (where) {
        look(&folder, where, true);
        return 0;
    }
    const int error = leat_channel_list(folder.path, look_listed, &folder);
    if (error)
        host->log(host->context, LEAT_LOG_ERROR, leat_error_text());
    return error;
}
