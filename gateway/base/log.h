/* The log: one line an event on stderr, with a level, who says it, and what happens next. Never one for each message. */
#ifndef LEAT_BASE_LOG_H
#define LEAT_BASE_LOG_H

#include <leat/plugin/host.h>

/* `who`: "gateway" or "bridge NAME", copied; at most `level` is written. Lines carry a local time with milliseconds on a
 * terminal or in a file. Where stderr is systemd's journal ($JOURNAL_STREAM) they go to its own socket instead, with the fields PRIORITY,
 * LEAT_BRIDGE, LEAT_PROCESS and MESSAGE_ID, which is the same for all lines of one kind; or, where that is not there, to stderr with an
 * sd-daemon priority (<3>) and no time. */
void log_open(const char *who, int level);

/* The same, with the journal at that socket. */
void log_open_journal(const char *who, int level, const char *socket);

/* One line, written by one write(). Any thread. */
__attribute__((format(printf, 3, 4))) void log_line(int level, const char *who, const char *format, ...);

/* The same where one format serves several kinds of line: `kind` says which this is. */
__attribute__((format(printf, 4, 5))) void log_event(const char *kind, int level, const char *who, const char *format,
                                                     ...);

#define log_error(...) log_line(LEAT_LOG_ERROR, NULL, __VA_ARGS__)
#define log_warning(...) log_line(LEAT_LOG_WARNING, NULL, __VA_ARGS__)
#define log_info(...) log_line(LEAT_LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_line(LEAT_LOG_DEBUG, NULL, __VA_ARGS__)

#endif
