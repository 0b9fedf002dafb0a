#include "plugin/guard.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK_BYTES 65536 /* a plugin that runs out of stack crashes too */

/* Everything a signal handler needs is put together before the crash. */
static struct {
    int fd, status;
    char place[768]; /* "FILE \t LINE \t [section] key = value: " */
    char line[1024];
    volatile sig_atomic_t entered;
} guard = {.fd = -1};

static const struct {
    int number;
    const char *end;
} crashes[] = {{SIGSEGV, " (SIGSEGV)\n"}, {SIGBUS, " (SIGBUS)\n"}, {SIGABRT, " (SIGABRT)\n"},
               {SIGFPE, " (SIGFPE)\n"},   {SIGILL, " (SIGILL)\n"}, {SIGSYS, " (SIGSYS)\n"}};

static void say(const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        const ssize_t done = write(guard.fd, text, len);
        if (done <= 0)
            return;
        text += done;
        len -= (size_t)done;
    }
}

/* SA_RESETHAND: returning repeats the crash, now with its ordinary end. */
static void on_crash(int number)
{
    if (!guard.entered)
        return;
    say(guard.line);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++) {
        if (crashes[i].number == number)
            say(crashes[i].end);
    }
    _exit(guard.status);
}

void guard_install(int fd, int status)
{
    static char stack[STACK_BYTES];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)(SA_RESETHAND | SA_ONSTACK | SA_NODEFER)};
    guard.fd = fd;
    guard.status = status;
    sigaltstack(&own, NULL);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
        sigaction(crashes[i].number, &action, NULL);
}

void guard_place(const struct config *config, const struct config_bridge *bridge, const char *key, const char *value)
{
    const struct config_entry *entry = config_find(config, bridge->section, key);
    snprintf(guard.place, sizeof(guard.place), "%s\t%u\t[%s] %s = %s: ", entry != NULL ? entry->file : bridge->file,
             entry != NULL ? entry->line : bridge->line, bridge->section, key,
             entry != NULL && entry->secret ? "(secret)" : value);
}

void guard_enter(const char *name, const char *doing)
{
    snprintf(guard.line, sizeof(guard.line), "problem\t%splugin %s.so crashed while it was %s",
             guard.place[0] != '\0' ? guard.place : "-\t0\t", name, doing);
    guard.entered = 1;
}

void guard_leave(void)
{
    guard.entered = 0;
}
