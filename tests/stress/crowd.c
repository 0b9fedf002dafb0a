/* Crowds of writers and readers on one channel, in every combination of policy, number and way of writing and reading:
 *
 *  - a writer's messages come in its order, whole, and under the origin that the writer was told;
 *  - sequence numbers only grow, and a gap is exactly what was lost or aborted;
 *  - under block policy nothing is lost; under overwrite policy read + lost + aborted = published, for each reader. */
#include "trial.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_NS (60 * TRIAL_S) /* for what takes a second */
#define RUN_NS (TRIAL_SLOW ? 700 * TRIAL_MS : 500 * TRIAL_MS)
#define THREADS 8

struct crowd {
    const char *name;
    enum leat_policy policy;
    enum leat_producers producers;
    unsigned writers, readers;
    uint64_t capacity;
    size_t largest; /* bytes in a message; 0: half the capacity */
    bool aborts;    /* writers also abort claims and shorten them */
    long slow_us;   /* the first reader naps so long every 64 messages */
};

static const struct crowd crowds[] = {
    {"one writer, one reader, block", LEAT_BLOCK, LEAT_ONE, 1, 1, 64 << 10, 4096, false, 0},
    {"one writer, three readers, block", LEAT_BLOCK, LEAT_ONE, 1, 3, 256 << 10, 0, true, 0},
    {"many writers, one reader, block", LEAT_BLOCK, LEAT_MANY, 4, 1, 64 << 10, 4096, false, 0},
    {"many writers, readers of different speed, block", LEAT_BLOCK, LEAT_MANY, 3, 3, 256 << 10, 0, true, 50},
    {"one writer, one reader, overwrite", LEAT_OVERWRITE, LEAT_ONE, 1, 1, 64 << 10, 4096, false, 0},
    {"one writer, slow readers, overwrite", LEAT_OVERWRITE, LEAT_ONE, 1, 3, 256 << 10, 0, true, 200},
    {"many writers, one reader, overwrite", LEAT_OVERWRITE, LEAT_MANY, 4, 1, 64 << 10, 4096, false, 0},
    {"many writers, slow readers, overwrite", LEAT_OVERWRITE, LEAT_MANY, 3, 3, 256 << 10, 0, true, 200},
    {"many writers of tiny messages, overwrite", LEAT_OVERWRITE, LEAT_MANY, 4, 2, 64 << 10, 16, false, 0},
    {"many writers of tiny messages, block", LEAT_BLOCK, LEAT_MANY, 4, 2, 64 << 10, 16, false, 0},
};

/* One run of a crowd. */
struct scene {
    const struct crowd *crowd;
    const char *channel;
    size_t largest;
    int64_t stop_ns, deadline_ns;
    _Atomic uint64_t published, aborted;
    _Atomic unsigned writing; /* writers still at work */
};

struct actor {
    struct scene *scene;
    unsigned number;
    pthread_t thread;
    struct leat_writer *writer;
    struct leat_reader *reader;
    uint64_t counter, random;
};

/* ---- writers: each way of publishing returns 0 or what the call said -------------------------------------------- */

static int write_copy(struct actor *actor, void *buffer)
{
    uint64_t tag = trial_tag(actor->number, actor->counter);
    size_t len = trial_len(tag, actor->scene->largest);
    trial_fill(buffer, len, tag);
    int error = leat_publish(actor->writer, buffer, len, tag, 20 * TRIAL_S);
    actor->counter += error == 0;
    return error;
}

static int write_claim(struct actor *actor)
{
    uint64_t tag = trial_tag(actor->number, actor->counter);
    size_t len = trial_len(tag, actor->scene->largest), room = len;
    void *place;
    if (actor->scene->crowd->aborts && len < 1000) {
        room += trial_random(&actor->random) % 100; /* given back at the commit */
    }
    int error = leat_claim(actor->writer, room, &place, 20 * TRIAL_S);
    if (error < 0) {
        return error;
    }
    if (actor->scene->crowd->aborts && trial_random(&actor->random) % 4 == 0) {
        memset(place, 0xee, room);
        leat_abort(actor->writer);
        atomic_fetch_add(&actor->scene->aborted, 1);
        return 0;
    }
    trial_fill(place, len, tag);
    error = leat_commit(actor->writer, len, tag);
    actor->counter += error == 0;
    return error;
}

