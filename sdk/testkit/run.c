/* Each test in a process of its own, with a folder of its own and a time limit. */
#include "subject.h"
#include "tests.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_BYTES_MAX (UINT64_C(256) << 20) /* a test fills no disk, whatever an option's bound allows */
#define PRINTED_TEXT 200
#define HUNG_MAX 2 /* tests that did not end; nobody waits for more */
#define TABLES 4   /* of tests that need a loaded plugin */

struct run {
    const struct testkit *kit;
    const char *only;           /* NULL: all */
    int output;                 /* a memfd that all tests share: what plugins print */
    char printed[PRINTED_TEXT]; /* the first of it, and in which test */
    int failed;
    int hung;
    bool interrupted;
    const char *gate; /* the test whose failure makes the rest impossible; NULL: none yet */
};

static const char silence[] = "it prints nothing: its log goes through the host";

/* ---- folders --------------------------------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    remove(path);
    return 0;
}

/* Shared memory with the name that the test's channel had, where a plugin keeps it outside of $LEAT_SHM_DIR. */
static int remove_shared(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    if (type == FTW_F && walk->level == 1 && strstr(path, strrchr(test_subject.folder, '/') + 1))
        remove(path);
    return 0;
}

static bool make_folder(void)
{
    const char *temporary = getenv("TMPDIR");
    bool fits = temporary && strlen(temporary) < sizeof test_subject.folder - sizeof "/leat-plugin-XXXXXX";
    snprintf(test_subject.folder, sizeof test_subject.folder, "%s/leat-plugin-XXXXXX", fits ? temporary : "/tmp");
    return mkdtemp(test_subject.folder) != NULL;
}

static void remove_folder(void)
{
    nftw(test_subject.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    nftw("/dev/shm", remove_shared, 16, FTW_PHYS);
}

/* ---- the test's process ---------------------------------------------------------------------------------------------- */

static _Noreturn void be_the_test(const struct run *run, const struct test_row *test, pid_t parent, bool loads)
{
    const struct rlimit no_core = {0, 0}, file = {FILE_BYTES_MAX, FILE_BYTES_MAX};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    setpgid(0, 0);
    setrlimit(RLIMIT_CORE, &no_core);
    setrlimit(RLIMIT_FSIZE, &file);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN); /* as in a gateway */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    dup2(run->output, STDOUT_FILENO);
    dup2(run->output, STDERR_FILENO);
    setenv("LEAT_SHM_DIR", test_subject.folder, 1);
    if (chdir(test_subject.folder) != 0)
        test_fail("the suite cannot enter %s", test_subject.folder);
    if (loads)
        subject_load();
    test_run(test->run);
}

/* Whether some thread has been in a call for longer than any may take. */
static bool hangs(void)
{
    const int64_t now = test_now_ns();
    for (size_t i = 0; i < TEST_THREADS; i++)
        if (atomic_load(&test_notes->calling[i]) && now - atomic_load(&test_notes->since_ns[i]) > TEST_CALL_NS &&
            atomic_load(&test_notes->calling[i]))
            return true;
    return false;
}

static bool is_interrupted(struct run *run)
{
    run->interrupted |= run->kit->interrupted && run->kit->interrupted();
    return run->interrupted;
}

/* False: it did not end in time and was killed. */
static bool await(struct run *run, pid_t child, unsigned seconds, siginfo_t *end)
{
    int pidfd = (int)syscall(SYS_pidfd_open, child, 0), ready = 0;
    struct pollfd poller = {.fd = pidfd, .events = POLLIN};
    const int64_t until = test_now_ns() + seconds * TEST_S;
    while (ready <= 0 && test_now_ns() < until && !hangs() && !is_interrupted(run))
        ready = poll(&poller, 1, 100);
    kill(-child, SIGKILL);
    kill(child, SIGKILL);
    while (waitid(P_PID, (id_t)child, end, WEXITED) != 0 && errno == EINTR)
        ;
    close(pidfd);
    return ready > 0;
}

/* ---- what it came to ------------------------------------------------------------------------------------------------- */

