/* SIGKILL at any instant, 200 times under load:
 *
 *     fault_kills writer_in_claim|writer_in_copy|reader_in_read|lock_holder overwrite|block
 *
 * Survivors go on publishing and reading; nobody waits longer than a deadline for a dead process; every message that is read
 * is whole, in its writer's order, and under block policy complete, but for what the victim had not finished. */
#include "trial.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLS 200
#define PATIENCE_NS (10 * TRIAL_S) /* nobody waits so long for anything, on the busiest machine */
#define CAPACITY ((uint64_t)1 << 20)
#define LARGEST ((size_t)256 << 10)
#define SURVIVORS_MOST 4

struct scenario {
    const char *name;
    unsigned survivors; /* writers that live from beginning to end */
    size_t largest;     /* bytes in a message */
    void (*victim)(
        unsigned number); /* what the victim of each round does until it is killed; NULL: the survivors are it */
};

static const struct scenario *scenario;
static enum leat_policy policy;
static const char *channel;
static uint64_t random_state = 7;

/* What victims tell: shared by fork. */
static struct shared {
    _Atomic unsigned ready; /* the victim's number, once it is where it is to be killed */
} * shared;

/* ---- children --------------------------------------------------------------------------------------------------- */

static struct leat_writer *open_writer(void)
{
    struct leat_writer *writer;
    struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
    options.policy = (uint32_t)policy;
    options.capacity_bytes = CAPACITY;
    options.writer_slots = 16; /* far fewer than kills: what the dead leave is used again */
    options.reader_slots = 16;
    int error = leat_writer_open(&writer, channel, &options);
    trial_check(error == 0, "%s", leat_error_text());
    return writer;
}

/* Publishes for ever, whatever others do. One message in four goes through a claim. */
static void publish_for_ever(unsigned number)
{
    struct leat_writer *writer = open_writer();
    char *buffer = malloc(LARGEST);
    if (number >= SURVIVORS_MOST) {
        shared->ready = number; /* a victim: survivors must not speak over it */
    }
    for (uint64_t counter = 0;; counter++) {
        const uint64_t tag = trial_tag(number, counter);
        const size_t len = trial_len(tag, scenario->largest);
        void *place = NULL;
        int error;
        if (counter % 4 == 0) {
            error = leat_claim(writer, len, &place, PATIENCE_NS);
            if (error == 0) {
                trial_fill(place, len, tag);
                error = leat_commit(writer, len, tag);
            }
        } else {
            trial_fill(buffer, len, tag);
            error = leat_publish(writer, buffer, len, tag, PATIENCE_NS);
        }
        trial_check(error == 0, "writer %u, message %" PRIu64 ": %s", number, counter, leat_strerror(error));
    }
}

/* Some messages, and then a claim that is never committed, half filled. */
static void hold_a_claim(unsigned number)
{
    struct leat_writer *writer = open_writer();
    char buffer[LARGEST / 64];
    void *place;
    uint64_t random = number;
    const uint64_t messages = trial_random(&random) % 8;
    for (uint64_t counter = 0; counter < messages; counter++) {
        const uint64_t tag = trial_tag(number, counter);
        const size_t len = trial_len(tag, scenario->largest);
        trial_fill(buffer, len, tag);
        int error = leat_publish(writer, buffer, len, tag, PATIENCE_NS);
        trial_check(error == 0, "victim %u: %s", number, leat_strerror(error));
    }
    const size_t len = trial_random(&random) % LARGEST;
    int error = leat_claim(writer, len, &place, PATIENCE_NS);
    trial_check(error == 0, "victim %u: %s", number, leat_strerror(error));
    memset(place, 0xdd, len / 2);
    shared->ready = number;
    for (;;) {
        pause();
    }
}

/* Reads, and from some moment on holds what it borrowed. Every second reader is durable, under a name that is used again. */
static void read_and_hold(unsigned number)
{
    struct leat_reader *reader;
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    how.name = number % 2 ? "victim" : NULL;
    int error = leat_reader_open(&reader, channel, NULL, &how);
    trial_check(error == 0, "victim %u: %s", number, leat_error_text());
    shared->ready = number;
    for (uint64_t i = 0;; i++) {
        struct leat_message message;
        error = leat_borrow(reader, &message, PATIENCE_NS);
        trial_check(error == 0, "victim %u: %s", number, leat_strerror(error));
        while (i == 200 * (number % 4)) {
            pause();
        }
        leat_release(reader);
    }
}

static const struct scenario scenarios[] = {
    {"writer_in_claim", 2, LARGEST / 64, hold_a_claim},
    {"writer_in_copy", 2, LARGEST, publish_for_ever},
    {"reader_in_read", 2, 4096, read_and_hold},
    {"lock_holder", SURVIVORS_MOST, 64, NULL}, /* the lock is held for most of the time then */
};

/* ---- the surviving reader, which kills -------------------------------------------------------------------------- */

static struct trial_witness witness;
static struct leat_reader *reader;
static char buffer[CAPACITY];

static pid_t spawn(void (*body)(unsigned), unsigned number)
{
    shared->ready = 0;
    pid_t pid = fork();
    trial_check(pid >= 0, "fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body(number);
        _exit(0);
    }
    return pid;
}

static void take_one(void)
{
    int error = trial_witness_take(&witness, reader, TRIAL_READ, buffer, sizeof buffer, PATIENCE_NS);
    trial_check(error == 0, "after %" PRIu64 " messages the reader got: %s", witness.read, leat_strerror(error));
}

