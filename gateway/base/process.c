#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPAWN_FAILED 127

uint64_t process_start_time(pid_t pid)
{
    char path[32], stat[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, stat, sizeof stat - 1);
    close(fd);
    if (len <= 0)
        return 0;
    stat[len] = '\0';

    /* The second field is the program's name in parentheses and may hold anything, so count from its end: the third field
     * follows there, and the start time is the 22nd. */
    const char *at = strrchr(stat, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at + 1, NULL, 10) : 0;
}

bool process_runs(pid_t pid)
{
    int fd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (fd < 0)
        return pid > 0 && errno != ESRCH && errno != EINVAL;
    bool ended = poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
    close(fd);
    return !ended;
}

int process_open(pid_t pid, uint64_t start_time)
{
    int fd = pidfd_open(pid, 0);
    if (fd < 0)
        return -errno;
    /* Only now the number cannot pass to another process unnoticed. One that has ended may wait for its reaper for ever. */
    bool ended = poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
    if (!ended && start_time != 0 && process_start_time(pid) == start_time)
        return fd;
    close(fd);
    return -ESRCH;
}

/* What stands between fork and exec: async-signal-safe calls only. Returns errno. */
static int become(const struct process_spec *spec, pid_t parent, int *report_fd)
{
    if (spec->death_signal) {
        if (prctl(PR_SET_PDEATHSIG, spec->death_signal) != 0)
            return errno;
        if (getppid() != parent) /* it died before the kernel knew of our wish */
            raise(SIGKILL);
    }

    setpgid(0, 0); /* Ctrl-C at a terminal is for the parent alone, which then decides */

    /* First all of them out of the way of all targets, then each to its place, where dup2() clears O_CLOEXEC. */
    int highest = STDERR_FILENO, moved[PROCESS_FDS_MAX];
    for (size_t i = 0; i < spec->fd_count; i++)
        if (spec->fds[i].target > highest)
            highest = spec->fds[i].target;
    for (size_t i = 0; i < spec->fd_count; i++)
        if ((moved[i] = fcntl(spec->fds[i].source, F_DUPFD_CLOEXEC, highest + 1)) < 0)
            return errno;
    if ((*report_fd = fcntl(*report_fd, F_DUPFD_CLOEXEC, highest + 1)) < 0)
        return errno;
    for (int fd = STDERR_FILENO + 1; fd <= highest; fd++)
        close(fd);
    for (size_t i = 0; i < spec->fd_count; i++)
        if (dup2(moved[i], spec->fds[i].target) < 0)
            return errno;
    close_range((unsigned)highest + 1, ~0u, CLOSE_RANGE_CLOEXEC); /* before Linux 5.11: what was inherited stays */

    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        signal(signal_number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(spec->path, spec->argv);
    return errno;
}

/* The end of file on this pipe is the successful exec. */
static int await_exec(int report_fd)
{
    int error = 0;
    ssize_t got;
    while ((got = read(report_fd, &error, sizeof error)) < 0 && errno == EINTR)
        ;
    return got == (ssize_t)sizeof error ? error : 0;
}

int process_spawn(struct process *process, const struct process_spec *spec)
{
    int report[2];
    if (spec->fd_count > PROCESS_FDS_MAX)
        return -E2BIG;
    if (pipe2(report, O_CLOEXEC) != 0)
        return -errno;

    /* Until exec no handler of ours may run in the child, which shares nothing but looks like the parent. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        int error = become(spec, parent, &report[1]);
        (void)!write(report[1], &error, sizeof error);
        _exit(SPAWN_FAILED);
    }
    int error = pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (!error)
        error = await_exec(report[0]);
    close(report[0]);

    int pidfd = error ? -1 : pidfd_open(pid, 0);
    if (!error && pidfd < 0)
        error = errno;
    if (error) {
        if (pid > 0) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
        }
        return -error;
    }
    *process = (struct process){.pid = pid, .start_time = process_start_time(pid), .pidfd = pidfd};
    return 0;
}

void process_describe_end(char *text, size_t size, const siginfo_t *end)
{
    if (end->si_code == CLD_EXITED) {
        snprintf(text, size, "exited with status %d", end->si_status);
        return;
    }
    const char *name = sigabbrev_np(end->si_status);
    const char *core = end->si_code == CLD_DUMPED ? " (core dumped)" : "";
    if (name)
        snprintf(text, size, "was killed by SIG%s%s", name, core);
    else
        snprintf(text, size, "was killed by signal %d%s", end->si_status, core);
}