/* "borrow, claim": the plugin's functions that some thread was in. */
static void list_calls(char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0, used = 0; i < TEST_THREADS && used < size; i++) {
        const char *function = atomic_load(&test_notes->calling[i]);
        if (function)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " and " : "", function);
    }
}

/* Why a test ended that did not say so itself. */
static void explain_end(const siginfo_t *end, bool in_time, unsigned seconds)
{
    char calls[256], *text = test_notes->text;
    const size_t size = sizeof test_notes->text;
    list_calls(calls, sizeof calls);
    const char *inside = calls[0] ? calls : "no call of ours: a thread of its own, or the suite";
    const char *name = end->si_code == CLD_EXITED ? NULL : sigabbrev_np(end->si_status);
    if (!in_time && hangs())
        snprintf(text, size, "%s did not return within %lld s", calls, (long long)(TEST_CALL_NS / TEST_S));
    else if (!in_time)
        snprintf(text, size, "the test was not done after %u s", seconds);
    else if (end->si_code == CLD_EXITED)
        snprintf(text, size, "it ended its process with exit status %d in %s", end->si_status, inside);
    else
        snprintf(text, size, "it crashed with SIG%s in %s", name ? name : "?", inside);
    size_t used = strlen(text);
    if (test_notes->trying[0] && used < size)
        snprintf(text + used, size - used, ", with %s", test_notes->trying);
}

/* What was printed since `from`: noted once, for the last result. */
static void look_at_output(struct run *run, const char *test, off_t from)
{
    char line[96] = "";
    off_t to = lseek(run->output, 0, SEEK_END);
    if (to <= from)
        return;
    ssize_t len = pread(run->output, line, sizeof line - 1, from);
    line[len > 0 ? strcspn(line, "\n") : 0] = '\0';
    if (!run->printed[0])
        snprintf(run->printed, sizeof run->printed, "it printed '%s' (in '%s')", line, test);
    size_t used = strlen(test_notes->notes);
    if (used + sizeof line + 16 < sizeof test_notes->notes)
        snprintf(test_notes->notes + used, sizeof test_notes->notes - used, "printed: %s\n", line);
}

static void report(struct run *run, const char *name, enum test_state state, int64_t took_ns)
{
    const struct testkit_result result = {.name = name,
                                          .reason = test_notes->text,
                                          .notes = test_notes->notes,
                                          .verdict = state == TEST_PASSED    ? TESTKIT_OK
                                                     : state == TEST_SKIPPED ? TESTKIT_SKIPPED
                                                                             : TESTKIT_FAILED,
                                          .seconds = (double)took_ns / (double)TEST_S};
    run->failed += result.verdict == TESTKIT_FAILED;
    run->kit->result(run->kit->context, &result);
}

/* Runs one test; its outcome is in test_notes. */
static enum test_state run_test(struct run *run, const struct test_row *test, bool loads)
{
    memset(test_notes, 0, sizeof *test_notes);
    if (!make_folder()) {
        snprintf(test_notes->text, sizeof test_notes->text, "the suite cannot make %s: %s", test_subject.folder,
                 strerror(errno));
        return TEST_FAILED;
    }
    const off_t printed = lseek(run->output, 0, SEEK_END);
    const pid_t parent = getpid(), child = fork();
    if (child == 0)
        be_the_test(run, test, parent, loads);
    siginfo_t end = {0};
    bool in_time = child > 0 && await(run, child, test->seconds, &end);
    enum test_state state = (enum test_state)atomic_load(&test_notes->state);
    if (state == TEST_RUNNING) {
        explain_end(&end, in_time, test->seconds);
        run->hung += !in_time;
        state = TEST_FAILED;
    } else if (state == TEST_PASSED && (end.si_code != CLD_EXITED || end.si_status != 0)) {
        snprintf(test_notes->text, sizeof test_notes->text, "all went well, but the process could not end (%s %d)",
                 end.si_code == CLD_EXITED ? "exit status" : "signal", end.si_status);
        state = TEST_FAILED;
    }
    look_at_output(run, test->name, printed);
    remove_folder();
    return state;
}

