#include "supervisor/check.h"

#include "base/clock.h"
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
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SILENCE_NS (20 * NS_PER_S)
#define OUTPUT_MAX (1u << 20) /* of what it says; a plugin may print to the same descriptor */
#define OUTPUT_TAIL (64u << 10)
#define CHUNKS_MAX 32 /* in one turn */
#define WORD_BYTES 8  /* of the longest that begins one of its lines */

struct check {
    struct process process;
    int epoll_fd, output_fd; /* the output -1: it has closed it */
    char *output;
    size_t output_len;
    int64_t heard_ns; /* when it said something of its own last */
    bool hung, ended;
    siginfo_t end;
};

/* ---- the process ----------------------------------------------------------------------------------------------------- */

static int spawn(struct check *check, const struct config *config, const char *program)
{
    int output[2], config_fd = config_send(config);
    if (config_fd < 0)
        return config_fd;
    int error = pipe2(output, O_CLOEXEC) != 0 ? -errno : 0;
    if (!error) {
        char *argv[] = {"leatd", "--checker", NULL};
        const struct process_fd fds[] = {{config_fd, WORKER_CONFIG_FD}, {output[1], STDOUT_FILENO}};
        error = process_spawn(
            &check->process,
            &(struct process_spec){.path = program, .argv = argv, .fds = fds, .fd_count = 2, .death_signal = SIGKILL});
        close(output[1]);
        if (error)
            close(output[0]);
        else
            check->output_fd = output[0];
    }
    close(config_fd);
    return error;
}

