#include "ipc/strays.h"

#include "common/sp_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/transport/ipc/ipc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Whether a listener of this process has a pipe to process `pid`. */
static bool has_pipe(nng_stat *stats, pid_t pid)
{
    for (nng_stat *node = nng_stat_child(stats); node; node = nng_stat_next(node)) {
        uint64_t peer;
        if (strcmp(nng_stat_name(node), "pipe") != 0 || sp_stats_value(node, "listener") == 0)
            continue;
        nng_pipe pipe = {.id = (uint32_t)sp_stats_value(node, "id")};
        if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &peer) == 0 && (pid_t)peer == pid)
            return true;
    }
    return false;
}

/* The peer's process when `fd` is an accepted connection to the socket at `path`, otherwise -1. */
static pid_t peer_at(int fd, const char *path)
{
    struct sockaddr_un own = {0};
    struct ucred peer;
    int listens = 1;
    socklen_t own_len = sizeof own - 1, listens_len = sizeof listens, peer_len = sizeof peer;
    if (getsockname(fd, (struct sockaddr *)&own, &own_len) != 0 || own.sun_family != AF_UNIX ||
        strcmp(own.sun_path, path) != 0)
        return -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_len) != 0 || listens)
        return -1;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) == 0 ? peer.pid : -1;
}

/* Works on a duplicate: the number may belong to something else a moment later, the duplicate may not. */
static bool hang_up(int number, const char *path, nng_stat *stats)
{
    int fd = fcntl(number, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return false;
    pid_t pid = peer_at(fd, path);
    bool stray = pid >= 0 && !has_pipe(stats, pid);
    if (stray)
        shutdown(fd, SHUT_RDWR);
    close(fd);
    return stray;
}

int ipc_strays_hang_up(const char *path)
{
    nng_stat *stats;
    if (nng_stats_get(&stats) != 0)
        return 0;
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            count += hang_up(atoi(entry->d_name), path, stats);
    if (folder)
        closedir(folder);
    nng_stats_free(stats);
    return count;
}

static bool listens_at(int fd, const struct ipc_path *path)
{
    struct sockaddr_un own = {0};
    int listens = 0;
    socklen_t own_len = sizeof own, listens_len = sizeof listens;
    if (getsockname(fd, (struct sockaddr *)&own, &own_len) != 0 || own_len != path->address_len ||
        memcmp(&own, &path->address, own_len) != 0)
        return false;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_len) == 0 && listens;
}

int ipc_strays_take_name(const struct ipc_path *path)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        int fd = entry->d_name[0] == '.' ? -1 : atoi(entry->d_name);
        if (fd < 0 || !listens_at(fd, path))
            continue;
        int nameless = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (nameless < 0)
            break;
        count += dup3(nameless, fd, O_CLOEXEC) == fd;
        close(nameless);
    }
    if (folder)
        closedir(folder);
    return count;
}
