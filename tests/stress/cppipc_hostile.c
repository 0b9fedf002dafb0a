/* A vandal in cpp-ipc's shared memory: while a bridge's reader and writer run, each in a process of its own, this one scribbles over rings, pools,
 * counters and locks, acts as an evil sender, cuts files short, and removes and replaces them. Messages may be garbled and calls may
 * fail with any error; nobody crashes, hangs, or takes memory without end, and no file outside the folder is touched. After each
 * round the files are removed, as the library's users do, and then everything has to work again.
 *
 *     stress_cppipc_hostile [SEED [SECONDS]]        the seed is printed; the same one gives the same strokes */
#include "trial.h"

#include "cppipc/receiver.h"
#include "cppipc/sender.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUND_NS (300 * TRIAL_MS)
#define WAIT_NS (20 * TRIAL_MS)
#define GRACE_NS (3 * TRIAL_S) /* how late a call may return on a busy machine */
#define HEAL_NS (15 * TRIAL_S) /* how long it may take until messages flow again */
#define LARGEST ((uint64_t)128 << 10)
#define MEMORY_MAX ((TRIAL_SLOW ? 1024L : 256L) << 10) /* KiB */
#define VICTIMS 3u
#define NAME "hostile"
#define STROKES 7u /* kinds of them */

static uint64_t random_state;
static char folder[64], treasure[96];

static struct shared {
    _Atomic uint64_t done[VICTIMS]; /* messages that each victim got through */
    _Atomic uint32_t tid[VICTIMS];
    _Atomic bool over;
} * shared;

static uint64_t draw(void)
{
    return trial_random(&random_state);
}

/* ---- victims ------------------------------------------------------------------------------------------------------- */

static int64_t call_began_ns;

static void call_begins(void)
{
    call_began_ns = trial_now_ns();
}

static void call_ended(const char *call)
{
    int64_t took_ns = trial_now_ns() - call_began_ns;
    trial_check(took_ns < WAIT_NS + GRACE_NS, "%s took %" PRId64 " ms", call, took_ns / TRIAL_MS);
}

static void on_log(void *context, int32_t level, const char *text)
{
    (void)context, (void)level;
    if (getenv("LEAT_HOSTILE_LOG"))
        fprintf(stderr, "%d: %s\n", (int)getpid(), text);
}

static int64_t host_now_ns(void *context)
{
    (void)context;
    return trial_now_ns();
}

static const struct leat_host host = {.size = sizeof host, .log = on_log, .now_ns = host_now_ns};

/* Each kind of stroke meets both kinds of channel, and in every third turn those that poll. */
static struct cppipc_options options_of(unsigned round)
{
    const unsigned turn = round / (STROKES + 1);
    return (struct cppipc_options){.kind = (round + turn) % 2 ? CPPIPC_CHANNEL : CPPIPC_ROUTE,
                                   .layout = CPPIPC_LAYOUT_AUTO,
                                   .wake = turn % 3 == 2 ? CPPIPC_WAKE_POLL : CPPIPC_WAKE_FUTEX,
                                   .directory = folder,
                                   .create = 1,
                                   .max_message_bytes = LARGEST,
                                   .kick_after_ns = 50 * TRIAL_MS,
                                   .lock_ns = 20 * TRIAL_MS};
}

static volatile uint64_t sum; /* so that every byte that was handed out is really read */

static void touch(const struct leat_message *message)
{
    const unsigned char *bytes = message->data;
    trial_check(message->len <= LARGEST, "a message of %" PRIu64 " bytes", message->len);
    for (uint64_t i = 0; i < message->len; i++)
        sum += bytes[i];
}

/* Until the channel says that it is no more, or the round is over. */
static void read_once(unsigned number, const struct cppipc_options *options)
{
    struct receiver *receiver;
    char name[32];
    int error = 0;
    snprintf(name, sizeof name, "trial.reader%u", number);
    call_begins();
    int opened = receiver_open(&receiver, &host, NAME, options, name);
    call_ended("receiver_open");
    while (opened == 0 && error != LEAT_ECLOSED && !atomic_load(&shared->over)) {
        struct leat_message message;
        call_begins();
        error = receiver_borrow(receiver, &message, WAIT_NS);
        call_ended("receiver_borrow");
        if (error == 0)
            touch(&message);
        if (error == 0)
            atomic_fetch_add(&shared->done[number], 1);
    }
    call_begins();
    if (opened == 0)
        receiver_close(receiver);
    call_ended("receiver_close");
}

