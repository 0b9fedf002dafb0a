#include "tls/watch.h"

#include <nng/nng.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tls_watched *all;

/* One more receive and one more send: nng then asks the engine for those that wait, and it fails them. Closing would fail them
 * too, but with NNG_ECLOSED, and an endpoint of nng's whose negotiation ends so never dials, or accepts, again. */
static void poke(void *connection, nng_aio *aio)
{
    uint8_t byte = 0;
    nng_iov place = {.iov_buf = &byte, .iov_len = 1};
    nng_aio_set_iov(aio, 1, &place);
    nng_stream_recv(connection, aio);
    nng_aio_wait(aio);
    nng_aio_set_iov(aio, 1, &place);
    nng_stream_send(connection, aio);
    nng_aio_wait(aio);
}

static void look_at_all(nng_aio *aio)
{
    pthread_mutex_lock(&lock);
    for (struct tls_watched *each = all; each; each = each->next)
        if (each->is_over(each))
            poke(each->connection, aio);
    pthread_mutex_unlock(&lock);
}

static void *watch(void *nothing)
{
    const struct timespec pause = {.tv_sec = 1};
    nng_aio *aio;
    if (nng_aio_alloc(&aio, NULL, NULL) != 0)
        return nothing;
    for (;;) {
        nanosleep(&pause, NULL);
        look_at_all(aio);
    }
    return nothing;
}

void tls_watch_thread(void *(*run)(void *))
{
    pthread_t thread;
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    if (pthread_create(&thread, NULL, run, NULL) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void start(void)
{
    tls_watch_thread(watch);
}

void tls_watch_add(struct tls_watched *watched)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    pthread_mutex_lock(&lock);
    watched->previous = NULL;
    watched->next = all;
    if (all)
        all->previous = watched;
    all = watched;
    pthread_mutex_unlock(&lock);
}

void tls_watch_remove(struct tls_watched *watched)
{
    if (!watched->is_over)
        return;
    pthread_mutex_lock(&lock);
    if (watched->previous)
        watched->previous->next = watched->next;
    else
        all = watched->next;
    if (watched->next)
        watched->next->previous = watched->previous;
    pthread_mutex_unlock(&lock);
}
