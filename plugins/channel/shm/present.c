#include "shm/present.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_BYTES 320

/* As libleat looks for it. */
static const char *folder_of(const struct shm_options *options)
{
    const char *named = getenv("LEAT_SHM_DIR");
    return options->directory ? options->directory : named && *named ? named : "/dev/shm";
}

static void warn(const struct leat_host *host, const char *name, const char *text)
{
    char line[TEXT_BYTES + 160];
    snprintf(line, sizeof line, "channel '%s': %s", name, text);
    host->log(host->context, LEAT_LOG_WARNING, line);
}

static bool may_write(const struct leat_channel_info *info)
{
    if (geteuid() == 0)
        return true;
    if (info->uid == geteuid())
        return (info->mode & S_IWUSR) != 0;
    return (info->mode & (group_member(info->gid) ? S_IWGRP : S_IWOTH)) != 0;
}

static const char *owner_of(const struct leat_channel_info *info, char *text, size_t size)
{
    const struct passwd *user = getpwuid(info->uid);
    if (user)
        return user->pw_name;
    snprintf(text, size, "uid %u", info->uid);
    return text;
}

static void check_place(const struct leat_host *host, const char *name, const struct shm_options *options)
{
    char text[TEXT_BYTES];
    const char *folder = folder_of(options);
    if (euidaccess(folder, W_OK | X_OK) == 0)
        return;
    snprintf(text, sizeof text, "cannot be made in '%.200s': %s", folder, strerror(errno));
    warn(host, name, text);
}

void shm_check_present(const struct leat_host *host, const char *name, const struct shm_options *options, bool outward)
{
    struct leat_channel_info info = {.size = sizeof info};
    char text[TEXT_BYTES], owner[32];
    int found = leat_channel_inspect(options->directory, name, &info, NULL, 0);
    if (found == -ENOENT) {
        if (!outward || options->create)
            check_place(host, name, options);
    } else if (found < 0) {
        snprintf(text, sizeof text, "what is there cannot be used: %.200s", leat_error_text());
        warn(host, name, text);
    } else if ((!outward || info.policy == LEAT_BLOCK) && !may_write(&info)) {
        snprintf(text, sizeof text, "belongs to %s, and this user may not write to it (mode %04o)%s",
                 owner_of(&info, owner, sizeof owner), info.mode & 0777u,
                 outward ? ", as a reader of a block channel has to" : "");
        warn(host, name, text);
    }
}