static int write_message(struct sender *sender, uint64_t turn)
{
    static const uint64_t lens[] = {1, 64, 65, 200, 3000, 100000};
    const uint64_t len = lens[turn % (sizeof lens / sizeof lens[0])];
    void *data;
    call_begins();
    int error = sender_claim(sender, len, &data, WAIT_NS);
    call_ended("sender_claim");
    if (error)
        return error;
    memset(data, (int)turn, len);
    for (unsigned again = 0; again == 0 || (error == LEAT_ETIMEDOUT && again < 20); again++) {
        call_begins();
        error = sender_commit(sender, len, turn);
        call_ended("sender_commit");
    }
    if (error == LEAT_ETIMEDOUT)
        sender_abort(sender);
    return error;
}

static void write_once(unsigned number, const struct cppipc_options *options)
{
    struct sender *sender;
    int error = 0;
    call_begins();
    int opened = sender_open(&sender, &host, NAME, options);
    call_ended("sender_open");
    for (uint64_t turn = 0; opened == 0 && error != LEAT_ECLOSED && !atomic_load(&shared->over); turn++) {
        error = write_message(sender, turn);
        if (error == 0)
            atomic_fetch_add(&shared->done[number], 1);
        else
            trial_nap_us(200);
        if (turn % 16 == 0)
            trial_nap_us(50); /* two cores for all */
    }
    call_begins();
    if (opened == 0)
        sender_close(sender);
    call_ended("sender_close");
}

