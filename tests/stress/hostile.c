/* A vandal: while writers and readers run in processes of their own, this one scribbles over their segment. Messages may be
 * garbled and calls may fail with any documented error; nobody crashes, reads outside the segment, or hangs beyond its time
 * limits. The same seed gives the same strokes (not the same interleaving). */
#include "trial.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAPACITY ((uint64_t)128 << 10)
#define ROUND_NS (150 * TRIAL_MS)
#define TOTAL_NS (5 * TRIAL_S)
#define WAIT_NS (20 * TRIAL_MS) /* the time limit that victims give to their calls ... */
#define GRACE_NS (3 * TRIAL_S)  /* ... and how late a call may return on a busy machine */
#define ACTORS 5

static uint64_t random_state = 20;

/* ---- victims ---------------------------------------------------------------------------------------------------- */

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

static volatile uint64_t sum; /* so that every byte that was handed out is really read */

static void touch(const struct leat_message *message)
{
    const unsigned char *bytes = message->data;
    trial_check(message->len <= CAPACITY, "a message of %" PRIu64 " bytes", message->len);
    for (uint64_t i = 0; i < message->len; i++) {
        sum += bytes[i];
    }
}

static void read_for(const char *channel, const struct leat_reader_options *how, int64_t until_ns)
{
    static char buffer[CAPACITY];
    struct leat_reader *reader;
    call_begins();
    int opened = leat_reader_open(&reader, channel, NULL, how);
    call_ended("leat_reader_open");
    for (int turn = 0; opened == 0 && trial_now_ns() < until_ns; turn++) {
        struct leat_message message;
        call_begins();
        int error = turn % 2 ? leat_read(reader, buffer, sizeof buffer, &message, WAIT_NS)
                             : leat_borrow(reader, &message, WAIT_NS);
        call_ended(turn % 2 ? "leat_read" : "leat_borrow");
        if (error == 0) {
            touch(&message);
        }
        if (error == 0 && turn % 2 == 0) {
            leat_release(reader);
        }
        if (error == LEAT_ECLOSED) {
            break;
        }
    }
    if (opened == 0) {
        call_begins();
        leat_reader_close(reader);
        call_ended("leat_reader_close");
    }
}

static int write_one(struct leat_writer *writer, uint64_t turn)
{
    static char bytes[CAPACITY / 2];
    const size_t len = trial_len(turn, CAPACITY / 4);
    void *place;
    call_begins();
    int error = turn % 2 ? leat_publish(writer, bytes, len, turn, WAIT_NS) : leat_claim(writer, len, &place, WAIT_NS);
    call_ended(turn % 2 ? "leat_publish" : "leat_claim");
    if (error == 0 && turn % 2 == 0) {
        memset(place, 1, len);
        leat_commit(writer, len, turn);
    }
    return error;
}

static void write_for(const char *channel, int64_t until_ns)
{
    struct leat_writer *writer;
    struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
    options.flags = LEAT_OPEN_EXISTING | LEAT_OPEN_ANY;
    call_begins();
    int opened = leat_writer_open(&writer, channel, &options);
    call_ended("leat_writer_open");
    for (uint64_t turn = 0; opened == 0 && trial_now_ns() < until_ns; turn++) {
        if (write_one(writer, turn) == LEAT_ECLOSED) {
            break;
        }
    }
    if (opened == 0) {
        call_begins();
        leat_writer_close(writer);
        call_ended("leat_writer_close");
    }
}

/* Looks at the channel from outside, as `leat channels` does, and joins it anew again and again. */
static void visit_for(const char *channel, int64_t until_ns)
{
    while (trial_now_ns() < until_ns) {
        struct leat_channel_info info = {.size = sizeof info};
        struct leat_reader_info readers[16];
        for (int i = 0; i < 16; i++) {
            readers[i].size = sizeof readers[i];
        }
        call_begins();
        int count = leat_channel_inspect(NULL, channel, &info, readers, 16);
        call_ended("leat_channel_inspect");
        for (int i = 0; i < count && i < 16; i++) {
            trial_check(memchr(readers[i].name, 0, sizeof readers[i].name), "a name without an end");
        }
        int64_t soon_ns = trial_now_ns() + 5 * TRIAL_MS;
        read_for(channel, NULL, soon_ns < until_ns ? soon_ns : until_ns);
        write_for(channel, soon_ns < until_ns ? soon_ns : until_ns);
    }
}

