#include "ipc/path.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GREETING_BYTES 8
#define ANSWER_MS 500

/* ---- parsing ----------------------------------------------------------------------------------------------------- */

static int refuse(char *why, size_t size, const char *sentence)
{
    snprintf(why, size, "%s", sentence);
    return -EINVAL;
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Undoes %XX. The length, or -1 when it is malformed or too long. */
static int decode(const char *text, char *out, size_t size)
{
    size_t len = 0;
    for (; *text; text++) {
        char c = *text;
        if (c == '%') {
            int high = hex(text[1]), low = high < 0 ? -1 : hex(text[2]);
            if (low < 0)
                return -1;
            c = (char)(high << 4 | low);
            text += 2;
        }
        if (len == size)
            return -1;
        out[len++] = c;
    }
    return (int)len;
}

static int parse_abstract(struct ipc_path *path, const char *name, char *why, size_t size)
{
    int len = decode(name, path->address.sun_path + 1, sizeof path->address.sun_path - 1);
    if (len < 0)
        return refuse(why, size, "the name is longer than 107 bytes, or has a % without two hexadecimal digits");
    path->abstract = true;
    path->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    return 0;
}

int ipc_path_parse(struct ipc_path *path, const char *url, char *why, size_t size)
{
    *path = (struct ipc_path){.address.sun_family = AF_UNIX, .address_len = sizeof(struct sockaddr_un)};
    const char *rest = strstr(url, "://");
    if (!rest || !rest[3])
        return refuse(why, size, "a path must follow, as in ipc:///run/leat/quotes.sock");
    rest += 3;
    if (strncmp(url, "abstract:", 9) == 0)
        return parse_abstract(path, rest, why, size);
    if (strlen(rest) >= sizeof path->address.sun_path) {
        snprintf(why, size, "the path has %zu bytes, a local socket's path at most %zu", strlen(rest),
                 sizeof path->address.sun_path - 1);
        return -EINVAL;
    }
    strcpy(path->address.sun_path, rest);
    return 0;
}

/* ---- knocking ---------------------------------------------------------------------------------------------------- */

/* A signal begins the wait anew: they are rare, and the bound is a rough one. */
static int await(int fd, short events, int timeout_ms)
{
    struct pollfd waiting = {.fd = fd, .events = events};
    int ready;
    do
        ready = poll(&waiting, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    return ready > 0 ? 0 : ready == 0 ? -ETIMEDOUT : -errno;
}

static int read_greeting(int fd, int timeout_ms)
{
    uint8_t greeting[GREETING_BYTES];
    for (size_t have = 0; have < sizeof greeting;) {
        int error = await(fd, POLLIN, timeout_ms);
        if (error)
            return error;
        ssize_t got = read(fd, greeting + have, sizeof greeting - have);
        if (got < 0 && errno != EAGAIN)
            return -errno;
        if (got == 0)
            return -EPROTO;
        have += got > 0 ? (size_t)got : 0;
    }
    return memcmp(greeting, "\0SP\0", 4) == 0 ? 0 : -EPROTO;
}

static int greet(int fd, int timeout_ms)
{
    static const uint8_t greeting[GREETING_BYTES] = {0, 'S', 'P', 0, 0xff, 0xff, 0, 0}; /* no protocol's number */
    int error = read_greeting(fd, timeout_ms);
    if (error)
        return error;
    return send(fd, greeting, sizeof greeting, MSG_NOSIGNAL) == (ssize_t)sizeof greeting ? 0 : -EPROTO;
}

int ipc_path_knock(const struct ipc_path *path, int timeout_ms)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int result = -EAGAIN; /* its backlog is full: it listens, but does not answer */
    if (connect(fd, (const struct sockaddr *)&path->address, path->address_len) == 0)
        result = greet(fd, timeout_ms);
    else if (errno != EAGAIN)
        result = -errno;
    close(fd);
    return result == -EAGAIN ? -ETIMEDOUT : result;
}

/* ---- trying ------------------------------------------------------------------------------------------------------ */

static int in_use(const struct ipc_path *path, char *why, size_t size)
{
    int answer = ipc_path_knock(path, ANSWER_MS);
    if (answer == -ECONNREFUSED || answer == -ENOENT)
        return 0;
    if (answer == -EACCES) {
        snprintf(why, size, "a socket of another user is there");
        return -EACCES;
    }
    snprintf(why, size, "another program listens there");
    return -EADDRINUSE;
}

static int try_folder(const struct ipc_path *path, char *why, size_t size)
{
    char folder[sizeof path->address.sun_path];
    strcpy(folder, path->address.sun_path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        strcpy(folder, ".");
    else
        slash[slash == folder] = '\0'; /* keeps the one of "/" */
    struct stat found;
    if (stat(folder, &found) != 0) {
        snprintf(why, size, "folder '%s': %s", folder, strerror(errno));
        return -errno;
    }
    if (!S_ISDIR(found.st_mode)) {
        snprintf(why, size, "'%s' is not a folder", folder);
        return -ENOTDIR;
    }
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0) {
        snprintf(why, size, "no permission to create a file in folder '%s'", folder);
        return -EACCES;
    }
    return 0;
}

int ipc_path_try(const struct ipc_path *path, char *why, size_t size)
{
    if (path->abstract)
        return in_use(path, why, size);
    int error = try_folder(path, why, size);
    if (error)
        return error;
    struct stat found;
    if (lstat(path->address.sun_path, &found) != 0)
        return 0;
    if (!S_ISSOCK(found.st_mode)) {
        snprintf(why, size, "'%s' exists and is not a socket", path->address.sun_path);
        return -EEXIST;
    }
    return in_use(path, why, size);
}
