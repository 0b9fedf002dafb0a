#include "tls/failures.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)
#define KEPT 64                    /* the least recent gives way */
#define AGAIN_NS (3600 * NS_PER_S) /* until what goes on is said once more */
#define QUIET_NS (60 * NS_PER_S)   /* after which, and a success, a failure is news */
#define FLOOD_NS (60 * NS_PER_S)   /* in which at most FLOOD_LINES new ones are said */
#define FLOOD_LINES 20

struct failure {
    char peer[64], reason[160];
    uint64_t count; /* since it was said; 0 with an empty peer: free */
    int64_t said_ns, seen_ns;
    bool forgiven;
};

struct tls_failures {
    const struct leat_host *host;
    bool listen;
    pthread_mutex_t lock;
    struct failure items[KEPT];
    int64_t minute_ns; /* start of the running one */
    unsigned lines;    /* said in it */
    uint64_t unsaid;   /* failures of peers beyond that */
};

struct tls_failures *tls_failures_new(const struct leat_host *host, bool listen)
{
    struct tls_failures *failures = calloc(1, sizeof *failures);
    if (!failures)
        return NULL;
    failures->host = host;
    failures->listen = listen;
    pthread_mutex_init(&failures->lock, NULL);
    return failures;
}

void tls_failures_free(struct tls_failures *failures)
{
    if (!failures)
        return;
    pthread_mutex_destroy(&failures->lock);
    free(failures);
}

static struct failure *find(struct tls_failures *failures, const char *peer, const char *reason)
{
    for (size_t i = 0; i < KEPT; i++)
        if (strcmp(failures->items[i].peer, peer) == 0 && strcmp(failures->items[i].reason, reason) == 0)
            return &failures->items[i];
    return NULL;
}

static struct failure *make_room(struct tls_failures *failures)
{
    struct failure *oldest = &failures->items[0];
    for (size_t i = 1; i < KEPT; i++)
        if (failures->items[i].seen_ns < oldest->seen_ns)
            oldest = &failures->items[i];
    return oldest;
}

static void say(const struct tls_failures *failures, const struct failure *failure, const char *name)
{
    char text[512], again[64] = "";
    if (failure->count > 1)
        snprintf(again, sizeof again, "; %llu times since this was said", (unsigned long long)failure->count);
    snprintf(text, sizeof text, "handshake with %s failed: %s%s%.128s%s%s%s", failure->peer, failure->reason,
             *name ? " (peer " : "", name, *name ? ")" : "", again, failures->listen ? "" : "; dialling goes on");
    failures->host->log(failures->host->context, LEAT_LOG_WARNING, text);
}

/* Whether one more line may be said in this minute. */
static bool may_say(struct tls_failures *failures, int64_t now_ns)
{
    if (failures->minute_ns == 0 || now_ns - failures->minute_ns > FLOOD_NS) {
        if (failures->unsaid) {
            char text[96];
            snprintf(text, sizeof text, "%llu more handshakes with other peers failed",
                     (unsigned long long)failures->unsaid);
            failures->host->log(failures->host->context, LEAT_LOG_WARNING, text);
        }
        failures->minute_ns = now_ns;
        failures->lines = 0;
        failures->unsaid = 0;
    }
    return failures->lines < FLOOD_LINES;
}

static void note_new(struct tls_failures *failures, const char *peer, const char *reason, const char *name,
                     int64_t now_ns)
{
    if (!may_say(failures, now_ns)) {
        failures->unsaid++;
        return;
    }
    struct failure *failure = make_room(failures);
    *failure = (struct failure){.said_ns = now_ns, .seen_ns = now_ns};
    snprintf(failure->peer, sizeof failure->peer, "%s", peer);
    snprintf(failure->reason, sizeof failure->reason, "%s", reason);
    failures->lines++;
    say(failures, failure, name);
}

void tls_failures_note(struct tls_failures *failures, const char *peer, const char *reason, const char *name)
{
    if (!failures)
        return;
    int64_t now_ns = failures->host->now_ns(failures->host->context);
    pthread_mutex_lock(&failures->lock);
    struct failure *failure = find(failures, peer, reason);
    if (failure) {
        bool is_news = failure->forgiven && now_ns - failure->seen_ns > QUIET_NS;
        failure->count++;
        failure->seen_ns = now_ns;
        failure->forgiven = false;
        if (is_news || now_ns - failure->said_ns > AGAIN_NS) {
            say(failures, failure, name);
            failure->said_ns = now_ns;
            failure->count = 0;
        }
    } else {
        note_new(failures, peer, reason, name, now_ns);
    }
    pthread_mutex_unlock(&failures->lock);
}

void tls_failures_forgive(struct tls_failures *failures, const char *peer)
{
    if (!failures)
        return;
    pthread_mutex_lock(&failures->lock);
    for (size_t i = 0; i < KEPT; i++)
        if (strcmp(failures->items[i].peer, peer) == 0)
            failures->items[i].forgiven = true;
    pthread_mutex_unlock(&failures->lock);
}