static _Noreturn void victim(int number, const char *channel, int64_t until_ns)
{
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    how.name = number == 1 ? "durable" : NULL;
    alarm(30); /* a hang is a death that the parent sees */
    if (number < 2) {
        read_for(channel, &how, until_ns);
    } else if (number < 4) {
        write_for(channel, until_ns);
    } else {
        visit_for(channel, until_ns);
    }
    _exit(0);
}

/* ---- the vandal ------------------------------------------------------------------------------------------------- */

static unsigned char *map_segment(const char *channel, size_t *bytes)
{
    const char *directory = getenv("LEAT_SHM_DIR");
    char path[512];
    struct stat status;
    snprintf(path, sizeof path, "%s/leat.%s", directory ? directory : "/dev/shm", channel);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    trial_check(fd >= 0 && fstat(fd, &status) == 0, "%s", path);
    *bytes = (size_t)status.st_size;
    unsigned char *segment = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    trial_check(segment != MAP_FAILED, "%s", path);
    close(fd);
    return segment;
}

/* One stroke: noise, zeroes, ones, a bit, or a number that is nearly right. */
__attribute__((no_sanitize("thread"))) static void scribble(unsigned char *place, uint64_t draw)
{
    uint64_t word;
    memcpy(&word, place, 8);
    switch (draw % 6) {
    case 0:
        word = draw * UINT64_C(0x9e3779b97f4a7c15);
        break;
    case 1:
        word = 0;
        break;
    case 2:
        word = UINT64_MAX;
        break;
    case 3:
        word ^= UINT64_C(1) << (draw >> 8) % 64;
        break;
    case 4:
        word += ((draw >> 8) % 4096) - 2048;
        break;
    default:
        word = (word & UINT32_MAX) | (draw >> 8 & 0xffff) << 32;
    }
    memcpy(place, &word, 8);
}

/* By round: everything, what stands before the ring, or the ring; thickly or now and then. */
static void rage(unsigned char *segment, size_t bytes, int round, int64_t until_ns)
{
    const size_t head = bytes - CAPACITY;
    size_t from = round % 3 == 2 ? head : 0, size = round % 3 == 1 ? head : bytes - from;
    while (trial_now_ns() < until_ns) {
        uint64_t draw = trial_random(&random_state);
        scribble(segment + from + draw % (size / 8) * 8, trial_random(&random_state));
        if (round % 2) {
            trial_nap_us(50);
        }
    }
}

static void reap(pid_t pid, int number, int round)
{
    int status;
    trial_check(waitpid(pid, &status, 0) == pid, "no child");
    trial_check(!WIFSIGNALED(status), "round %d: victim %d died of signal %d%s", round, number, WTERMSIG(status),
                WTERMSIG(status) == SIGALRM ? ": it hung" : "");
    trial_check(WEXITSTATUS(status) == 0, "round %d: victim %d failed, see above", round, number);
}

static void play(int round)
{
    const char *channel = trial_channel("hostile");
    struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
    struct leat_writer *writer;
    options.policy = round / 3 % 2 ? LEAT_BLOCK : LEAT_OVERWRITE;
    options.capacity_bytes = CAPACITY;
    trial_check(leat_writer_open(&writer, channel, &options) == 0, "%s", leat_error_text());
    leat_writer_close(writer);

    const int64_t until_ns = trial_now_ns() + ROUND_NS;
    pid_t pids[ACTORS];
    for (int i = 0; i < ACTORS; i++) {
        pids[i] = fork();
        trial_check(pids[i] >= 0, "fork");
        if (pids[i] == 0) {
            victim(i, channel, until_ns);
        }
    }
    size_t bytes;
    unsigned char *segment = map_segment(channel, &bytes);
    trial_nap_us(5000); /* the victims have mostly begun */
    rage(segment, bytes, round, until_ns);
    for (int i = 0; i < ACTORS; i++) {
        reap(pids[i], i, round);
    }
    munmap(segment, bytes);
    int error = leat_channel_remove(NULL, channel, 1);
    trial_check(error == 0, "round %d: what is left of the channel cannot be removed: %s", round, leat_error_text());
}

int main(void)
{
    const int64_t end_ns = trial_now_ns() + TOTAL_NS;
    int round = 0;
    for (; round == 0 || trial_now_ns() < end_ns; round++) {
        play(round);
    }
    printf("%d rounds of vandalism survived\n", round);
    return 0;
}