static _Noreturn void victim(unsigned number, unsigned round)
{
    struct cppipc_options options = options_of(round);
    struct rusage usage;
    alarm(60); /* a hang is a death that the parent sees */
    atomic_store(&shared->tid[number], (uint32_t)syscall(SYS_gettid));
    while (!atomic_load(&shared->over)) {
        if (number == 0)
            write_once(number, &options);
        else
            read_once(number, &options);
        trial_nap_us(2000);
    }
    getrusage(RUSAGE_SELF, &usage);
    trial_check(usage.ru_maxrss < MEMORY_MAX, "it took %ld KiB", usage.ru_maxrss);
    _exit(0);
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

#define FILES_MAX 64u

static char files[FILES_MAX][256];
static unsigned file_count;

static void list_files(void)
{
    DIR *opened = opendir(folder);
    file_count = 0;
    for (struct dirent *entry; opened && (entry = readdir(opened)) && file_count < FILES_MAX;)
        if (entry->d_name[0] != '.')
            snprintf(files[file_count++], sizeof files[0], "%s", entry->d_name);
    closedir(opened);
}

static void remove_all(void)
{
    char path[400];
    list_files();
    for (unsigned i = 0; i < file_count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        if (unlink(path) != 0)
            rmdir(path);
    }
}

struct view {
    unsigned char *at;
    size_t bytes;
    char path[400];
    int fd;
};

/* Some file whose name has `part` in it, mapped; `at` is NULL where there is none, or it is too short. */
static struct view view_some(const char *part)
{
    struct view view = {.fd = -1};
    unsigned chosen = 0, matching = 0;
    struct stat status;
    list_files();
    for (unsigned i = 0; i < file_count; i++)
        if (strstr(files[i], part) && draw() % ++matching == 0)
            chosen = i;
    if (matching == 0)
        return view;
    snprintf(view.path, sizeof view.path, "%s/%s", folder, files[chosen]);
    view.fd = open(view.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (view.fd < 0 || fstat(view.fd, &status) != 0 || status.st_size < 8)
        return view;
    view.bytes = (size_t)status.st_size;
    void *at = mmap(NULL, view.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, view.fd, 0);
    view.at = at == MAP_FAILED ? NULL : at;
    return view;
}

static void view_close(struct view *view)
{
    if (view->at)
        munmap(view->at, view->bytes);
    if (view->fd >= 0)
        close(view->fd);
}

/* ---- strokes ------------------------------------------------------------------------------------------------------- */

static void put32(const struct view *view, size_t offset, uint32_t value)
{
    if (view->at && offset + 4 <= view->bytes)
        __atomic_store_n((uint32_t *)(void *)(view->at + offset), value, __ATOMIC_SEQ_CST);
}

static void put64(const struct view *view, size_t offset, uint64_t value)
{
    if (view->at && offset + 8 <= view->bytes)
        __atomic_store_n((uint64_t *)(void *)(view->at + offset), value, __ATOMIC_SEQ_CST);
}

/* Noise, or a number that is nearly right. */
static uint32_t odd_number(void)
{
    static const uint32_t odd[] = {0,          1,          2,          31,         32,           33,
                                   64,         255,        256,        257,        0x7fffffff,   0x80000000,
                                   0xffffffc0, 0xffffffff, 0x3fffffff, 0x40000000, LARGEST - 64, LARGEST - 63,
                                   1 << 30,    0xffffffbf};
    return draw() % 3 ? odd[draw() % (sizeof odd / sizeof odd[0])] : (uint32_t)draw();
}

static void scribble(const char *part)
{
    struct view view = view_some(part);
    for (unsigned i = 0; view.at && i < 32; i++)
        put32(&view, draw() % (view.bytes / 4) * 4, odd_number());
    view_close(&view);
}

static void scribble_ring(void)
{
    scribble("QU_CONN__");
}

static void scribble_counters(void)
{
    static const char *const parts[] = {"AC_CONN__", "CA_CONN__", "leat-cppipc"};
    scribble(parts[draw() % 3]);
}

/* Free lists with cycles and ids that are none, spin locks that nobody ever gives back, masks. */
static void break_pool(void)
{
    struct view view = view_some("CHUNK_INFO__");
    for (unsigned i = 0; view.at && view.bytes > 2048 && i < 8; i++) {
        size_t chunk = 40 + draw() % 32 * ((view.bytes - 44) / 32);
        view.at[draw() % 34] = (unsigned char)(draw() % 40);
        put32(&view, 36, draw() % 4 == 0);
        put32(&view, chunk / 4 * 4, odd_number());
    }
    view_close(&view);
}

/* Lock words of the dead, of the living, of the lane itself, of nobody; a condition that has moved on. */
static void break_lock(void)
{
    struct view view = view_some(draw() % 4 ? "_WAITER_LOCK_" : "_WAITER_COND_");
    const uint32_t tids[] = {0,          1,          (uint32_t)getpid(), atomic_load(&shared->tid[draw() % VICTIMS]),
                             0x3fffffff, 0x7fffffff, 0xffffffff,         (uint32_t)draw()};
    uint32_t word = tids[draw() % 8] | (draw() % 3 == 0 ? 0x80000000u : 0) | (draw() % 3 == 0 ? 0x40000000u : 0);
    put32(&view, view.bytes >= 28 ? 16 : 0, word);
    if (view.bytes >= 28 && draw() % 2) {
        put64(&view, 0, draw());
        put64(&view, 8, draw());
    }
    view_close(&view);
}

/* A slot that will be read, with whatever in it: every receiver's bit, the mark of a channel, the index moved on. */
static void send_evil(void)
{
    struct view view = view_some("QU_CONN__");
    for (unsigned i = 0; view.at && view.bytes >= 24836 && i < 4; i++) {
        uint32_t index = __atomic_load_n((uint32_t *)(void *)(view.at + 64), __ATOMIC_SEQ_CST);
        size_t slot = 192 + 96 * (index & 255);
        uint64_t epoch = __atomic_load_n((uint64_t *)(void *)(view.at + 128), __ATOMIC_SEQ_CST);
        put64(&view, slot + 80, epoch | 0xffffffff);
        put32(&view, slot, odd_number());
        put32(&view, slot + 4, draw() % 4 ? index : odd_number());
        put32(&view, slot + 8, odd_number());
        put32(&view, slot + 12, draw() % 2);
        put32(&view, slot + 16, odd_number());
        put64(&view, slot + 88, draw() % 8 ? ~(uint64_t)index : draw());
        put32(&view, 64, index + 1);
    }
    view_close(&view);
}

/* Short, under whoever has it mapped; and mostly long again soon. */
static void cut_short(void)
{
    struct view view = view_some("__IPC_SHM__");
    size_t to = draw() % 2 ? 0 : draw() % (view.bytes + 1);
    if (view.fd >= 0 && view.bytes && ftruncate(view.fd, (off_t)to) == 0) {
        trial_nap_us(500);
        if (draw() % 4 && ftruncate(view.fd, (off_t)view.bytes) != 0)
            trial_nap_us(1);
    }
    view_close(&view);
}

static void replace(void)
{
    struct view view = view_some(draw() % 8 ? "__IPC_SHM__" : "leat");
    char other[420];
    if (!view.path[0])
        return;
    snprintf(other, sizeof other, "%s.away", view.path);
    if (unlink(view.path) != 0)
        rmdir(view.path);
    switch (draw() % 6) {
    case 0:
        trial_check(symlink(treasure, view.path) == 0 || errno == EEXIST, "%s", view.path);
        break;
    case 1:
        mkdir(view.path, 0700);
        break;
    case 2:
        mkfifo(view.path, 0600);
        break;
    case 3: {
        int fd = open(view.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0 && ftruncate(fd, (off_t)(draw() % 70000)) == 0)
            close(fd);
        break;
    }
    default: /* gone */
        break;
    }
    view_close(&view);
}

static void (*const strokes[STROKES])(void) = {scribble_ring, break_pool, break_lock, scribble_counters,
                                               send_evil,     cut_short,  replace};

/* Each round one kind of stroke, every eighth all of them. */
static void rage(unsigned round, int64_t until_ns)
{
    while (trial_now_ns() < until_ns) {
        strokes[round % (STROKES + 1) < STROKES ? round % (STROKES + 1) : draw() % STROKES]();
        trial_nap_us((long)(draw() % 400));
    }
}

/* ---- rounds -------------------------------------------------------------------------------------------------------- */

static void wait_for_progress(const char *when, unsigned round)
{
    uint64_t before[VICTIMS];
    const int64_t until_ns = trial_now_ns() + HEAL_NS;
    for (unsigned i = 0; i < VICTIMS; i++)
        before[i] = atomic_load(&shared->done[i]);
    for (unsigned i = 0; i < VICTIMS; i++)
        while (atomic_load(&shared->done[i]) < before[i] + 20) {
            trial_check(trial_now_ns() < until_ns, "round %u, %s: victim %u does not get on", round, when, i);
            trial_nap_us(1000);
        }
}

static void reap(pid_t pid, unsigned number, unsigned round)
{
    int status;
    trial_check(waitpid(pid, &status, 0) == pid, "no child");
    trial_check(!WIFSIGNALED(status), "round %u: victim %u died of signal %d%s", round, number, WTERMSIG(status),
                WTERMSIG(status) == SIGALRM ? ": it hung" : "");
    trial_check(WEXITSTATUS(status) == 0, "round %u: victim %u failed, see above", round, number);
}

static void check_treasure(void)
{
    char text[32] = "";
    FILE *file = fopen(treasure, "r");
    trial_check(file && fgets(text, sizeof text, file) && strcmp(text, "untouched") == 0, "somebody wrote: %s", text);
    fclose(file);
}

static void play(unsigned round)
{
    pid_t pids[VICTIMS];
    atomic_store(&shared->over, false);
    for (unsigned i = 0; i < VICTIMS; i++) {
        pids[i] = fork();
        trial_check(pids[i] >= 0, "fork");
        if (pids[i] == 0)
            victim(i, round);
    }
    wait_for_progress("at first", round);
    rage(round, trial_now_ns() + ROUND_NS);
    remove_all();
    wait_for_progress("after the files were removed", round);
    atomic_store(&shared->over, true);
    for (unsigned i = 0; i < VICTIMS; i++)
        reap(pids[i], i, round);
    check_treasure();
    remove_all();
}

static void clean_up(void)
{
    remove_all();
    rmdir(folder);
    unlink(treasure);
}

int main(int argc, char **argv)
{
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20;
    const int64_t end_ns = trial_now_ns() + (argc > 2 ? atoi(argv[2]) : 12) * TRIAL_S;
    unsigned round = 0;
    random_state = seed;
    snprintf(folder, sizeof folder, "/dev/shm/leat-hostile-XXXXXX");
    trial_check(mkdtemp(folder), "%s", folder);
    snprintf(treasure, sizeof treasure, "%s.treasure", folder);
    trial_at_end(clean_up);
    FILE *file = fopen(treasure, "w");
    trial_check(file && fputs("untouched", file) >= 0 && fclose(file) == 0, "%s", treasure);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    trial_check(shared != MAP_FAILED, "mmap");
    printf("seed %" PRIu64 "\n", seed);
    fflush(stdout);
    for (; round == 0 || trial_now_ns() < end_ns; round++)
        play(round);
    printf("%u rounds of vandalism survived\n", round);
    return 0;
}
