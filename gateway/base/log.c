#include "base/log.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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
} log_state = {.who = "gateway", .level = LEAT_LOG_INFO};

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

void log_open(const char *who, int level)
{
    snprintf(log_state.who, sizeof log_state.who, "%s", who);
    log_state.level = level;
    log_state.journal = stderr_is_journal();
    log_state.colours = !log_state.journal && isatty(STDERR_FILENO) && !getenv("NO_COLOR");
}

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

void log_line(int level, const char *who, const char *format, ...)
{
    if (level < LEAT_LOG_ERROR || level > log_state.level || level > LEAT_LOG_DEBUG)
        return;

    int saved_errno = errno;
    char line[LINE_BYTES];
    size_t prefix = put_prefix(line, sizeof line, &levels[level]);
    size_t len = prefix + (size_t)snprintf(line + prefix, sizeof line - prefix, "%s: ", who ? who : log_state.who);
    va_list args;
    va_start(args, format);
    int wanted = len < sizeof line ? vsnprintf(line + len, sizeof line - len, format, args) : 0;
    va_end(args);

    text_make_plain(line + prefix);
    len = prefix + strlen(line + prefix);
    if (wanted > 0 && len == sizeof line - 1)
        memcpy(line + len - 3, "...", 3);
    line[len] = '\n'; /* over the terminating NUL */
    write_line(line, len + 1);
    errno = saved_errno;
}
