/* Both lanes of a bridge on one small `block` channel under random schedules from fixed seeds: messages come in and are published,
 * sends complete in any order, peers come and go, and a stop comes at any moment. Whatever happened: what came in is in the
 * channel, the books of both lanes balance, and a patient stop leaves nothing behind. A plain program, so that it also runs under
 * TSan. */
#include "rig.h"
#include "wait.h"

#define SEEDS 40u
#define TURNS 1000u

struct network {
    struct fake_engine *engine;
    uint64_t random;
    atomic_bool over;
};

static void *complete_at_random(void *argument)
{
    struct network *network = argument;
    while (!network->over) {
        uint32_t pending = engine_sends(network->engine);
        if (pending == 0 || wait_random(&network->random) % 8 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
        else
            engine_complete(network->engine, (uint32_t)(wait_random(&network->random) % pending), 0);
    }
    return NULL;
}

/* Returns how many messages came in. */
static uint64_t disturb(struct rig *rig, uint64_t *random)
{
    uint64_t arrived = 0;
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        uint64_t kind = wait_random(random) % 64;
        if (kind < 40)
            arrived += engine_arrive(&rig->engine, arrived, 0, 8 + kind);
        else if (kind < 60)
            fake_publish(&rig->channels[0], 1);
        else
            engine_peers(&rig->engine, (uint32_t)(kind - 60));
        if (kind % 8 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    }
    return arrived;
}

static void check(struct rig *rig, uint64_t arrived, bool patient)
{
    const struct page_lane *out = rig_lane(rig, 0), *in = rig_lane(rig, 1);
    CHECK(rig_balances(out) && rig_balances(in));
    CHECK(in->read == arrived);
    CHECK(in->forwarded == rig->channels[0].written_count);
    CHECK(out->dropped[LEAT_DROP_LOOP] <= in->forwarded);
    CHECK(!patient || (bridge_unfinished(rig->bridge) == 0 && in->forwarded == arrived));
}

static void run(uint64_t seed)
{
    uint64_t random = seed;
    struct rig *rig = rig_new();
    rig->direction = LEAT_BOTH;
    rig->drops_own = true;
    rig->waits_for_peer = wait_random(&random) % 2 ? LEAT_BOTH : 0;
    rig->channels[0].capacity = 1 + wait_random(&random) % 100;
    struct network network = {.engine = &rig->engine, .random = seed + 1000};
    rig_start(rig);
    pthread_t thread;
    pthread_create(&thread, NULL, complete_at_random, &network);
    uint64_t arrived = disturb(rig, &random);
    bool patient = wait_random(&random) % 2;
    if (patient)
        engine_peers(&rig->engine, 1);
    rig_stop(rig, patient ? WAIT_LIMIT_NS : (int64_t)(wait_random(&random) % 20000000));
    network.over = true;
    pthread_join(thread, NULL);
    check(rig, arrived, patient);
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
