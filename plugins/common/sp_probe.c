#include "common/sp_probe.h"

#include "common/sp_error.h"
#include "common/sp_forgotten.h"
#include "common/sp_start.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define TURN_NS INT64_C(50000000)

/* One trial at a time. An abandoned one keeps `running` until it ends, if it ever does. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool running;
    int32_t result;
} trial = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

/* A live pipe between two sockets, and its end. */
static int try_nng(void)
{
    static unsigned count; /* one trial at a time */
    char url[64];
    snprintf(url, sizeof url, "inproc://leat.probe.%p.%u", (void *)&count, count);
    count++;
    nng_socket pub, sub;
    int code = nng_pub0_open(&pub);
    if (code)
        return code;
    code = nng_sub0_open(&sub);
    if (code) {
        nng_close(pub);
        return code;
    }
    code = nng_listen(pub, url, NULL, 0);
    if (!code)
        code = nng_dial(sub, url, NULL, 0);
    nng_close(sub);
    nng_close(pub);
    return code;
}

static void *run(void *unused)
{
    (void)unused;
    int code = sp_forgotten_look();
    if (!code)
        code = try_nng();
    pthread_mutex_lock(&trial.lock);
    trial.running = false;
    trial.result = sp_error(code);
    pthread_cond_broadcast(&trial.ended);
    pthread_mutex_unlock(&trial.lock);
    return NULL;
}

static struct timespec deadline_after(int64_t ns)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t at = now.tv_nsec + ns;
    return (struct timespec){.tv_sec = now.tv_sec + at / NS_PER_S, .tv_nsec = at % NS_PER_S};
}

/* Waits in turns that count as their length, however long they took: a process that was stopped for a while, or one of many on a
 * busy machine, is not stuck. Under the lock. */
static void await_end(int64_t timeout_ns)
{
    int64_t waited_ns = 0;
    while (trial.running && waited_ns < timeout_ns) {
        struct timespec deadline = deadline_after(TURN_NS);
        if (pthread_cond_clockwait(&trial.ended, &trial.lock, CLOCK_MONOTONIC, &deadline) != 0)
            waited_ns += TURN_NS;
    }
}

/* Under the lock. */
static int32_t launch(void)
{
    pthread_t thread;
    trial.running = true;
    int error = pthread_create(&thread, NULL, run, NULL);
    if (error) {
        trial.running = false;
        return -error;
    }
    pthread_detach(thread);
    return 0;
}

int32_t sp_probe(const struct leat_host *host, int64_t timeout_ns)
{
    (void)host;
    sp_start();
    pthread_mutex_lock(&trial.lock);
    if (trial.running) { /* an earlier one is still stuck, or another thread asks just now */
        pthread_mutex_unlock(&trial.lock);
        return -ETIMEDOUT;
    }
    int32_t result = launch();
    if (result == 0) {
        await_end(timeout_ns);
        result = trial.running ? -ETIMEDOUT : trial.result;
    }
    pthread_mutex_unlock(&trial.lock);
    return result;
}
