#include "stage.h"

#include "pair.h"
#include "peers.h"
#include "sample.h"

#include <leat/channel.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- processes -------------------------------------------------------------------------------------------------- */

#define CHILDREN_MOST 4

struct child {
    pid_t pid;
    FILE *output;
};

static struct child children[CHILDREN_MOST];
static size_t child_count;

FILE *stage_start(char *const *arguments)
{
    int ends[2];
    if (child_count == CHILDREN_MOST || pipe(ends) < 0) {
        pair_fail("no pipe");
    }
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(arguments[0], arguments);
        _exit(127);
    }
    close(ends[1]);
    FILE *output = fdopen(ends[0], "r");
    if (pid < 0 || !output) {
        pair_fail("%s cannot be started", arguments[0]);
    }
    children[child_count++] = (struct child){pid, output};
    return output;
}

FILE *stage_start_peer(const char *part, const char *first, const char *second, const char *third)
{
    char *arguments[] = {"/proc/self/exe", (char *)part, (char *)first, (char *)second, (char *)third, NULL};
    return stage_start(arguments);
}

void stage_stop_all(void)
{
    while (child_count > 0) {
        const struct child *child = &children[--child_count];
        kill(child->pid, SIGTERM);
        waitpid(child->pid, NULL, 0);
        fclose(child->output);
    }
}

void stage_start_gateway(const struct stage *stage, const char *url, const char *lines)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/bench.ini", stage->folder);
    FILE *file = fopen(path, "w");
    if (!file) {
        pair_fail("%s: %s", path, strerror(errno));
    }
    fprintf(file,
            "[gateway]\nname = bench\nlog_level = warning\ndrain_timeout = 100ms\n\n"
            "[bridge.bench]\npattern = pipeline\ndirection = out\nchannel = shm://bench\ndial = %s\n%s",
            url, lines);
    fclose(file);
    char *arguments[] = {(char *)stage->leatd, "-c", path, NULL};
    stage_start(arguments);
}

/* ---- what the puller says --------------------------------------------------------------------------------------- */

static void expect_line(int matched, int wanted, const char *who)
{
    if (matched != wanted) {
        pair_fail("%s: the puller gave no figure", who);
    }
}

void stage_read_url(FILE *puller, char *url, size_t size, const char *who)
{
    char format[32];
    snprintf(format, sizeof format, "listening %%%zus", size - 1);
    expect_line(fscanf(puller, format, url), 1, who);
}

double stage_read_rate(const struct stage *stage, FILE *puller, const char *who)
{
    uint64_t messages, missing;
    double seconds;
    alarm((unsigned)stage->time_ms / 1000 + 30);
    expect_line(fscanf(puller, " rate %" SCNu64 " %lf %" SCNu64, &messages, &seconds, &missing), 3, who);
    alarm(0);
    stage_stop_all();
    leat_channel_remove(NULL, "bench", 1); /* what is left in it belongs to this run; not every run has one */
    if (missing > 0) {
        pair_fail("%s: %" PRIu64 " messages are missing", who, missing);
    }
    return (double)messages / seconds;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------ */

static char folder[] = "/dev/shm/leat-bench-XXXXXX";

static void clean_up(void)
{
    char command[64 + sizeof folder];
    for (size_t i = 0; i < child_count; i++) {
        kill(children[i].pid, SIGKILL);
    }
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) {
        fprintf(stderr, "%s could not be removed\n", folder);
    }
}

void stage_play_part(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "producer") == 0) {
        peer_producer(argv[2], strtoul(argv[3], NULL, 10));
    }
    if (argc == 4 && strcmp(argv[1], "best") == 0) {
        peer_best_sender(argv[2], strtoul(argv[3], NULL, 10));
    }
    if (argc == 5 && strcmp(argv[1], "loop") == 0) {
        peer_loop_sender(argv[2], argv[3], strtoul(argv[4], NULL, 10));
    }
    if (argc == 5 && strcmp(argv[1], "puller") == 0) {
        peer_puller(strtoul(argv[2], NULL, 10), atoi(argv[3]), atoi(argv[4]));
    }
}

/* A signal, the alarm's too, ends the wait for a figure, and with it this program by its proper way out. */
static void wake_up(int signal)
{
    (void)signal;
}

static void catch_signals(void)
{
    const struct sigaction action = {.sa_handler = wake_up};
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* leatd beside this program. */
static void find_leatd(char *leatd)
{
    const ssize_t len = readlink("/proc/self/exe", leatd, PATH_MAX - sizeof "leatd");
    char *slash = len > 0 ? memrchr(leatd, '/', (size_t)len) : NULL;
    if (slash) {
        strcpy(slash + 1, "leatd");
    }
}

static void parse(struct stage *stage, int argc, char **argv)
{
    static const struct option options[] = {
        {"runs", required_argument, NULL, 'r'},  {"time", required_argument, NULL, 't'},
        {"leatd", required_argument, NULL, 'l'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},        {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'r':
            stage->runs = atoi(optarg);
            break;
        case 't':
            stage->time_ms = atoi(optarg);
            break;
        case 'l':
            snprintf(stage->leatd, sizeof stage->leatd, "%s", optarg);
            break;
        case 'j':
            stage->json = true;
            break;
        default:
            printf("usage: %s [--runs=N] [--time=MS] [--leatd=FILE] [--json]\n", argv[0]);
            exit(option == 'h' ? 0 : 64);
        }
    }
    if (stage->runs < 1 || stage->runs > SAMPLES_MOST || stage->time_ms < 10) {
        pair_fail("--runs is 1 to %d, --time at least 10", SAMPLES_MOST);
    }
}

void stage_open(struct stage *stage, int argc, char **argv)
{
    find_leatd(stage->leatd);
    parse(stage, argc, argv);
    if (access(stage->leatd, X_OK) < 0) {
        pair_fail("%s: %s", stage->leatd, strerror(errno));
    }
    if (!mkdtemp(folder)) {
        pair_fail("%s: %s", folder, strerror(errno));
    }
    snprintf(stage->folder, sizeof stage->folder, "%s", folder);
    atexit(clean_up);
    catch_signals();
    setenv("LEAT_SHM_DIR", folder, 1);
}
