#include "ipc/listen.h"

#include "common/account.h"
#include "ipc/path.h"

#include <errno.h>
#include <fcntl.h>
#include <nng/transport/ipc/ipc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWNER_ONLY 0600

/* ---- checking ---------------------------------------------------------------------------------------------------- */

/* Tries it on a file without a name: the kernel's answer needs no rules of ours, and leaves nothing behind. */
static int may_give(uid_t owner, gid_t group)
{
    int fd = memfd_create("owner", MFD_CLOEXEC);
    if (fd < 0)
        return 0; /* nothing to try it on: listening will say */
    int error = fchown(fd, owner, group) == 0 ? 0 : -errno;
    close(fd);
    return error;
}

static int32_t refuse(const struct leat_host *host, const char *option, const char *format, const char *name)
{
    char text[192];
    snprintf(text, sizeof text, format, name);
    host->blame(host->context, option, text);
    return -EINVAL;
}

int32_t ipc_listen_check(const struct leat_host *host, const struct ipc_options *options)
{
    int32_t result = 0;
    int64_t owner = account_user(options->owner), group = account_group(options->group);
    if (owner == ACCOUNT_UNKNOWN)
        result = refuse(host, "owner", "there is no user '%.64s' on this host", options->owner);
    else if (owner != ACCOUNT_NONE && may_give((uid_t)owner, (gid_t)-1) != 0)
        result = refuse(host, "owner", "only root may give a file to user '%.64s'", options->owner);
    if (group == ACCOUNT_UNKNOWN)
        result = refuse(host, "group", "there is no group '%.64s' on this host", options->group);
    else if (group != ACCOUNT_NONE && may_give((uid_t)-1, (gid_t)group) != 0)
        result = refuse(host, "group", "the gateway's user is not in group '%.64s', so it cannot give a file to it",
                        options->group);
    return result;
}

/* ---- listening --------------------------------------------------------------------------------------------------- */

static bool gives(const struct ipc_options *options)
{
    return options->owner || options->group;
}

static int set_mode(nng_listener listener, uint32_t mode)
{
    int code = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, (int)mode);
    return code == NNG_ENOTSUP ? 0 : code;
}

/* A file that is to be given away is the gateway's alone until it is. */
static int tune(nng_listener listener, const void *of)
{
    const struct ipc_options *options = of;
    return set_mode(listener, gives(options) ? OWNER_ONLY : options->mode);
}

/* By handle, never by name: in a folder that others may write to, the name may be another file's a moment later. */
static int give_handle(int fd, const struct ipc_options *options)
{
    char name[64];
    struct stat found;
    if (fstat(fd, &found) != 0 || !S_ISSOCK(found.st_mode))
        return -EEXIST;
    uid_t owner = (uid_t)account_user(options->owner);
    gid_t group = (gid_t)account_group(options->group);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    /* At each step only who is to be let in at the end is let in; and only an owner may change the mode. */
    if (fchownat(fd, "", (uid_t)-1, group, AT_EMPTY_PATH) != 0 || chmod(name, options->mode) != 0 ||
        fchownat(fd, "", owner, (gid_t)-1, AT_EMPTY_PATH) != 0)
        return -errno;
    return 0;
}

static int give(const char *url, const struct ipc_options *options)
{
    struct ipc_path path;
    char why[192];
    int error = ipc_path_parse(&path, url, why, sizeof why);
    if (error || path.abstract)
        return error;
    int fd = open(path.address.sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    error = give_handle(fd, options);
    close(fd);
    return error;
}

int32_t ipc_listen(const struct sp_attach *attach, nng_listener *listener)
{
    const struct ipc_options *options = attach->endpoint->options;
    struct sp_attach tuned = *attach;
    tuned.tune_listener = tune;
    int32_t error = sp_listen(&tuned, listener);
    if (error || !gives(options))
        return error;
    error = give(attach->endpoint->url, options);
    if (error) {
        nng_listener_close(*listener);
        snprintf(attach->explain, attach->explain_size, "%s: ipc.owner, ipc.group: %s", attach->endpoint->url,
                 strerror(-error));
    }
    return error;
}