static unsigned kills;

static void kill_and_reap(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    trial_check(waitpid(pid, &status, 0) == pid, "no child");
    trial_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "kill %u: the victim had already failed", kills);
}

/* The writers that are to survive still do. */
static void check_survivors(const pid_t *pids)
{
    for (unsigned i = 0; i < scenario->survivors; i++) {
        int status;
        trial_check(waitpid(pids[i], &status, WNOHANG) == 0, "kill %u: survivor %u ended", kills, i);
    }
}

/* Each of these writers is heard again. */
static void expect_progress(const unsigned *numbers)
{
    for (unsigned i = 0; i < scenario->survivors; i++) {
        const uint64_t *heard = &witness.next_counter[numbers[i]], then = *heard;
        const int64_t deadline_ns = trial_now_ns() + PATIENCE_NS;
        while (*heard == then) {
            take_one();
            trial_check(trial_now_ns() < deadline_ns, "kill %u: writer %u is stuck", kills, numbers[i]);
        }
    }
}

/* A random short while of reading. */
static void read_a_while(long most_us)
{
    const int64_t until_ns = trial_now_ns() + (int64_t)(trial_random(&random_state) % (uint64_t)most_us) * 1000;
    do {
        take_one();
    } while (trial_now_ns() < until_ns);
}

/* The victim has come to where it is to be killed. A claim that it holds may stop the reader meanwhile. */
static void wait_for_victim(unsigned number)
{
    const int64_t deadline_ns = trial_now_ns() + PATIENCE_NS;
    while (shared->ready != number) {
        trial_check(trial_now_ns() < deadline_ns, "victim %u never got ready", number);
        int error = trial_witness_take(&witness, reader, TRIAL_READ, buffer, sizeof buffer, TRIAL_MS);
        trial_check(error == 0 || error == LEAT_ETIMEDOUT, "the reader got: %s", leat_strerror(error));
    }
}

static void kill_victims(const pid_t *pids, const unsigned *numbers)
{
    for (; kills < KILLS; kills++) {
        const unsigned number = SURVIVORS_MOST + kills;
        pid_t victim = spawn(scenario->victim, number);
        wait_for_victim(number);
        if (scenario->victim == publish_for_ever) {
            read_a_while(3000);
        } else {
            trial_nap_us((long)(trial_random(&random_state) % 2000));
        }
        kill_and_reap(victim);
        expect_progress(numbers);
        check_survivors(pids);
    }
}

/* All writers contend; one of them, at random, is killed and another takes its place. */
static void kill_contenders(pid_t *pids, unsigned *numbers)
{
    for (; kills < KILLS; kills++) {
        read_a_while(3000);
        unsigned which = (unsigned)(trial_random(&random_state) % SURVIVORS_MOST);
        kill_and_reap(pids[which]);
        numbers[which] = SURVIVORS_MOST + kills;
        pids[which] = spawn(publish_for_ever, numbers[which]);
        expect_progress(numbers);
        check_survivors(pids);
    }
}

/* What the dead have left is read to its end, and a newcomer finds the channel in order. */
static void expect_order(void)
{
    const unsigned newcomer = TRIAL_WRITERS - 1;
    const uint64_t tag = trial_tag(newcomer, 0);
    const size_t len = trial_len(tag, scenario->largest);
    static char message[LARGEST];
    trial_fill(message, len, tag);
    struct leat_writer *writer = open_writer();
    int error;
    while ((error = leat_publish(writer, message, len, tag, 0)) == LEAT_EAGAIN) {
        take_one();
    }
    trial_check(error == 0, "the newcomer got: %s", leat_strerror(error));
    while (witness.next_counter[newcomer] == 0) {
        take_one();
    }
    leat_writer_close(writer);
}

static void play(void)
{
    pid_t pids[SURVIVORS_MOST];
    unsigned numbers[SURVIVORS_MOST];
    leat_writer_close(open_writer()); /* creates the channel */
    trial_check(leat_reader_open(&reader, channel, NULL, NULL) == 0, "%s", leat_error_text());
    witness =
        (struct trial_witness){.largest = scenario->largest, .complete = policy == LEAT_BLOCK, .from_start = true};
    for (unsigned i = 0; i < scenario->survivors; i++) {
        numbers[i] = i;
        pids[i] = spawn(publish_for_ever, i);
    }
    if (scenario->victim) {
        kill_victims(pids, numbers);
    } else {
        kill_contenders(pids, numbers);
    }
    for (unsigned i = 0; i < scenario->survivors; i++) {
        kill_and_reap(pids[i]);
    }
    expect_order();
    printf("%u kills, %" PRIu64 " messages read, %" PRIu64 " lost, %" PRIu64 " void\n", kills, witness.read,
           witness.lost, witness.voids);
    trial_check(policy == LEAT_OVERWRITE || witness.lost == 0, "%" PRIu64 " lost", witness.lost);
    leat_reader_close(reader);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof scenarios / sizeof scenarios[0]; i++) {
        scenario = strcmp(argv[1], scenarios[i].name) == 0 ? &scenarios[i] : scenario;
    }
    if (!scenario) {
        fprintf(stderr, "usage: %s SCENARIO overwrite|block\n", argv[0]);
        return 64;
    }
    policy = strcmp(argv[2], "block") == 0 ? LEAT_BLOCK : LEAT_OVERWRITE;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    trial_check(shared != MAP_FAILED, "mmap");
    channel = trial_channel(scenario->name);
    play();
    return 0;
}
