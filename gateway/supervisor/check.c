/* The checker: a process that loads the plugins, so that a plugin that crashes takes only it along. */
#include "base/process.h"
#include "supervisor/run.h"
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SILENCE_MS (20 * 1000)
#define OUTPUT_MAX (1u << 20) /* of what it says; a plugin may print to the same descriptor */

struct checker {
    struct process process;
    int output_fd;
    char *output;
    size_t output_len;
    bool hung;
    siginfo_t end;
};

static int start(struct checker *checker, const struct config *config, const char *program)
{
    int output[2], config_fd = config_send(config);
    if (config_fd < 0)
        return config_fd;
    int error = pipe2(output, O_CLOEXEC) != 0 ? -errno : 0;
    if (!error) {
        char *argv[] = {"leatd", "--checker", NULL};
        const struct process_fd fds[] = {{config_fd, WORKER_CONFIG_FD}, {output[1], STDOUT_FILENO}};
        error = process_spawn(
            &checker->process,
            &(struct process_spec){.path = program, .argv = argv, .fds = fds, .fd_count = 2, .death_signal = SIGKILL});
        close(output[1]);
        checker->output_fd = output[0];
        if (error)
            close(output[0]);
    }
    close(config_fd);
    return error;
}

/* One chunk of output. False at its end, or when there is nothing to read now. */
static bool take_output(struct checker *checker)
{
    if (checker->output_len ==
        OUTPUT_MAX) { /* a plugin's chatter: the checker's own words are few, and the last ones matter */
        checker->output_len = OUTPUT_MAX / 2;
        memcpy(checker->output, checker->output + OUTPUT_MAX / 2, OUTPUT_MAX / 2);
    }
    ssize_t got = read(checker->output_fd, checker->output + checker->output_len, OUTPUT_MAX - checker->output_len);
    if (got > 0)
        checker->output_len += (size_t)got;
    return got > 0;
}

/* Until it has ended: its end, and not that of the output, which a child of a plugin may hold open. */
static void listen_to(struct checker *checker)
{
    fcntl(checker->output_fd, F_SETFL, O_NONBLOCK);
    struct pollfd fds[] = {{.fd = checker->process.pidfd, .events = POLLIN},
                           {.fd = checker->output_fd, .events = POLLIN}};
    while (!fds[0].revents) {
        int ready = poll(fds, 2, SILENCE_MS);
        if (ready == 0) {
            checker->hung = true;
            pidfd_send_signal(checker->process.pidfd, SIGKILL, NULL, 0);
        } else if (fds[1].revents && !take_output(checker) && !(fds[1].revents & POLLIN)) {
            fds[1].fd = -1; /* it closed its output: only its end is awaited */
        }
    }
    while (take_output(checker))
        ;
    waitid(P_PIDFD, (id_t)checker->process.pidfd, &checker->end, WEXITED);
    close(checker->process.pidfd);
    close(checker->output_fd);
}

static bool starts_with(char *line, const char *word, char **rest)
{
    size_t len = strlen(word);
    if (strncmp(line, word, len) != 0 || (line[len] != ' ' && line[len] != '\t'))
        return false;
    *rest = line + len + 1;
    return true;
}

/* FILE, LINE and TEXT, separated by tabs. */
static void add_problem(struct problems *problems, char *fields)
{
    char *file = strsep(&fields, "\t"), *line = strsep(&fields, "\t"), *text = fields;
    if (!text)
        return;
    problems_add(problems, strcmp(file, "-") == 0 ? NULL : file, (unsigned)strtoul(line, NULL, 10), "%s", text);
}

/* What the lines say beside problems. */
struct course {
    const char *loading; /* the file that was loaded last, or NULL */
    bool done;           /* the checker came to its own end: no plugin ended the process before */
};

static struct course read_lines(char *output, struct problems *problems)
{
    struct course course = {0};
    char *line, *rest;
    while ((line = strsep(&output, "\n")) != NULL) {
        if (starts_with(line, "loading", &rest))
            course.loading = rest;
        else if (starts_with(line, "problem", &rest))
            add_problem(problems, rest);
        else if (strcmp(line, "done") == 0)
            course.done = true;
    }
    return course;
}

static void judge_end(const struct checker *checker, struct course course, struct problems *problems)
{
    char how[64];
    process_describe_end(how, sizeof how, &checker->end);
    bool exited = checker->end.si_code == CLD_EXITED;
    const char *loading = course.loading;
    if (exited && ((checker->end.si_status == 0 && course.done) || checker->end.si_status == WORKER_CONFIG))
        return;
    if (!loading)
        problems_add(problems, NULL, 0, "the checker %s before it had loaded a plugin",
                     checker->hung ? "did not move for 20 s" : how);
    else if (checker->hung)
        problems_add(problems, loading, 0, "plugin did not come back for 20 s while it was being loaded");
    else if (exited)
        problems_add(problems, loading, 0, "plugin ended its process while it was being loaded (%s)", how);
    else
        problems_add(problems, loading, 0, "plugin crashed while it was being loaded (SIG%s)",
                     sigabbrev_np(checker->end.si_status));
}

int supervisor_check_program(const struct config *config, const char *program, struct problems *problems)
{
    size_t before = problems->count;
    struct checker checker = {.output = malloc(OUTPUT_MAX + 1)};
    int error = checker.output ? start(&checker, config, program) : -ENOMEM;
    if (error) {
        problems_add(problems, NULL, 0, "the checker cannot be started: %s", strerror(-error));
    } else {
        listen_to(&checker);
        checker.output[checker.output_len] = '\0';
        judge_end(&checker, read_lines(checker.output, problems), problems);
        if (checker.end.si_code == CLD_EXITED && checker.end.si_status == WORKER_CONFIG && problems->count == before)
            problems_add(problems, NULL, 0, "the checker refuses the configuration but does not say why");
    }
    free(checker.output);
    return problems->count == before ? 0 : -EINVAL;
}

int supervisor_check(const struct config *config, struct problems *problems)
{
    return supervisor_check_program(config, "/proc/self/exe", problems);
}
