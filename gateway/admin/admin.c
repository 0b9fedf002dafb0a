#include "admin/admin.h"

#include "admin/server.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS NS_PER_S
#define RETRY_NS (5 * NS_PER_S)

struct admin {
    struct view view;
    pthread_t watcher;
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t wake;
    bool stopping;
    char *url, *token;     /* "": none */
    struct server *server; /* NULL: there is no url, or it could not be had yet */
    int64_t retry_ns;
};

/* ---- listening --------------------------------------------------------------------------------------------------------- */

/* The lock is held. */
static int listen_at(struct admin *admin, const char *url, const char *token, struct server **server)
{
    int error = server_start(server, &admin->view, url, token);
    if (!error)
        log_info("admin: %s answers%s", url, *token ? ", to those who show the token" : "");
    return error;
}

/* Once more, where the address could not be had. */
static void try_again(struct admin *admin)
{
    int64_t now_ns = clock_monotonic_ns();
    if (admin->server || !*admin->url || now_ns < admin->retry_ns)
        return;
    int error = listen_at(admin, admin->url, admin->token, &admin->server);
    if (error && admin->retry_ns == 0)
        log_error("admin: cannot listen at %s: %s; the bridges run, and it is tried again every 5 s", admin->url,
                  strerror(-error));
    admin->retry_ns = now_ns + RETRY_NS;
}

/* ---- watching ---------------------------------------------------------------------------------------------------------- */

/* Until the next second, or the end. False at the end. */
static bool wait_until(struct admin *admin, int64_t due_ns)
{
    struct timespec due = {.tv_sec = due_ns / NS_PER_S, .tv_nsec = due_ns % NS_PER_S};
    while (!admin->stopping)
        if (pthread_cond_timedwait(&admin->wake, &admin->lock, &due) == ETIMEDOUT)
            return !admin->stopping;
    return false;
}

/* One more second of history. Returns the look that the next one starts from. */
static struct look *add_second(struct admin *admin, struct look *before)
{
    struct look *now = looks_take(&admin->view.looks, 0);
    if (before && now)
        history_add(admin->view.history, before, now);
    if (!now)
        return before;
    look_release(before);
    return now;
}

static void *watch(void *user)
{
    struct admin *admin = user;
    struct look *before = NULL;
    int64_t due_ns = clock_monotonic_ns();
    pthread_mutex_lock(&admin->lock);
    do {
        bool watched = *admin->url != '\0';
        pthread_mutex_unlock(&admin->lock);
        if (watched) /* without a listener nobody can ask */
            before = add_second(admin, before);
        pthread_mutex_lock(&admin->lock);
        try_again(admin);
        if (admin->server)
            server_sweep(admin->server);
        due_ns += SECOND_NS;
        if (due_ns < clock_monotonic_ns()) /* the machine stood still */
            due_ns = clock_monotonic_ns() + SECOND_NS;
    } while (wait_until(admin, due_ns));
    pthread_mutex_unlock(&admin->lock);
    look_release(before);
    return NULL;
}

/* ---- life -------------------------------------------------------------------------------------------------------------- */

static void admin_free(struct admin *admin)
{
    looks_fini(&admin->view.looks);
    history_free(admin->view.history);
    pthread_mutex_destroy(&admin->lock);
    pthread_cond_destroy(&admin->wake);
    free(admin->url);
    free(admin->token);
    free(admin);
}

static struct admin *admin_new(const struct config_gateway *gateway)
{
    struct admin *admin = calloc(1, sizeof *admin);
    if (!admin)
        return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&admin->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&admin->lock, NULL);
    looks_init(&admin->view.looks, gateway->name);
    admin->view.history = history_new();
    admin->url = strdup(gateway->admin);
    admin->token = strdup(gateway->admin_token);
    if (admin->view.history && admin->url && admin->token)
        return admin;
    admin_free(admin);
    return NULL;
}

int admin_start(struct admin **admin, const struct config_gateway *gateway)
{
    sigset_t all, before;
    *admin = NULL;
    struct admin *made = admin_new(gateway);
    if (!made)
        return -ENOMEM;
    admin_beat(made);
    try_again(made); /* here, so that it answers when the gateway says that it runs */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&made->watcher, NULL, watch, made);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        server_stop(made->server);
        admin_free(made);
        return -error;
    }
    pthread_setname_np(made->watcher, "leat-admin");
    *admin = made;
    return 0;
}

static void replace_text(char **text, char *copy)
{
    free(*text);
    *text = copy;
}

/* The lock is held. */
static int reload(struct admin *admin, const struct config_gateway *gateway)
{
    struct server *server = NULL;
    bool moves = strcmp(admin->url, gateway->admin) != 0;
    char *url = strdup(gateway->admin), *token = strdup(gateway->admin_token);
    int error = url && token ? 0 : -ENOMEM;
    if (!error && moves && *url)
        error = listen_at(admin, url, token, &server);
    if (error) {
        free(url);
        free(token);
        return error;
    }
    if (moves) {
        server_stop(admin->server);
        admin->server = server;
        admin->retry_ns = 0;
    } else if (admin->server) {
        server_set_token(admin->server, token);
    }
    replace_text(&admin->url, url);
    replace_text(&admin->token, token);
    return 0;
}

int admin_reload(struct admin *admin, const struct config_gateway *gateway)
{
    if (!admin)
        return 0;
    pthread_mutex_lock(&admin->lock);
    int error = reload(admin, gateway);
    pthread_mutex_unlock(&admin->lock);
    return error;
}

void admin_beat(struct admin *admin)
{
    if (admin)
        atomic_store_explicit(&admin->view.beat_ns, clock_monotonic_ns(), memory_order_relaxed);
}

void admin_stop(struct admin *admin)
{
    if (!admin)
        return;
    pthread_mutex_lock(&admin->lock);
    admin->stopping = true;
    pthread_cond_signal(&admin->wake);
    pthread_mutex_unlock(&admin->lock);
    pthread_join(admin->watcher, NULL);
    server_stop(admin->server);
    admin_free(admin);
}
