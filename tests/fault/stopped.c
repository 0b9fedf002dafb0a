/* SIGSTOP: a stopped process is slow, not dead. Nobody robs it of its claim or its place; who has to wait for it gets a
 * timeout; after SIGCONT everything goes on and nothing is lost that the policy keeps. */
#include "trial.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_NS (20 * TRIAL_S)
#define SHORT_NS (100 * TRIAL_MS) /* what callers are willing to wait */
#define CAPACITY ((uint64_t)64 << 10)
#define LARGEST ((size_t)2048)
#define STOPS 100

static const char *channel;
static char buffer[CAPACITY];

enum step { BEGUN = 1, HOLDING, GO, DONE };

static struct shared {
    _Atomic int step;        /* of the child, or what it may do */
    _Atomic uint64_t number; /* messages that it has published or read */
} * shared;

static struct leat_writer *open_writer(enum leat_policy policy)
{
    struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
    struct leat_writer *writer;
    options.policy = (uint32_t)policy;
    options.capacity_bytes = CAPACITY;
    trial_check(leat_writer_open(&writer, channel, &options) == 0, "%s", leat_error_text());
    return writer;
}

static struct leat_reader *open_reader(void)
{
    struct leat_reader *reader;
    trial_check(leat_reader_open(&reader, channel, NULL, NULL) == 0, "%s", leat_error_text());
    return reader;
}

static int publish(struct leat_writer *writer, unsigned number, uint64_t counter, int64_t timeout_ns)
{
    static char bytes[LARGEST];
    const uint64_t tag = trial_tag(number, counter);
    const size_t len = trial_len(tag, LARGEST);
    trial_fill(bytes, len, tag);
    return leat_publish(writer, bytes, len, tag, timeout_ns);
}

static void wait_for_step(int step)
{
    const int64_t deadline_ns = trial_now_ns() + PATIENCE_NS;
    while (shared->step != step) {
        trial_check(trial_now_ns() < deadline_ns, "step %d never came", step);
        trial_nap_us(200);
    }
}

static pid_t spawn(void (*body)(enum leat_policy), enum leat_policy policy)
{
    shared->step = 0;
    shared->number = 0;
    pid_t pid = fork();
    trial_check(pid >= 0, "fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body(policy);
        _exit(0);
    }
    return pid;
}

static void stop(pid_t pid)
{
    int status;
    kill(pid, SIGSTOP);
    trial_check(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "the child ended instead");
}

static void reap(pid_t pid)
{
    int status;
    trial_check(waitpid(pid, &status, 0) == pid, "no child");
    trial_check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed");
}

/* ---- a writer stopped in the middle of a claim ------------------------------------------------------------------ */

static void claim_and_wait(enum leat_policy policy)
{
    struct leat_writer *writer = open_writer(policy);
    const uint64_t tag = trial_tag(0, 0);
    const size_t len = trial_len(tag, LARGEST);
    void *place;
    trial_check(leat_claim(writer, len, &place, PATIENCE_NS) == 0, "no claim");
    shared->step = HOLDING;
    wait_for_step(GO);
    trial_fill(place, len, tag);
    trial_check(leat_commit(writer, len, tag) == 0, "no commit");
    leat_writer_close(writer);
}

/* Others publish until the ring comes round to the claim, which nobody may touch, and then get a timeout. */
static void stopped_in_claim(enum leat_policy policy)
{
    channel = trial_channel("stopped-claim");
    struct leat_writer *writer = open_writer(policy);
    struct leat_reader *reader = open_reader();
    pid_t child = spawn(claim_and_wait, policy);
    wait_for_step(HOLDING);
    stop(child);

    uint64_t published = 0;
    int error;
    while ((error = publish(writer, 1, published, SHORT_NS)) == 0) {
        published++;
        trial_check(published < CAPACITY, "a live claim was overwritten");
    }
    trial_check(error == LEAT_ETIMEDOUT, "the other writer got: %s", leat_strerror(error));
    trial_check(published > 0, "the other writer could not publish anything");
    struct leat_message message;
    error = leat_read(reader, buffer, sizeof buffer, &message, SHORT_NS);
    trial_check(error == LEAT_ETIMEDOUT, "the reader got: %s", leat_strerror(error));

    shared->step = GO;
    kill(child, SIGCONT);
    static struct trial_witness witness;
    witness = (struct trial_witness){.largest = LARGEST, .complete = true, .from_start = true};
    while (witness.read < published + 1) {
        error = trial_witness_take(&witness, reader, TRIAL_BORROW, NULL, 0, PATIENCE_NS);
        trial_check(error == 0, "after SIGCONT: %s", leat_strerror(error));
    }
    trial_check(witness.next_counter[0] == 1, "the message of the stopped writer did not come");
    reap(child);
    trial_check(publish(writer, 1, published, SHORT_NS) == 0, "there is room again");
    leat_reader_close(reader);
    leat_writer_close(writer);
}

/* ---- a stopped reader ------------------------------------------------------------------------------------------- */

