/* No wake-up is lost: readers and writers that never poll hand messages to and fro, so that every message finds the other side
 * asleep or just about to sleep.
 *
 * A sleeper looks again after a tenth of a second by itself (its waker may have been killed), which would hide a lost wake-up.
 * So a wait of nearly that long is counted as a stall, unless the kernel says that one of the two threads wanted to run
 * meanwhile and could not. */
#include "trial.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LIMIT_NS (10 * TRIAL_S)
#define STALL_NS (90 * TRIAL_MS)
#define STALLS_ALLOWED 3u /* a virtual machine that was not run at all looks the same */
#define ROUNDS (TRIAL_SLOW ? 20000 : 100000)

static struct leat_reader *open_reader(const char *channel)
{
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    struct leat_reader *reader;
    how.spin_us = 0;
    trial_check(leat_reader_open(&reader, channel, NULL, &how) == 0, "%s", leat_error_text());
    return reader;
}

static struct leat_writer *open_writer(const char *channel, enum leat_policy policy, enum leat_producers producers,
                                       uint64_t capacity)
{
    struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
    struct leat_writer *writer;
    options.policy = policy;
    options.producers = producers;
    options.capacity_bytes = capacity;
    trial_check(leat_writer_open(&writer, channel, &options) == 0, "%s", leat_error_text());
    return writer;
}

/* ---- ping-pong: two writers on one channel, each reader skips what its own side wrote ---------------------------- */

struct side {
    struct leat_writer *writer;
    struct leat_reader *reader;
    unsigned number, stalls;
    bool by_wait; /* waits with leat_wait, at a doorbell that nobody rings */
    uint32_t doorbell;
};

/* For how long the threads of this process have waited for a CPU, all in all: the second number of each schedstat. */
static int64_t starved_ns(void)
{
    int64_t sum = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *task; tasks && (task = readdir(tasks));) {
        char path[PATH_MAX];
        int64_t ran, waited;
        snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", task->d_name);
        FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "re");
        sum += file && fscanf(file, "%" SCNd64 " %" SCNd64, &ran, &waited) == 2 ? waited : 0;
        if (file) {
            fclose(file);
        }
    }
    if (tasks) {
        closedir(tasks);
    }
    return sum;
}

/* Watches one side's waits. The starving is asked for now and then only: it costs more than a round. */
struct watch {
    int64_t began_ns, starved_then_ns;
};

static void watch_begins(struct watch *watch, uint64_t round)
{
    if (round % 64 == 0) {
        watch->starved_then_ns = starved_ns();
    }
    watch->began_ns = trial_now_ns();
}

static void watch_ends(const struct watch *watch, struct side *side)
{
    const int64_t took_ns = trial_now_ns() - watch->began_ns;
    if (took_ns >= STALL_NS && starved_ns() - watch->starved_then_ns < took_ns / 2) {
        side->stalls++;
    }
}

static void expect(struct side *side, unsigned writer, uint64_t counter)
{
    struct leat_message message;
    char buffer[16];
    do {
        int error = side->by_wait ? leat_wait(&side->reader, 1, &side->doorbell, LIMIT_NS) : 0;
        trial_check(error == 0, "side %u, round %" PRIu64 ": %s", side->number, counter, leat_strerror(error));
        error = leat_read(side->reader, buffer, sizeof buffer, &message, side->by_wait ? 0 : LIMIT_NS);
        trial_check(error == 0, "side %u, round %" PRIu64 ": %s", side->number, counter, leat_strerror(error));
    } while (trial_tag_writer(message.tag) != writer);
    trial_check(trial_tag_counter(message.tag) == counter, "round %" PRIu64, counter);
}

static void *return_service(void *argument)
{
    struct side *side = argument;
    struct watch watch = {0};
    for (uint64_t i = 0; i < ROUNDS; i++) {
        watch_begins(&watch, i);
        expect(side, 0, i);
        watch_ends(&watch, side);
        int error = leat_publish(side->writer, &i, sizeof i, trial_tag(1, i), LIMIT_NS);
        trial_check(error == 0, "%s", leat_strerror(error));
    }
    return NULL;
}

static uint64_t sleeps(struct leat_reader *reader)
{
    struct leat_reader_counts stats;
    leat_reader_stats(reader, &stats);
    return stats.sleeps;
}

