/* An outward bridge in its place: messages a second from a channel through leatd to a puller over tcp, beside what nng does at
 * its best without any gateway, and beside the loop that one would write by hand.
 *
 *     bridge [--runs=N] [--time=MS] [--leatd=FILE] [--json]
 *
 *     bridge  producer -> block channel -> leatd (pipeline, tcp) -> puller with 16 asynchronous receives
 *     best    sender with 64 asynchronous sends                  -> the same puller
 *     loop    producer -> block channel -> leat_read, nng_send   -> puller that blocks in nng_recvmsg
 *
 * The three take turns, so that what the machine does meanwhile meets all alike; medians and their ratios are printed. */
#include "pair.h"
#include "peers.h"
#include "sample.h"

#include <leat/channel.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum contender { BRIDGE, BEST, LOOP, CONTENDERS };
static const char *const contender_names[] = {"bridge", "best", "loop"};
static const char *const contender_texts[] = {"through leatd", "nng's own best", "hand-written loop"};

static const size_t sizes[] = {64, 16 << 10};

#define AIM_BEST 0.9
#define AIM_LOOP 5.0 /* at 64 B */

static int runs = 5, time_ms = 1000;
static bool json;
static char leatd[PATH_MAX];
static char folder[] = "/dev/shm/leat-bench-XXXXXX"; /* channels, the gateway's page, its configuration */

/* ---- processes -------------------------------------------------------------------------------------------------- */

#define CHILDREN_MOST 4

struct child {
    pid_t pid;
    FILE *output;
};

static struct child children[CHILDREN_MOST];
static size_t child_count;

/* Starts a program; what it prints can be read from the result. */
static FILE *start(char *const *arguments)
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

/* A process of this program in another part. NULL ends the arguments. */
static FILE *start_peer(const char *part, const char *first, const char *second, const char *third)
{
    char *arguments[] = {"/proc/self/exe", (char *)part, (char *)first, (char *)second, (char *)third, NULL};
    return start(arguments);
}

/* The last one started is stopped first, so nobody sees a peer go that it still needs. */
static void stop_all(void)
{
    while (child_count > 0) {
        const struct child *child = &children[--child_count];
        kill(child->pid, SIGTERM);
        waitpid(child->pid, NULL, 0);
        fclose(child->output);
    }
}

/* ---- one run ---------------------------------------------------------------------------------------------------- */

static void write_configuration(char *path, size_t size, const char *url)
{
    snprintf(path, size, "%s/bench.ini", folder);
    FILE *file = fopen(path, "w");
    if (!file) {
        pair_fail("%s: %s", path, strerror(errno));
    }
    fprintf(file,
            "[gateway]\nname = bench\nlog_level = warning\ndrain_timeout = 100ms\n\n"
            "[bridge.bench]\npattern = pipeline\ndirection = out\nchannel = shm://bench\ndial = %s\n",
            url);
    fclose(file);
}

static void start_senders(enum contender contender, const char *url, const char *size)
{
    static char configuration[PATH_MAX];
    if (contender == BEST) {
        start_peer("best", url, size, NULL);
        return;
    }
    if (contender == LOOP) {
        start_peer("loop", "bench", url, size);
    } else {
        write_configuration(configuration, sizeof configuration, url);
        char *arguments[] = {leatd, "-c", configuration, NULL};
        start(arguments);
    }
    start_peer("producer", "bench", size, NULL);
}

static void expect_line(int matched, int wanted, enum contender contender)
{
    if (matched != wanted) {
        pair_fail("%s: the puller gave no figure", contender_texts[contender]);
    }
}

/* Messages a second that reached the puller. */
static double measure(enum contender contender, size_t message_size)
{
    char size[24], time[24], url[128];
    uint64_t messages, missing;
    double seconds;
    snprintf(size, sizeof size, "%zu", message_size);
    snprintf(time, sizeof time, "%d", time_ms);
    FILE *puller = start_peer("puller", size, time, contender == LOOP ? "0" : "1");
    expect_line(fscanf(puller, "listening %127s", url), 1, contender);
    start_senders(contender, url, size);
    alarm((unsigned)time_ms / 1000 + 30);
    expect_line(fscanf(puller, " rate %" SCNu64 " %lf %" SCNu64, &messages, &seconds, &missing), 3, contender);
    alarm(0);
    stop_all();
    leat_channel_remove(NULL, "bench", 1); /* what is left in it belongs to this run; there is none after `best` */
    if (missing > 0) {
        pair_fail("%s, %zu bytes: %" PRIu64 " messages are missing", contender_texts[contender], message_size, missing);
    }
    return (double)messages / seconds;
}

