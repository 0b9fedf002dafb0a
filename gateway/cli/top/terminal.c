#include "cli/top/terminal.h"

#include "base/clock.h"
#include "cli/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* The other screen, no cursor, no wrapping at the right edge; and back. */
#define TAKE "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"

static struct termios found;
static bool keys;
static volatile sig_atomic_t resized;

static int number_of(const char *variable)
{
    const char *text = getenv(variable);
    long value = text ? strtol(text, NULL, 10) : 0;
    return value > 0 && value < 10000 ? (int)value : 0;
}

void terminal_size(int *columns, int *lines)
{
    struct winsize size = {0};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    *columns = number_of("COLUMNS");
    *lines = number_of("LINES");
    *columns = *columns ? *columns : size.ws_col;
    *lines = *lines ? *lines : size.ws_row;
}

static void on_resize(int signal)
{
    (void)signal;
    resized = 1;
}

void terminal_open(void)
{
    const struct sigaction action = {.sa_handler = on_resize};
    sigaction(SIGWINCH, &action, NULL);
    keys = tcgetattr(STDIN_FILENO, &found) == 0;
    if (keys) {
        struct termios raw = found;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    fputs(TAKE, stdout);
    fflush(stdout);
}

void terminal_close(void)
{
    fputs(LEAVE, stdout);
    fflush(stdout);
    if (keys) {
        tcsetattr(STDIN_FILENO, TCSANOW, &found);
    }
}

static bool readable(int timeout_ms)
{
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&fd, 1, timeout_ms) > 0;
}

static int read_byte(void)
{
    unsigned char byte;
    return read(STDIN_FILENO, &byte, 1) == 1 ? byte : -1;
}

/* ESC [ A, or ESC O A; another sequence is no key of ours. */
static int read_sequence(void)
{
    int last = TERMINAL_NOTHING;
    while (readable(0) && (last = read_byte()) >= 0) {
        if ((last >= 'A' && last <= 'Z' && last != 'O') || last == '~') {
            break;
        }
    }
    return last == 'A' ? TERMINAL_UP : last == 'B' ? TERMINAL_DOWN : TERMINAL_NOTHING;
}

int terminal_key(int64_t deadline_ns)
{
    while (!interrupted()) {
        int64_t left_ns = interrupt_slice_ns(deadline_ns);
        if (resized) {
            resized = 0;
            return TERMINAL_RESIZED;
        }
        if (left_ns == 0) {
            return TERMINAL_NOTHING;
        }
        if (!keys) {
            interrupt_sleep_until(clock_monotonic_ns() + left_ns);
        } else if (readable((int)((left_ns + NS_PER_MS - 1) / NS_PER_MS))) {
            int byte = read_byte();
            return byte == '\033' ? read_sequence() : byte;
        }
    }
    return TERMINAL_NOTHING;
}
