#include "base/log.h"

#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define LINE_BYTES 2048 /* a longer line is cut; one write() of it is whole also on a pipe (PIPE_BUF is 4096) */

struct level {
    const char *word, *colour;
    int syslog_priority;
};

static const struct level levels[] = {
    [LEAT_LOG_ERROR] = {"error", "\033[1;31m", 3},
    [LEAT_LOG_WARNING] = {"warning", "\033[33m", 4},
    [LEAT_LOG_INFO] = {"info", "", 6},
    [LEAT_LOG_DEBUG] = {"debug", "\033[2m", 7},
};

static struct {
    char who[96];
    int level;
    bool journal, colours;
    int journal_fd; /* connected to its own socket; -1: lines go to stderr, with their priority */
} log_state = {.who = "gateway", .level = LEAT_LOG_INFO, .journal_fd = -1};

/* Whether stderr is the very stream that systemd announced; a program started by a service may have redirected its own. */
static bool stderr_is_journal(void)
{
    const char *announced = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    if (!announced || sscanf(announced, "%llu:%llu", &device, &inode) != 2 || fstat(STDERR_FILENO, &st) != 0)
        return false;
    return (unsigned long long)st.st_dev == device && (unsigned long long)st.st_ino == inode;
}

static int connect_to_journal(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

void log_open_journal(const char *who, int level, const char *socket)
{
    snprintf(log_state.who, sizeof log_state.who, "%s", who);
    log_state.level = level;
    log_state.journal = true;
    log_state.colours = false;
    if (log_state.journal_fd < 0)
        log_state.journal_fd = connect_to_journal(socket);
}

void log_open(const char *who, int level)
{
    if (stderr_is_journal()) {
        log_open_journal(who, level, JOURNAL_SOCKET);
        return;
    }
    snprintf(log_state.who, sizeof log_state.who, "%s", who);
    log_state.level = level;
    log_state.journal = false;
    log_state.colours = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
}

/* ---- the journal's own protocol: FIELD=value, a line each ------------------------------------------------------------- */

/* FNV-1a. Not to be secret or without any collision, only the same for the same text for ever. */
static uint64_t hash(const char *text, uint64_t seed)
{
    for (; *text; text++)
        seed = (seed ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return seed;
}

/* False: the journal does not take it, and nobody waits for it. */
static bool tell_journal(const char *kind, int level, const char *who, const char *text)
{
    static const char bridge[] = "bridge ";
    char fields[LINE_BYTES + 512];
    const bool of_bridge = strncmp(who, bridge, sizeof bridge - 1) == 0;
    int len = snprintf(fields, sizeof fields,
                       "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=leatd\nLEAT_PROCESS=%s\nMESSAGE_ID=%016" PRIx64
                       "%016" PRIx64 "\n%s%s%s",
                       text, levels[level].syslog_priority, log_state.who, hash(kind, UINT64_C(0xcbf29ce484222325)),
                       hash(kind, UINT64_C(0x6c656174)), of_bridge ? "LEAT_BRIDGE=" : "",
                       of_bridge ? who + sizeof bridge - 1 : "", of_bridge ? "\n" : "");
    return len > 0 && (size_t)len < sizeof fields &&
           send(log_state.journal_fd, fields, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) == len;
}

/* ---- lines ------------------------------------------------------------------------------------------------------------ */

static size_t put_prefix(char *line, size_t size, const struct level *level)
{
    if (log_state.journal)
        return (size_t)snprintf(line, size, "<%d>", level->syslog_priority);

    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    size_t len = strftime(line, size, "%Y-%m-%d %H:%M:%S", &local);
    const char *colour = log_state.colours ? level->colour : "";
    return len + (size_t)snprintf(line + len, size - len, ".%03ld %s%-7s%s ", now.tv_nsec / 1000000, colour,
                                  level->word, *colour ? "\033[0m" : "");
}

static void write_line(const char *line, size_t len)
{
    while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
        ;
}

static void log_arguments(const char *kind, int level, const char *who, const char *format, va_list args)
{
    if (level < LEAT_LOG_ERROR || level > log_state.level || level > LEAT_LOG_DEBUG)
        return;

    int saved_errno = errno;
    who = who ? who : log_state.who;
    char line[LINE_BYTES];
    size_t prefix = put_prefix(line, sizeof line, &levels[level]);
    size_t len = prefix + (size_t)snprintf(line + prefix, sizeof line - prefix, "%s: ", who);
    int wanted = len < sizeof line ? vsnprintf(line + len, sizeof line - len, format, args) : 0;

    text_make_plain(line + prefix);
    len = prefix + strlen(line + prefix);
    if (wanted > 0 && len == sizeof line - 1)
        memcpy(line + len - 3, "...", 3);
    if (log_state.journal_fd < 0 || !tell_journal(kind, level, who, line + prefix)) {
        line[len] = '\n'; /* over the terminating NUL */
        write_line(line, len + 1);
    }
    errno = saved_errno;
}

void log_line(int level, const char *who, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_arguments(format, level, who, format, args);
    va_end(args);
}

void log_event(const char *kind, int level, const char *who, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_arguments(kind, level, who, format, args);
    va_end(args);
}
