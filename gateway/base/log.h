/* The log: one line an event on stderr, with a level, who says it, and what happens next. Never one for each message. */
#ifndef LEAT_BASE_LOG_H
#define LEAT_BASE_LOG_H

#include <leat/plugin/host.h>

/* `who`: "gateway" or "bridge NAME", copied; at most `level` is written. Lines carry a local time with milliseconds on a
 * terminal or in a file, and an sd-daemon priority (<3>) without a time under systemd ($JOURNAL_STREAM). */
void log_open(const char *who, int level);

/* One line, written by one write(). Any thread. */
__attribute__((format(printf, 3, 4))) void log_line(int level, const char *who, const char *format, ...);

#define log_error(...) log_line(LEAT_LOG_ERROR, NULL, __VA_ARGS__)
#define log_warning(...) log_line(LEAT_LOG_WARNING, NULL, __VA_ARGS__)
#define log_info(...) log_line(LEAT_LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_line(LEAT_LOG_DEBUG, NULL, __VA_ARGS__)

#endif
