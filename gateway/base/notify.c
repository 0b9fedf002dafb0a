#include "base/notify.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STATUS_BYTES 256

static struct {
    int fd; /* connected to the manager; -1: nobody listens */
    int64_t watchdog_ns;
    char status[STATUS_BYTES];
} notify_state = {.fd = -1};

/* "/run/x", or "@x" for a name in the abstract space. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if ((*path != '/' && *path != '@') || len >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, len);
    if (*path == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 &&
        connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* WATCHDOG_PID says whom the manager watches: a program that the service started has inherited the variable by mistake. */
static int64_t read_watchdog_ns(void)
{
    const char *interval = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    long long us = interval ? strtoll(interval, NULL, 10) : 0;
    if (us <= 0 || us > INT64_MAX / NS_PER_US || (pid && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    return us * NS_PER_US;
}

void notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    notify_close();
    notify_state.fd = path ? connect_to(path) : -1;
    notify_state.watchdog_ns = notify_state.fd >= 0 ? read_watchdog_ns() : 0;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void notify_close(void)
{
    if (notify_state.fd >= 0)
        close(notify_state.fd);
    notify_state.fd = -1;
    notify_state.watchdog_ns = 0;
    notify_state.status[0] = '\0';
}

/* A manager that does not read is not waited for: it would stop every bridge's supervisor. */
static void tell(const char *message)
{
    if (notify_state.fd < 0)
        return;
    while (send(notify_state.fd, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR)
        ;
}

void notify_ready(void)
{
    tell("READY=1");
}

void notify_reloading(void)
{
    char message[64]; /* the time is what Type=notify-reload asks for */
    snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_ns() / NS_PER_US);
    tell(message);
}

void notify_stopping(void)
{
    tell("STOPPING=1");
}

void notify_status(const char *format, ...)
{
    char message[sizeof "STATUS=" + STATUS_BYTES] = "STATUS=", *status = message + strlen(message);
    va_list args;
    va_start(args, format);
    vsnprintf(status, STATUS_BYTES, format, args);
    va_end(args);
    text_make_plain(status); /* a new line would be a new assignment */
    if (strcmp(status, notify_state.status) == 0)
        return;
    snprintf(notify_state.status, sizeof notify_state.status, "%s", status);
    tell(message);
}

int64_t notify_watchdog_ns(void)
{
    return notify_state.watchdog_ns;
}

void notify_alive(void)
{
    tell("WATCHDOG=1");
}