static int watch(struct check *check, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(check->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static int open_check(struct check *check, const struct config *config, const char *program)
{
    check->output = malloc(OUTPUT_MAX + 1);
    check->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!check->output || check->epoll_fd < 0)
        return check->output ? -errno : -ENOMEM;
    int error = spawn(check, config, program);
    if (error) {
        check->ended = true;
        return error;
    }
    fcntl(check->output_fd, F_SETFL, O_NONBLOCK);
    check->heard_ns = clock_monotonic_ns();
    error = watch(check, check->output_fd);
    return error ? error : watch(check, check->process.pidfd);
}

int check_start(struct check **out, const struct config *config, const char *program)
{
    struct check *check = calloc(1, sizeof *check);
    if (!check)
        return -ENOMEM;
    *check = (struct check){.epoll_fd = -1, .output_fd = -1, .process.pidfd = -1};
    int error = open_check(check, config, program);
    if (error) {
        check_free(check);
        return error;
    }
    *out = check;
    return 0;
}

int check_fd(const struct check *check)
{
    return check->epoll_fd;
}

static void reap(struct check *check)
{
    waitid(P_PIDFD, (id_t)check->process.pidfd, &check->end, WEXITED);
    check->ended = true;
}

void check_free(struct check *check)
{
    if (!check)
        return;
    if (!check->ended) {
        pidfd_send_signal(check->process.pidfd, SIGKILL, NULL, 0);
        reap(check);
    }
    if (check->process.pidfd >= 0)
        close(check->process.pidfd);
    if (check->output_fd >= 0)
        close(check->output_fd);
    if (check->epoll_fd >= 0)
        close(check->epoll_fd);
    free(check->output);
    free(check);
}

/* ---- listening ------------------------------------------------------------------------------------------------------- */

/* A plugin that prints without end is no sign of life. */
static bool has_own_word(const char *bytes, size_t len)
{
    static const char *const words[] = {"loading ", "judging\t", "problem\t", "warning\t", "secret\t", "done\n"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (memmem(bytes, len, words[i], strlen(words[i])))
            return true;
    return false;
}

/* Of a plugin's chatter the middle goes: the checker's own words are few, and the first and the last ones matter. */
static void make_room(struct check *check)
{
    char *middle = check->output + OUTPUT_MAX / 2;
    memcpy(middle, check->output + OUTPUT_MAX - OUTPUT_TAIL, OUTPUT_TAIL);
    check->output_len = OUTPUT_MAX / 2 + OUTPUT_TAIL;
}

/* One chunk of output. False at its end, or when there is nothing to read now. */
static bool take_output(struct check *check)
{
    if (check->output_fd < 0)
        return false;
    if (check->output_len == OUTPUT_MAX)
        make_room(check);
    ssize_t got = read(check->output_fd, check->output + check->output_len, OUTPUT_MAX - check->output_len);
    if (got > 0) {
        size_t before =
            check->output_len < WORD_BYTES ? check->output_len : WORD_BYTES; /* it may have been cut in two */
        if (has_own_word(check->output + check->output_len - before, before + (size_t)got))
            check->heard_ns = clock_monotonic_ns();
        check->output_len += (size_t)got;
    } else if (got == 0) { /* only its end is awaited now */
        close(check->output_fd);
        check->output_fd = -1;
    }
    return got > 0;
}

bool check_turn(struct check *check, int timeout_ms)
{
    struct epoll_event events[2];
    int64_t left_ms = (check->heard_ns + SILENCE_NS - clock_monotonic_ns()) / NS_PER_MS + 1;
    if (left_ms < 0)
        left_ms = 0;
    epoll_wait(check->epoll_fd, events, 2, timeout_ms < 0 || timeout_ms > left_ms ? (int)left_ms : timeout_ms);
    /* Its end, and not that of the output, which a child of a plugin may hold open. */
    bool ended = poll(&(struct pollfd){.fd = check->process.pidfd, .events = POLLIN}, 1, 0) == 1;
    for (int i = 0; i < CHUNKS_MAX && take_output(check); i++)
        ; /* more than a pipe holds: after its end that is all it said */
    if (ended && !check->ended)
        reap(check);
    if (!ended && !check->hung && clock_monotonic_ns() - check->heard_ns >= SILENCE_NS) {
        check->hung = true;
        pidfd_send_signal(check->process.pidfd, SIGKILL, NULL, 0);
    }
    return check->ended;
}

/* ---- what it said ---------------------------------------------------------------------------------------------------- */

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

/* SECTION and KEY, separated by a tab. */
static void mark_secret(struct config *config, char *fields)
{
    char *section = strsep(&fields, "\t");
    if (fields)
        config_mark_secret(config, section, fields);
}

/* What the lines say beside problems. */
struct course {
    const char *loading; /* the file that is being loaded, or NULL */
    char *judging;       /* FILE, LINE and NAME of the bridge whose plugins are being asked, or NULL */
    bool done;           /* the checker came to its own end: no plugin ended the process before */
};

static struct course read_lines(char *output, struct config *config, struct problems *problems)
{
    struct course course = {0};
    char *line, *rest;
    while ((line = strsep(&output, "\n")) != NULL) {
        if (starts_with(line, "loading", &rest))
            course.loading = rest;
        else if (starts_with(line, "judging", &rest))
            course = (struct course){.judging = rest};
        else if (starts_with(line, "secret", &rest))
            mark_secret(config, rest);
        else if (starts_with(line, "problem", &rest))
            add_problem(problems, rest);
        else if (starts_with(line, "warning", &rest) && problems->warnings)
            add_problem(problems->warnings, rest);
        else if (strcmp(line, "done") == 0)
            course.done = true;
    }
    return course;
}

/* Blames the end on whom it belongs to: `what` it did, and `how`, or "". */
static void blame_end(const struct course *course, const char *what, const char *how, struct problems *problems)
{
    char *fields = course->judging;
    if (course->loading) {
        problems_add(problems, course->loading, 0, "plugin %s while it was being loaded%s", what, how);
    } else if (fields) {
        const char *file = strsep(&fields, "\t"), *line = strsep(&fields, "\t");
        problems_add(problems, file, (unsigned)strtoul(line ? line : "0", NULL, 10),
                     "a plugin of bridge '%s' %s while it judged its options%s", fields ? fields : "?", what, how);
    } else {
        problems_add(problems, NULL, 0, "the checker %s before it had loaded a plugin%s", what, how);
    }
}

static void judge_end(const struct check *check, struct course course, struct problems *problems)
{
    char end[64], how[80] = "";
    process_describe_end(end, sizeof end, &check->end);
    bool exited = check->end.si_code == CLD_EXITED;
    if (exited && ((check->end.si_status == 0 && course.done) || check->end.si_status == WORKER_CONFIG))
        return;
    if (exited)
        snprintf(how, sizeof how, " (%s)", end);
    else if (!check->hung)
        snprintf(how, sizeof how, " (SIG%s)", sigabbrev_np(check->end.si_status));
    blame_end(&course,
              check->hung ? "did not come back for 20 s"
              : exited    ? "ended its process"
                          : "crashed",
              how, problems);
}

int check_conclude(struct check *check, struct config *config, struct problems *problems)
{
    size_t before = problems->count;
    check->output[check->output_len] = '\0';
    judge_end(check, read_lines(check->output, config, problems), problems);
    if (check->end.si_code == CLD_EXITED && check->end.si_status == WORKER_CONFIG && problems->count == before)
        problems_add(problems, NULL, 0, "the checker refuses the configuration but does not say why");
    return problems->count == before ? 0 : -EINVAL;
}

/* ---- waiting for it -------------------------------------------------------------------------------------------------- */

int supervisor_check_program(struct config *config, const char *program, struct problems *problems)
{
    struct check *check;
    int error = check_start(&check, config, program);
    if (error) {
        problems_add(problems, NULL, 0, "the checker cannot be started: %s", strerror(-error));
        return -EINVAL;
    }
    while (!check_turn(check, -1))
        ;
    error = check_conclude(check, config, problems);
    check_free(check);
    return error;
}

int supervisor_check(struct config *config, struct problems *problems)
{
    return supervisor_check_program(config, "/proc/self/exe", problems);
}
