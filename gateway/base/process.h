/* Processes: telling one from a later one with the same number, and starting this program again with given descriptors. */
#ifndef LEAT_BASE_PROCESS_H
#define LEAT_BASE_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* When it started, in clock ticks since boot (/proc/PID/stat, field 22): with the pid, a name that is never used twice. 0:
 * there is no such process. */
uint64_t process_start_time(pid_t pid);

/* Whether some process of that number runs; one that has ended and waits for its reaper does not. */
bool process_runs(pid_t pid);

/* A pidfd of exactly that process; -ESRCH when it has ended, even if its number lives on or nobody has reaped it yet. */
int process_open(pid_t pid, uint64_t start_time);

struct process_fd {
    int source, target;
};

/* How to start a process. It gets standard streams as they are, the descriptors of `fds` under their target numbers (from 3
 * upwards; 1 to catch its output), and no others; default signal dispositions, an empty signal mask and a process group of its own. */
struct process_spec {
    const char *path;
    char *const *argv;
    const struct process_fd *fds;
    size_t fd_count;
    int death_signal; /* what it gets when the thread that started it dies; 0: nothing */
};

#define PROCESS_FDS_MAX 8

struct process {
    pid_t pid;
    uint64_t start_time;
    int pidfd;
};

/* Starts it and returns after its exec: 0, or -errno of whatever failed, exec included; nothing is left then. The caller reaps
 * it through `pidfd` and closes that. */
int process_spawn(struct process *process, const struct process_spec *spec);

/* How a process ended, from waitid(): "was killed by SIGKILL", "exited with status 70". */
void process_describe_end(char *text, size_t size, const siginfo_t *end);

#endif
