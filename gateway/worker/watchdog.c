#include "worker/watchdog.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define PAUSE_NS (250 * NS_PER_MS)
#define PATIENCE_NS (2 * NS_PER_S)

void watchdog_add(struct watchdog *dog, const struct plugin *engine, const struct leat_host *host)
{
    if (!engine->transport.probe || dog->count == WATCHDOG_ENGINES)
        return;
    for (size_t i = 0; i < dog->count; i++)
        if (dog->engines[i].plugin->transport.probe == engine->transport.probe)
            return;
    dog->engines[dog->count++] = (struct watchdog_engine){engine, host};
}

static void probe(struct watchdog *dog, const struct watchdog_engine *engine)
{
    const char *name = engine->plugin->table.name;
    atomic_store(&dog->asked, name);
    atomic_store(&dog->asked_ns, clock_monotonic_ns());
    int32_t error = engine->plugin->transport.probe(engine->host, PATIENCE_NS);
    atomic_store(&dog->asked_ns, 0);
    if (error == -ETIMEDOUT)
        atomic_store(&dog->failed, name);
}

static void *run(void *argument)
{
    struct watchdog *dog = argument;
    for (;;) {
        for (size_t i = 0; i < dog->count; i++)
            probe(dog, &dog->engines[i]);
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    return NULL;
}

int watchdog_start(struct watchdog *dog)
{
    pthread_t thread;
    if (dog->count == 0)
        return 0;
    int error = pthread_create(&thread, NULL, run, dog);
    if (error)
        return -error;
    pthread_setname_np(thread, "watchdog");
    pthread_detach(thread);
    return 0;
}

const char *watchdog_stuck(const struct watchdog *dog, int64_t now_ns)
{
    const char *failed = atomic_load(&dog->failed);
    int64_t asked_ns = atomic_load(&dog->asked_ns);
    if (failed || asked_ns == 0 || now_ns - asked_ns < PATIENCE_NS)
        return failed;
    return atomic_load(&dog->asked);
}
