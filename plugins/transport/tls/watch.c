#include "tls/watch.h"

#include <nng/nng.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tls_watched *all;

static void look_at_all(void)
{
    pthread_mutex_lock(&lock);
    for (struct tls_watched *each = all; each; each = each->next)
        if (each->is_over(each))
            nng_stream_close(each->connection);
    pthread_mutex_unlock(&lock);
}

static void *watch(void *nothing)
{
    const struct timespec pause = {.tv_sec = 1};
    for (;;) {
        nanosleep(&pause, NULL);
        look_at_all();
    }
    return nothing;
}

/* For as long as the process lives, and none of its signals are this thread's. Without a thread nothing is watched. */
static void start(void)
{
    pthread_t thread;
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    if (pthread_create(&thread, NULL, watch, NULL) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
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