static void ping_pong(enum leat_policy policy, bool by_wait)
{
    const char *channel = trial_channel("ping");
    struct side sides[2];
    for (unsigned i = 0; i < 2; i++) {
        struct leat_writer *writer = open_writer(channel, policy, LEAT_MANY, 64 << 10);
        sides[i] = (struct side){writer, open_reader(channel), i, 0, by_wait, 0};
    }
    struct watch watch = {0};
    pthread_t thread;
    trial_check(pthread_create(&thread, NULL, return_service, &sides[1]) == 0, "no thread");
    for (uint64_t i = 0; i < ROUNDS; i++) {
        int error = leat_publish(sides[0].writer, &i, sizeof i, trial_tag(0, i), LIMIT_NS);
        trial_check(error == 0, "%s", leat_strerror(error));
        watch_begins(&watch, i);
        expect(&sides[0], 1, i);
        watch_ends(&watch, &sides[0]);
    }
    pthread_join(thread, NULL);
    uint64_t slept = sleeps(sides[0].reader) + sleeps(sides[1].reader);
    printf("ping-pong%s, policy %d: %d rounds, %" PRIu64 " sleeps\n", by_wait ? " by leat_wait" : "", (int)policy,
           ROUNDS, slept);
    trial_check(slept > ROUNDS / 10, "only %" PRIu64 " sleeps: this shows nothing", slept);
    const unsigned stalls = sides[0].stalls + sides[1].stalls;
    trial_check(stalls <= STALLS_ALLOWED, "%u wake-ups were lost", stalls);
    for (unsigned i = 0; i < 2; i++) {
        leat_reader_close(sides[i].reader);
        leat_writer_close(sides[i].writer);
    }
}

/* ---- writers that wait for room: the channel is full again and again --------------------------------------------- */

#define LARGE 20000 /* three of them fill the smallest channel */

struct filler {
    struct leat_writer *writer;
    unsigned number;
};

static void *fill_service(void *argument)
{
    struct filler *filler = argument;
    static const char bytes[LARGE];
    for (uint64_t i = 0; i < ROUNDS / 4; i++) {
        int error = leat_publish(filler->writer, bytes, LARGE, trial_tag(filler->number, i), LIMIT_NS);
        trial_check(error == 0, "writer %u, message %" PRIu64 ": %s", filler->number, i, leat_strerror(error));
    }
    return NULL;
}

static void wait_for_room(enum leat_producers producers)
{
    const unsigned writers = producers == LEAT_ONE ? 1 : 3;
    const char *channel = trial_channel("room");
    struct filler fillers[3];
    pthread_t threads[3];
    for (unsigned i = 0; i < writers; i++) {
        fillers[i] = (struct filler){open_writer(channel, LEAT_BLOCK, producers, 64 << 10), i};
    }
    struct leat_reader *reader = open_reader(channel);
    for (unsigned i = 0; i < writers; i++) {
        trial_check(pthread_create(&threads[i], NULL, fill_service, &fillers[i]) == 0, "no thread");
    }
    uint64_t next[3] = {0};
    for (uint64_t i = 0; i < (uint64_t)writers * (ROUNDS / 4); i++) {
        struct leat_message message;
        int error = leat_borrow(reader, &message, LIMIT_NS);
        trial_check(error == 0, "message %" PRIu64 ": %s", i, leat_strerror(error));
        unsigned writer = trial_tag_writer(message.tag);
        trial_check(writer < writers && trial_tag_counter(message.tag) == next[writer]++, "writer %u out of order",
                    writer);
        trial_check(leat_release(reader) == 0, "overwritten under block policy");
    }
    for (unsigned i = 0; i < writers; i++) {
        pthread_join(threads[i], NULL);
        leat_writer_close(fillers[i].writer);
    }
    printf("waiting for room, %u writers: %u messages, %" PRIu64 " sleeps of the reader\n", writers,
           writers * (ROUNDS / 4), sleeps(reader));
    leat_reader_close(reader);
}

int main(void)
{
    ping_pong(LEAT_OVERWRITE, false);
    ping_pong(LEAT_BLOCK, false);
    ping_pong(LEAT_OVERWRITE, true);
    wait_for_room(LEAT_ONE);
    wait_for_room(LEAT_MANY);
    return 0;
}