#define BURST 16

static int write_burst(struct actor *actor, char *buffer, size_t size)
{
    struct leat_outgoing_bytes messages[BURST];
    size_t count = 0, used = 0;
    for (; count < BURST; count++) {
        uint64_t tag = trial_tag(actor->number, actor->counter + count);
        size_t len = trial_len(tag, actor->scene->largest);
        if (used + len > size) {
            break;
        }
        trial_fill(buffer + used, len, tag);
        messages[count] = (struct leat_outgoing_bytes){buffer + used, len, tag};
        used += len;
    }
    int sent = leat_publish_burst(actor->writer, messages, count, 20 * TRIAL_S);
    trial_check(sent <= (int)count, "%d of %zu", sent, count);
    actor->counter += sent > 0 ? (uint64_t)sent : 0;
    return sent < 0 ? sent : 0;
}

static void *write_main(void *argument)
{
    struct actor *actor = argument;
    struct scene *scene = actor->scene;
    size_t size = scene->largest + 1;
    char *buffer = malloc(size);
    trial_check(buffer, "%zu bytes", size);
    while (trial_now_ns() < scene->stop_ns) {
        uint64_t way = trial_random(&actor->random) % 3;
        int error = way == 0   ? write_copy(actor, buffer)
                    : way == 1 ? write_claim(actor)
                               : write_burst(actor, buffer, size);
        trial_check(error == 0, "%s, writer %u: %s", scene->crowd->name, actor->number, leat_strerror(error));
    }
    atomic_fetch_add(&scene->published, actor->counter);
    free(buffer);
    leat_writer_close(actor->writer);
    atomic_fetch_sub(&scene->writing, 1);
    return NULL;
}

/* ---- readers ---------------------------------------------------------------------------------------------------- */

static void judge_end(const struct actor *actor, const struct trial_witness *witness)
{
    struct scene *scene = actor->scene;
    uint64_t published = atomic_load(&scene->published), aborted = atomic_load(&scene->aborted);
    const char *name = scene->crowd->name;
    trial_check(witness->voids <= aborted, "%s: %" PRIu64 " messages are missing, %" PRIu64 " were aborted", name,
                witness->voids, aborted);
    uint64_t known = witness->read + witness->lost;
    trial_check(known >= published && known <= published + aborted,
                "%s: %" PRIu64 " read + %" PRIu64 " lost, but %" PRIu64 " published and %" PRIu64 " aborted", name,
                witness->read, witness->lost, published, aborted);
    trial_check(!witness->complete || (witness->lost == 0 && witness->read == published),
                "%s: %" PRIu64 " read, %" PRIu64 " lost of %" PRIu64, name, witness->read, witness->lost, published);

    struct leat_reader_counts stats;
    leat_reader_stats(actor->reader, &stats);
    trial_check(stats.messages == witness->read && stats.lost == witness->lost,
                "%s: stats say %" PRIu64 " read, %" PRIu64 " lost; it was %" PRIu64 " and %" PRIu64, name,
                stats.messages, stats.lost, witness->read, witness->lost);
}

