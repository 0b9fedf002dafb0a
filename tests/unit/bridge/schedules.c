/* Bridges under random schedules from fixed seeds: completions in any order, failures, laps, filters, messages that are held back,
 * removed channels, and a stop at any moment. Whatever happened: the books balance, nothing that a waiting pattern read is lost or reordered, and the
 * reader's position is never ahead of what was forwarded. A plain program, so that it also runs under TSan. */
#include "rig.h"
#include "wait.h"

#include <string.h>

#define SEEDS 60u
#define MESSAGES 3000u

struct network {
    struct rig *rig;
    _Atomic uint64_t seed; /* each thread draws its own */
    bool fails;
    atomic_bool over;
};

/* Completes what is pending in random order. Where it fails, it keeps the order, so that order can be checked. */
static void *complete_at_random(void *argument)
{
    struct network *network = argument;
    uint64_t random = network->seed++;
    while (!network->over) {
        uint32_t pending = engine_sends(&network->rig->engine);
        if (pending == 0 || wait_random(&random) % 8 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
        else if (!network->fails)
            engine_complete(&network->rig->engine, (uint32_t)(wait_random(&random) % pending), 0);
        else if (wait_random(&random) % 100 == 0)
            engine_reset(&network->rig->engine);
        else
            engine_complete(&network->rig->engine, 0, 0);
    }
    return NULL;
}

static void set_up(struct rig *rig, uint64_t *random)
{
    rig->waits_for_peer = wait_random(random) % 2;
    rig->volatile_reader = wait_random(random) % 4 == 0;
    rig->filter = wait_random(random) % 3 == 0 ? 7 : 0;
    rig->hold_keys = wait_random(random) % 3 == 0 ? 13 : 0;
    rig->channels[0].random = wait_random(random);
    rig->channels[0].lap_chance = wait_random(random) % 2 ? 5 : 0;
}

static void disturb(struct rig *rig, uint64_t *random)
{
    for (uint64_t published = 0; published < MESSAGES;) {
        uint64_t burst = 1 + wait_random(random) % 200;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        rig->hold_until_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec + (int64_t)(wait_random(random) % 1000000);
        fake_publish(&rig->channels[0], burst);
        published += burst;
        uint64_t kind = wait_random(random) % 20;
        if (kind == 0)
            fake_remove(&rig->channels[0]);
        else if (kind == 1)
            engine_peers(&rig->engine, 0);
        else if (kind < 6)
            engine_peers(&rig->engine, 1 + (uint32_t)kind);
        else if (kind < 12)
            nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
    }
}

static void check_order(const struct fake_engine *engine)
{
    uint64_t before = 0;
    for (uint64_t i = 0; i < engine->delivered_count; i++) {
        uint64_t number = engine->delivered[i];
        CHECK(number == UINT64_MAX || number == 0 || number > before);
        before = number == UINT64_MAX ? before : number;
    }
}

static void run(uint64_t seed)
{
    uint64_t random = seed;
    struct rig *rig = rig_new();
    set_up(rig, &random);
    struct network network = {.rig = rig, .seed = seed + 1000, .fails = seed % 2 == 0 && rig->waits_for_peer};
    rig_start(rig);
    engine_peers(&rig->engine, 1);
    pthread_t threads[2];
    int thread_count = network.fails ? 1 : 2;
    for (int i = 0; i < thread_count; i++)
        pthread_create(&threads[i], NULL, complete_at_random, &network);
    disturb(rig, &random);
    bool patient = wait_random(&random) % 2;
    if (patient) {
        engine_peers(&rig->engine, 1);
        fake_await_read(&rig->channels[0], rig->channels[0].published);
    }
    rig_stop(rig, patient ? WAIT_LIMIT_NS : (int64_t)(wait_random(&random) % 20000000));
    network.over = true;
    for (int i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);

    struct page_lane *lane = rig_lane(rig, 0);
    CHECK(rig_balances(lane));
    CHECK(lane->in_flight == 0);
    CHECK(rig->channels[0].acknowledged + bridge_unfinished(rig->bridge) <= rig->channels[0].next);
    CHECK(bridge_unfinished(rig->bridge) == lane->returned + lane->dropped[LEAT_DROP_SHUTDOWN]);
    CHECK(lane->dropped[LEAT_DROP_LAPPED] == rig->channels[0].laps);
    CHECK(lane->read <= rig->channels[0].published);
    CHECK(!patient || bridge_unfinished(rig->bridge) == 0);
    CHECK(!patient || lane->read == rig->channels[0].published - rig->channels[0].pending_lost);
    CHECK(lane->forwarded <= rig->engine.delivered_count);
    if (network.fails && rig->hold_keys == 0)
        check_order(&rig->engine);
    rig_free(rig);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        run(strtoull(argv[1], NULL, 10));
        return 0;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed);
    printf("%u schedules\n", SEEDS);
    return 0;
}
