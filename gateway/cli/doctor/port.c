/* Who listens at a port, from /proc: by its socket's number, the process that has it open. */
#include "cli/doctor/areas.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_LISTEN 0x0a

struct listener {
    unsigned long inode;
    unsigned user;
};

static bool find_in(const char *table, unsigned port, struct listener *listener)
{
    char line[512];
    bool found = false;
    FILE *sockets = fopen(table, "re");
    while (sockets && !found && fgets(line, sizeof line, sockets)) {
        unsigned at, state;
        found = sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %u %*s %lu", &at, &state, &listener->user,
                       &listener->inode) == 4 &&
                at == port && state == STATE_LISTEN;
    }
    if (sockets) {
        fclose(sockets);
    }
    return found;
}

static bool has_open(const char *process, unsigned long inode)
{
    char path[300], target[64], wanted[64];
    bool found = false;
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    snprintf(path, sizeof path, "/proc/%s/fd", process);
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder && !found && (entry = readdir(folder));) {
        const ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    if (folder) {
        closedir(folder);
    }
    return found;
}

static void name_of(const char *process, char name[32])
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/comm", process);
    FILE *comm = fopen(path, "re");
    if (!comm || !fgets(name, 32, comm)) {
        strcpy(name, "?");
    }
    name[strcspn(name, "\n")] = '\0';
    if (comm) {
        fclose(comm);
    }
}

bool doctor_port_holder(unsigned port, char *text, size_t size)
{
    struct listener listener;
    char user[32], name[32];
    if (!find_in("/proc/net/tcp", port, &listener) && !find_in("/proc/net/tcp6", port, &listener)) {
        return false;
    }
    doctor_user_name(listener.user, user);
    snprintf(text, size, "a process of user %s that this user may not look into", user);
    DIR *proc = opendir("/proc");
    for (const struct dirent *entry; proc && (entry = readdir(proc));) {
        if (isdigit((unsigned char)entry->d_name[0]) && has_open(entry->d_name, listener.inode)) {
            name_of(entry->d_name, name);
            snprintf(text, size, "%s (pid %s, user %s)", name, entry->d_name, user);
            break;
        }
    }
    if (proc) {
        closedir(proc);
    }
    return true;
}