/* Reads everything up to the message of writer 9, which is the last. */
static void read_to_end(enum leat_policy policy)
{
    static struct trial_witness witness;
    witness = (struct trial_witness){.largest = LARGEST, .complete = policy == LEAT_BLOCK, .from_start = true};
    struct leat_reader *reader = open_reader();
    shared->step = BEGUN;
    while (witness.next_counter[9] == 0) {
        int error = trial_witness_take(&witness, reader, TRIAL_READ, buffer, sizeof buffer, PATIENCE_NS);
        trial_check(error == 0, "the reader got: %s", leat_strerror(error));
        shared->number = witness.read;
    }
    trial_check(witness.voids == 0, "%" PRIu64 " are missing", witness.voids);
    trial_check(policy == LEAT_OVERWRITE || witness.lost == 0, "%" PRIu64 " lost", witness.lost);
    trial_check(witness.lost == witness.skipped, "lost %" PRIu64 ", but %" PRIu64 " are missing", witness.lost,
                witness.skipped);
    trial_check(policy == LEAT_BLOCK || witness.lost > 0, "nothing was lost: this shows nothing");
    shared->step = DONE;
}

static void stopped_reader(enum leat_policy policy)
{
    channel = trial_channel("stopped-reader");
    struct leat_writer *writer = open_writer(policy);
    pid_t child = spawn(read_to_end, policy);
    wait_for_step(BEGUN);
    uint64_t published = 0;
    for (; published < 100; published++) {
        trial_check(publish(writer, 1, published, PATIENCE_NS) == 0, "message %" PRIu64, published);
    }
    stop(child);
    const uint64_t more = published + 5000;
    int error = 0;
    while (published < more && (error = publish(writer, 1, published, SHORT_NS)) == 0) {
        published++;
    }
    if (policy == LEAT_BLOCK) {
        trial_check(error == LEAT_ETIMEDOUT, "the writer got: %s", leat_strerror(error));
    } else {
        trial_check(error == 0, "a reader held a writer back: %s", leat_strerror(error));
    }
    kill(child, SIGCONT);
    for (const uint64_t end = published + 2000; published < end; published++) {
        trial_check(publish(writer, 1, published, PATIENCE_NS) == 0, "message %" PRIu64, published);
    }
    trial_check(publish(writer, 9, 0, PATIENCE_NS) == 0, "the last message");
    wait_for_step(DONE);
    reap(child);
    leat_writer_close(writer);
}

/* ---- a writer stopped anywhere, again and again ------------------------------------------------------------------ */

static void publish_for_ever(enum leat_policy policy)
{
    struct leat_writer *writer = open_writer(policy);
    shared->step = BEGUN;
    for (uint64_t counter = 0; shared->step != GO; counter++) {
        int error = publish(writer, 0, counter, PATIENCE_NS);
        trial_check(error == 0, "the stopped writer got: %s", leat_strerror(error));
        shared->number = counter + 1;
    }
    leat_writer_close(writer);
}

/* Reads until the child has ended and a last message, `counter` of this process, has come. Under overwrite policy a reader that was
 * lapped again and again may go on behind the child's last messages: it is told so with the message after them. */
static void drain_until_gone(pid_t child, struct leat_writer *writer, uint64_t counter, struct leat_reader *reader,
                             struct trial_witness *witness)
{
    const int64_t deadline_ns = trial_now_ns() + PATIENCE_NS;
    int status = 0;
    for (bool gone = false, last = false; !last || witness->next_counter[1] <= counter;) {
        int error = trial_witness_take(witness, reader, TRIAL_READ, buffer, sizeof buffer, TRIAL_MS);
        trial_check(error == 0 || error == LEAT_ETIMEDOUT, "the reader got: %s", leat_strerror(error));
        trial_check(trial_now_ns() < deadline_ns, "the end never came");
        gone = gone || waitpid(child, &status, WNOHANG) == child;
        last = last || (gone && publish(writer, 1, counter, 0) == 0);
    }
    trial_check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed");
    trial_check(!witness->complete || witness->next_counter[0] == shared->number, "messages are missing");
}

/* This process writes and reads in turn, so it must not wait for ever for what the stopped one holds. */
static void stopped_anywhere(enum leat_policy policy)
{
    static struct trial_witness witness;
    channel = trial_channel("stopped-anywhere");
    struct leat_writer *writer = open_writer(policy);
    struct leat_reader *reader = open_reader();
    witness = (struct trial_witness){.largest = LARGEST, .complete = policy == LEAT_BLOCK, .from_start = true};
    pid_t child = spawn(publish_for_ever, policy);
    wait_for_step(BEGUN);
    uint64_t counter = 0, random = 5;
    bool stopped = false;
    for (int changes = 0; changes < 2 * STOPS;) {
        counter += publish(writer, 1, counter, 0) == 0;
        int error = trial_witness_take(&witness, reader, TRIAL_READ, buffer, sizeof buffer, 0);
        trial_check(error == 0 || error == LEAT_EAGAIN, "the reader got: %s", leat_strerror(error));
        if (trial_random(&random) % 256 == 0) {
            changes++;
            stopped = !stopped;
            if (stopped) {
                stop(child);
            } else {
                kill(child, SIGCONT);
            }
        }
    }
    shared->step = GO;
    drain_until_gone(child, writer, counter, reader, &witness);
    printf("stopped %d times, policy %d: %" PRIu64 " read, %" PRIu64 " lost\n", STOPS, (int)policy, witness.read,
           witness.lost);
    leat_reader_close(reader);
    leat_writer_close(writer);
}

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    trial_check(shared != MAP_FAILED, "mmap");
    for (int policy = LEAT_OVERWRITE; policy <= LEAT_BLOCK; policy++) {
        stopped_in_claim((enum leat_policy)policy);
        stopped_reader((enum leat_policy)policy);
        stopped_anywhere((enum leat_policy)policy);
    }
    return 0;
}