/* Reads until nothing comes although no writer is at work any more. */
static void *read_main(void *argument)
{
    struct actor *actor = argument;
    struct scene *scene = actor->scene;
    struct trial_witness *witness = calloc(1, sizeof *witness);
    void *buffer = malloc(scene->largest + 1);
    trial_check(witness && buffer, "no memory");
    witness->largest = scene->largest;
    witness->complete = scene->crowd->policy == LEAT_BLOCK;
    witness->from_start = true;
    for (;;) {
        bool last_look = atomic_load(&scene->writing) == 0;
        enum trial_way way = trial_random(&actor->random) % 2 ? TRIAL_READ : TRIAL_BORROW;
        int error =
            trial_witness_take(witness, actor->reader, way, buffer, scene->largest + 1, last_look ? 0 : 50 * TRIAL_MS);
        if (error == LEAT_EAGAIN && last_look) {
            break;
        }
        trial_check(error == 0 || error == LEAT_ETIMEDOUT || error == LEAT_ELAPPED, "%s, reader %u: %s",
                    scene->crowd->name, actor->number, leat_strerror(error));
        trial_check(error != LEAT_ELAPPED || !witness->complete, "%s: overwritten under block policy",
                    scene->crowd->name);
        trial_check(trial_now_ns() < scene->deadline_ns, "%s, reader %u: still not done", scene->crowd->name,
                    actor->number);
        if (actor->number == 0 && scene->crowd->slow_us && witness->read % 64 == 0) {
            trial_nap_us(scene->crowd->slow_us);
        }
    }
    judge_end(actor, witness);
    leat_reader_close(actor->reader);
    free(witness);
    free(buffer);
    return NULL;
}

/* ---- a run ------------------------------------------------------------------------------------------------------ */

static void open_all(struct scene *scene, struct actor *writers, struct actor *readers)
{
    const struct crowd *crowd = scene->crowd;
    struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
    options.policy = crowd->policy;
    options.producers = crowd->producers;
    options.capacity_bytes = crowd->capacity;
    for (unsigned i = 0; i < crowd->writers; i++) {
        writers[i] = (struct actor){.scene = scene, .number = i, .random = i + 1};
        int error = leat_writer_open(&writers[i].writer, scene->channel, &options);
        trial_check(error == 0, "%s", leat_error_text());
        trial_check(leat_writer_origin(writers[i].writer) == i, "%" PRIu32, leat_writer_origin(writers[i].writer));
    }
    for (unsigned i = 0; i < crowd->readers; i++) {
        readers[i] = (struct actor){.scene = scene, .number = i, .random = i + 1001};
        int error = leat_reader_open(&readers[i].reader, scene->channel, NULL, NULL);
        trial_check(error == 0, "%s", leat_error_text());
    }
    size_t most = leat_writer_max_message(writers[0].writer);
    scene->largest = crowd->largest ? crowd->largest : most;
    trial_check(most <= crowd->capacity / 2 && most >= crowd->capacity / 2 - 64, "a message may have %zu bytes", most);
}

static void play(const struct crowd *crowd)
{
    struct scene scene = {.crowd = crowd, .channel = trial_channel("crowd"), .writing = crowd->writers};
    struct actor writers[THREADS], readers[THREADS];
    open_all(&scene, writers, readers);
    scene.stop_ns = trial_now_ns() + RUN_NS;
    scene.deadline_ns = scene.stop_ns + DEADLINE_NS;
    for (unsigned i = 0; i < crowd->readers; i++) {
        trial_check(pthread_create(&readers[i].thread, NULL, read_main, &readers[i]) == 0, "reader %u", i);
    }
    for (unsigned i = 0; i < crowd->writers; i++) {
        trial_check(pthread_create(&writers[i].thread, NULL, write_main, &writers[i]) == 0, "writer %u", i);
    }
    for (unsigned i = 0; i < crowd->writers; i++) {
        pthread_join(writers[i].thread, NULL);
    }
    for (unsigned i = 0; i < crowd->readers; i++) {
        pthread_join(readers[i].thread, NULL);
    }
    printf("%-50s %9" PRIu64 " published, %" PRIu64 " aborted\n", crowd->name, atomic_load(&scene.published),
           atomic_load(&scene.aborted));
}

int main(void)
{
    for (size_t i = 0; i < sizeof crowds / sizeof crowds[0]; i++) {
        play(&crowds[i]);
    }
    return 0;
}
