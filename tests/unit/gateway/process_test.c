#include "base/process.h"
#include "shm_folder.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Runs a shell line with these descriptors and returns how it ended. */
static siginfo_t run(char *line, const struct process_fd *fds, size_t count)
{
    char *argv[] = {"sh", "-c", line, NULL};
    const struct process_spec spec = {.path = "/bin/sh", .argv = argv, .fds = fds, .fd_count = count};
    struct process process;
    siginfo_t end = {0};
    cr_assert_eq(process_spawn(&process, &spec), 0);
    cr_assert_eq(waitid(P_PIDFD, (id_t)process.pidfd, &end, WEXITED), 0);
    cr_assert_eq(end.si_pid, process.pid);
    close(process.pidfd);
    return end;
}

static const char *text_of(int fd)
{
    static char text[4096];
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

Test(process, descriptors_arrive_under_their_numbers_even_when_they_cross)
{
    /* The two sources have each other's target numbers. */
    int out = memfd_create("out", MFD_CLOEXEC), a = memfd_create("a", 0), b = memfd_create("b", 0);
    cr_assert_eq(write(a, "A", 1) + write(b, "B", 1), 2);
    cr_assert_eq(lseek(a, 0, SEEK_SET) + lseek(b, 0, SEEK_SET), 0);
    dup3(a, 24, O_CLOEXEC);
    dup3(b, 23, O_CLOEXEC);
    const struct process_fd fds[] = {{24, 23}, {23, 24}, {out, 1}};
    siginfo_t end = run("cat /proc/self/fd/23 /proc/self/fd/24", fds, 3);
    cr_assert_eq(end.si_status, 0);
    cr_assert_str_eq(text_of(out), "AB");
}

Test(process, no_other_descriptor_is_inherited)
{
    int out = memfd_create("out", MFD_CLOEXEC);
    cr_assert_geq(open("/dev/null", O_RDONLY), 0); /* without O_CLOEXEC */
    const struct process_fd fds[] = {{out, 1}};
    run("for fd in /proc/$$/fd/*; do case ${fd##*/} in 0|1|2|10) ;; *) [ -e $fd ] && echo $fd;; esac; done", fds, 1);
    cr_assert_str_empty(text_of(out));
}

Test(process, blocked_and_ignored_signals_are_not_inherited)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGPIPE, SIG_IGN);
    int out = memfd_create("out", MFD_CLOEXEC);
    const struct process_fd fds[] = {{out, 1}};
    run("grep -E '^Sig(Blk|Ign)' /proc/self/status", fds, 1);
    cr_assert_str_eq(text_of(out), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

Test(process, what_cannot_be_executed_is_an_error_and_leaves_no_process)
{
    char *argv[] = {"nothing", NULL};
    struct process process;
    cr_assert_eq(process_spawn(&process, &(struct process_spec){.path = "/nonexistent/x", .argv = argv}), -ENOENT);
    cr_assert_eq(process_spawn(&process, &(struct process_spec){.path = "/dev/null", .argv = argv}), -EACCES);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
    cr_assert_eq(errno, ECHILD);
}

Test(process, how_it_ended_is_said_in_words)
{
    char text[64];
    siginfo_t end = run("exit 70", NULL, 0);
    process_describe_end(text, sizeof text, &end);
    cr_assert_str_eq(text, "exited with status 70");
    end = run("kill -KILL $$", NULL, 0);
    process_describe_end(text, sizeof text, &end);
    cr_assert_str_eq(text, "was killed by SIGKILL");
}

Test(process, the_start_time_tells_a_process_from_its_numbers_next_owner)
{
    uint64_t start = process_start_time(getpid());
    cr_assert_gt(start, 0);
    int fd = process_open(getpid(), start);
    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(process_open(getpid(), start + 1), -ESRCH);
    cr_assert_eq(process_start_time(0x3fffffff), 0);
}

Test(process, a_name_with_parentheses_and_spaces_does_not_confuse_it)
{
    uint64_t start = process_start_time(getpid());
    prctl(PR_SET_NAME, ") 1 2 3 (x");
    cr_assert_eq(process_start_time(getpid()), start);
}

Test(process, the_death_of_its_parent_reaches_it)
{
    int report[2];
    cr_assert_eq(pipe2(report, O_CLOEXEC), 0);
    pid_t parent = fork();
    if (parent == 0) {
        char *argv[] = {"sleep", "1000", NULL};
        struct process process;
        const struct process_spec spec = {.path = "/bin/sleep", .argv = argv, .death_signal = SIGTERM};
        int error = process_spawn(&process, &spec);
        (void)!write(report[1], &process, sizeof process);
        raise(error ? SIGABRT : SIGKILL);
    }
    struct process process;
    cr_assert_eq(read(report[0], &process, sizeof process), (ssize_t)sizeof process);
    int child = process_open(process.pid, process.start_time); /* -ESRCH: it is gone already */
    if (child >= 0)
        cr_assert_eq(poll(&(struct pollfd){.fd = child, .events = POLLIN}, 1, 20000), 1, "it lives on");
    cr_assert_eq(waitpid(parent, NULL, 0), parent);
}

Test(process, a_key_pressed_at_the_terminal_is_not_for_it)
{
    int out = memfd_create("out", MFD_CLOEXEC);
    const struct process_fd fds[] = {{out, 1}};
    run("cut -d ' ' -f 5 /proc/$$/stat; echo $$", fds, 1);
    int group = 0, pid = 1;
    sscanf(text_of(out), "%d %d", &group, &pid);
    cr_assert_eq(group, pid);
}

Test(process, one_that_ended_but_was_not_reaped_is_gone)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    siginfo_t end;
    cr_assert_eq(waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT), 0);
    cr_assert_gt(process_start_time(pid), 0);
    cr_assert_eq(process_open(pid, process_start_time(pid)), -ESRCH);
}
