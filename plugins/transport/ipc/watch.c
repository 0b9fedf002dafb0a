#include "ipc/watch.h"

#include "common/sp_stats.h"
#include "ipc/listen.h"
#include "ipc/path.h"
#include "ipc/strays.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_MS 200
#define HEAR_WITHIN_MS 500
#define HEAR_STEP_MS 5
#define SAY_EVERY 50u /* failures: ten seconds */
#define TAKE_EVERY 5u

struct watched {
    struct watched *next;
    struct sp_attach attach;
    struct leat_endpoint endpoint;
    const struct leat_host *host;
    char *url;
    nng_listener listener;
    uint64_t errors;   /* that nng had counted when it was last known to hear */
    uint32_t failures; /* to listen anew, one after the other */
    bool gone;         /* closed, or without its file, and not yet replaced */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct watched *all;
static bool running;

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* One counter of a listener; false when nng has no such listener any more. */
static bool read_counter(nng_listener listener, const char *name, uint64_t *value)
{
    nng_stat *stats;
    if (nng_stats_get(&stats) != 0)
        return false;
    nng_stat *node = sp_stats_find(stats, "listener", (uint32_t)nng_listener_id(listener));
    if (node)
        *value = sp_stats_value(node, name);
    nng_stats_free(stats);
    return node != NULL;
}

/* Any peer that is accepted in the meantime proves the same as our own knock. */
static bool hears(const struct watched *watched, const struct ipc_path *path)
{
    uint64_t before, now;
    if (!read_counter(watched->listener, "accept", &before) || ipc_path_knock(path, HEAR_WITHIN_MS) == -ENOENT)
        return true; /* the listener, or its file, was taken away: nothing that we could mend */
    for (int waited = 0; waited < HEAR_WITHIN_MS; waited += HEAR_STEP_MS) {
        if (!read_counter(watched->listener, "accept", &now) || now != before)
            return true;
        sleep_ms(HEAR_STEP_MS);
    }
    return false;
}

static void say(const struct watched *watched, int32_t level, const char *format, const char *detail)
{
    char text[512];
    snprintf(text, sizeof text, format, watched->url, detail);
    watched->host->log(watched->host->context, level, text);
}

/* The file is unlinked so that a new listener can have its name; the old one stays for the peers that it has. An abstract name
 * can only be freed by closing the old one. Only once: what is there later is another program's. The strays go before the new
 * listener is there, whose peers in their greeting look the same. */
static void free_name(struct watched *watched, const struct ipc_path *path)
{
    if (path->abstract) {
        nng_listener_close(watched->listener);
    } else {
        unlink(path->address.sun_path);
        ipc_strays_hang_up(path->address.sun_path);
    }
    watched->gone = true;
}

/* Returns false when the socket itself is closed. */
static bool renew(struct watched *watched, const struct ipc_path *path)
{
    nng_listener renewed;
    char why[256] = "";
    watched->attach.explain = why;
    watched->attach.explain_size = sizeof why;
    if (!watched->gone)
        free_name(watched, path);
    int32_t error = ipc_listen(&watched->attach, &renewed);
    if (error) {
        if (watched->failures++ % SAY_EVERY == 0)
            say(watched, LEAT_LOG_ERROR, "%s no longer accepts peers, and listening anew failed (%s); trying again",
                why);
        if (path->abstract && error == -EADDRINUSE && watched->failures % TAKE_EVERY == 0)
            ipc_strays_take_name(path); /* nng had time enough to part with it */
        return error != -ECANCELED;
    }
    watched->failures = 0;
    watched->gone = false;
    watched->listener = renewed;
    watched->errors = 0;
    say(watched, LEAT_LOG_WARNING, "%s no longer accepted peers (nng 1.5, after one that hung up in its greeting): %s",
        "listening anew");
    return true;
}

/* False when there is nothing to watch any more. */
static bool look(struct watched *watched)
{
    uint64_t errors;
    struct ipc_path path;
    char why[192];
    if (ipc_path_parse(&path, watched->url, why, sizeof why) != 0)
        return false;
    if (watched->gone)
        return renew(watched, &path);
    if (!read_counter(watched->listener, "other", &errors))
        return false;
    if (errors == watched->errors)
        return true;
    if (!hears(watched, &path))
        return renew(watched, &path);
    watched->errors = errors;
    return true;
}

static void watched_free(struct watched *watched)
{
    free(watched->url);
    free(watched);
}

/* The list only grows at its head, by others, and only shrinks here. */
static void *run(void *unused)
{
    (void)unused;
    for (;;) {
        sleep_ms(LOOK_EVERY_MS);
        pthread_mutex_lock(&lock);
        struct watched *first = all;
        pthread_mutex_unlock(&lock);
        for (struct watched *watched = first, *next; watched; watched = next) {
            next = watched->next;
            if (look(watched))
                continue;
            pthread_mutex_lock(&lock);
            struct watched **at = &all;
            while (*at != watched)
                at = &(*at)->next;
            *at = next;
            pthread_mutex_unlock(&lock);
            watched_free(watched);
        }
    }
    return NULL;
}

/* Under the lock. */
static int32_t launch(void)
{
    pthread_t thread;
    if (running)
        return 0;
    int error = pthread_create(&thread, NULL, run, NULL);
    if (error)
        return -error;
    pthread_detach(thread);
    running = true;
    return 0;
}

int32_t ipc_watch(const struct sp_attach *attach, nng_listener listener, const struct leat_host *host)
{
    struct watched *watched = calloc(1, sizeof *watched);
    char *url = strdup(attach->endpoint->url);
    if (!watched || !url) {
        free(url);
        free(watched);
        return -ENOMEM;
    }
    *watched = (struct watched){.attach = *attach, .endpoint = *attach->endpoint, .host = host, .url = url};
    watched->listener = listener;
    watched->endpoint.url = url;
    watched->attach.endpoint = &watched->endpoint;
    pthread_mutex_lock(&lock);
    int32_t error = launch();
    if (!error) {
        watched->next = all;
        all = watched;
    }
    pthread_mutex_unlock(&lock);
    if (error)
        watched_free(watched);
    return error;
}