/* ---- all of them ----------------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct run *run, const char *name)
{
    return (!run->only || strcasestr(name, run->only)) &&
           (!run->kit->leave_out || !strcasestr(name, run->kit->leave_out));
}

static size_t count_wanted(const struct run *run, const struct test_row *tests)
{
    size_t count = 0;
    for (; tests && tests->name; tests++)
        count += is_wanted(run, tests->name);
    return count;
}

static enum test_state pass_over(const struct run *run)
{
    memset(test_notes, 0, sizeof *test_notes);
    snprintf(test_notes->text, sizeof test_notes->text, "not tried, as '%s' failed", run->gate);
    return TEST_SKIPPED;
}

static void run_table(struct run *run, const struct test_row *tests, bool loads)
{
    for (; tests && tests->name && !is_interrupted(run); tests++) {
        if (!is_wanted(run, tests->name))
            continue;
        int64_t since = test_now_ns();
        enum test_state state = run->gate ? pass_over(run) : run_test(run, tests, loads);
        if (run->interrupted)
            return;
        if (!run->gate && ((state == TEST_FAILED && tests->gate) || run->hung >= HUNG_MAX))
            run->gate = tests->name;
        report(run, tests->name, state, test_now_ns() - since);
    }
}

static void learn_kind(void)
{
    test_notes->kind = test_subject.plugin.table.kind;
}

/* What it is, by loading it once; 0 when that does not work, which the tests of the table then explain. */
static uint32_t find_kind(struct run *run)
{
    static const struct test_row look = {"it can be loaded", learn_kind, TEST_LOAD_LIMIT, false};
    uint32_t kind = run_test(run, &look, true) == TEST_PASSED ? test_notes->kind : 0;
    run->hung = 0;
    return kind;
}

static void judge_output(struct run *run)
{
    memset(test_notes, 0, sizeof *test_notes);
    snprintf(test_notes->text, sizeof test_notes->text, "%s", run->printed);
    report(run, silence, run->printed[0] ? TEST_FAILED : TEST_PASSED, 0);
}

static bool find_file(const char *file)
{
    char *path = realpath(file, NULL); /* into a buffer of ours it would need PATH_MAX bytes */
    bool fits = path && strlen(path) < sizeof test_subject.file;
    if (fits)
        strcpy(test_subject.file, path);
    free(path);
    if (!fits)
        return false;
    const char *name = strrchr(test_subject.file, '/') + 1;
    size_t len = strlen(name);
    if (len > 3 && strcmp(name + len - 3, ".so") == 0)
        len -= 3;
    snprintf(test_subject.name, sizeof test_subject.name, "%.*s", (int)len, name);
    return true;
}

static bool begin(struct run *run)
{
    test_notes = mmap(NULL, sizeof *test_notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    run->output = memfd_create("printed", MFD_CLOEXEC);
    fcntl(run->output, F_SETFL, O_APPEND);
    test_subject.kit = run->kit;
    return test_notes != MAP_FAILED && run->output >= 0 && find_file(run->kit->file);
}

int testkit_run(const struct testkit *kit)
{
    static const struct test_row *const kinds[][2] = {
        {NULL, NULL}, {channel_tests, stream_tests}, {pattern_tests, hook_tests}, {transport_tests, traffic_tests}};
    struct run run = {.kit = kit, .only = kit->only};
    if (!begin(&run))
        return -1;
    uint32_t kind = find_kind(&run);
    if (!kind)
        run.only = NULL; /* whatever was asked for: what is wrong comes first */
    const struct test_row *const tables[] = {kind ? option_tests : NULL, kind ? life_tests : NULL, kinds[kind][0],
                                             kinds[kind][1]};
    bool silent = is_wanted(&run, silence);
    size_t count = count_wanted(&run, table_tests) + silent;
    for (size_t i = 0; i < TABLES; i++)
        count += count_wanted(&run, tables[i]);
    kit->planned(kit->context, count);
    run_table(&run, table_tests, false);
    for (size_t i = 0; i < TABLES; i++)
        run_table(&run, tables[i], true);
    if (silent && !run.interrupted)
        judge_output(&run);
    close(run.output);
    munmap(test_notes, sizeof *test_notes);
    return run.interrupted ? TESTKIT_INTERRUPTED : count ? run.failed : -1;
}
