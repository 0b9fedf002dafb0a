#include "worker/watchdog.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define PAUSE_NS (250 * NS_PER_MS)
#define PATIENCE_NS (2 * NS_PER_S)     /* what a probe may take */
#define SILENCE_NS (2 * PATIENCE_NS)   /* it does not even come back from its wait */
#define LOOK_NS_MOST (500 * NS_PER_MS) /* of the time between two looks, so much counts */

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

/* A process that was stopped, or got no core, was silent without being stuck: only the time in which we could look counts. */
static void count_silence(struct watchdog *dog, int64_t now_ns)
{
    int64_t asked_ns = atomic_load(&dog->asked_ns), passed_ns = now_ns - dog->looked_ns;
    if (asked_ns == 0 || asked_ns != dog->seen_ns)
        dog->silent_ns = 0;
    else
        dog->silent_ns += passed_ns < LOOK_NS_MOST ? passed_ns : LOOK_NS_MOST;
    dog->seen_ns = asked_ns;
    dog->looked_ns = now_ns;
}

const char *watchdog_stuck(struct watchdog *dog, int64_t now_ns)
{
    const char *failed = atomic_load(&dog->failed);
    count_silence(dog, now_ns);
    return failed || dog->silent_ns < SILENCE_NS ? failed : atomic_load(&dog->asked);
}