/* ---- the report ------------------------------------------------------------------------------------------------- */

static void print_row(size_t size, double rates[CONTENDERS][SAMPLES_MOST])
{
    double middle[CONTENDERS];
    for (int i = 0; i < CONTENDERS; i++) {
        middle[i] = median(rates[i], (size_t)runs);
    }
    const double best = middle[BRIDGE] / middle[BEST], loop = middle[BRIDGE] / middle[LOOP];
    if (json) {
        printf("%s\n  {\"benchmark\": \"bridge\", \"transport\": \"tcp\", \"size\": %zu, \"unit\": \"messages/s\", "
               "\"runs\": %d",
               size == sizes[0] ? "[" : ",", size, runs);
        for (int i = 0; i < CONTENDERS; i++) {
            printf(", \"%s\": [%.0f, %.0f, %.0f]", contender_names[i], middle[i], rates[i][0], rates[i][runs - 1]);
        }
        printf(", \"bridge/best\": %.3f, \"bridge/loop\": %.3f}", best, loop);
        return;
    }
    printf("out-bridge, pipeline over tcp, %zu B, median of %d runs [least..most], messages/s\n", size, runs);
    for (int i = 0; i < CONTENDERS; i++) {
        printf("  %-18s %9.0f  [%.0f..%.0f]\n", contender_texts[i], middle[i], rates[i][0], rates[i][runs - 1]);
    }
    printf("  bridge / best      %9.2f  (aim: %.1f)\n  bridge / loop      %9.2f", best, AIM_BEST, loop);
    printf(size == 64 ? "  (aim: %.0f)\n" : "\n", AIM_LOOP);
    fflush(stdout);
}

static void compare(size_t size)
{
    double rates[CONTENDERS][SAMPLES_MOST];
    for (int run = 0; run < runs; run++) {
        for (int i = 0; i < CONTENDERS; i++) {
            const int contender = (run + i) % CONTENDERS; /* nobody is always the one after the same other */
            rates[contender][run] = measure((enum contender)contender, size);
        }
    }
    print_row(size, rates);
}

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

/* The other parts that this program plays; see peers.h. */
static void play_part(int argc, char **argv)
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
static void find_leatd(void)
{
    const ssize_t len = readlink("/proc/self/exe", leatd, sizeof leatd - sizeof "leatd");
    char *slash = len > 0 ? memrchr(leatd, '/', (size_t)len) : NULL;
    if (slash) {
        strcpy(slash + 1, "leatd");
    }
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"runs", required_argument, NULL, 'r'},  {"time", required_argument, NULL, 't'},
        {"leatd", required_argument, NULL, 'l'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},        {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'r':
            runs = atoi(optarg);
            break;
        case 't':
            time_ms = atoi(optarg);
            break;
        case 'l':
            snprintf(leatd, sizeof leatd, "%s", optarg);
            break;
        case 'j':
            json = true;
            break;
        default:
            printf("usage: %s [--runs=N] [--time=MS] [--leatd=FILE] [--json]\n", argv[0]);
            exit(option == 'h' ? 0 : 64);
        }
    }
    if (runs < 1 || runs > SAMPLES_MOST || time_ms < 10) {
        pair_fail("--runs is 1 to %d, --time at least 10", SAMPLES_MOST);
    }
}

int main(int argc, char **argv)
{
    play_part(argc, argv);
    find_leatd();
    parse(argc, argv);
    if (access(leatd, X_OK) < 0) {
        pair_fail("%s: %s", leatd, strerror(errno));
    }
    if (!mkdtemp(folder)) {
        pair_fail("%s: %s", folder, strerror(errno));
    }
    atexit(clean_up);
    catch_signals();
    setenv("LEAT_SHM_DIR", folder, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        compare(sizes[i]);
    }
    if (json) {
        puts("\n]");
    }
    return 0;
}
