#include "admin/server.h"

#include "admin/answer.h"
#include "admin/door.h"
#include "admin/gate.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/admin_address.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SILENCE_S 15u                       /* a connection that says nothing for so long ends */
#define REQUEST_NS (30 * NS_PER_S)          /* a request, from the end of the one before it to its answer's end */
#define CONNECTION_BYTES ((size_t)32 << 10) /* for a request's head, and its answer's */
#define TOKEN_BYTES 260

/* What a browser must not do with the status page: ask anybody else, run anything else, show it in another page's frame. */
#define PAGE_POLICY                                                                                                  \
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct server {
    struct MHD_Daemon *daemon;
    struct view *view;
    struct door door;
    pthread_mutex_t lock; /* of the token */
    char token[TOKEN_BYTES];
};

/* ---- who may ask ----------------------------------------------------------------------------------------------------- */

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static const char *argument(void *user, const char *name)
{
    return MHD_lookup_connection_value(user, MHD_GET_ARGUMENT_KIND, name);
}

/* Fills *answer and returns false when the question is not to be answered. */
static bool may_ask(struct server *server, struct MHD_Connection *connection, const char *path, struct answer *answer)
{
    char token[TOKEN_BYTES];
    pthread_mutex_lock(&server->lock);
    memcpy(token, server->token, sizeof token);
    pthread_mutex_unlock(&server->lock);
    if (token[0] == '\0') {
        if (gate_is_plain_host(header(connection, "Host")))
            return true;
        answer_error(answer, 403, "without an admin_token the gateway answers to its number and to localhost alone");
        return false;
    }
    const char *given = gate_bearer(header(connection, "Authorization"));
    if (!given)
        given = argument(connection, "token");
    if (answer_is_open(path) || (given && gate_same_secret(given, token)))
        return true;
    answer_error(answer, 401, "this needs the gateway's admin_token: Authorization: Bearer TOKEN, or ?token=TOKEN");
    return false;
}

/* ---- answering --------------------------------------------------------------------------------------------------------- */

static void add_headers(struct MHD_Response *response, const struct answer *answer)
{
    MHD_add_response_header(response, "Content-Type", answer->type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    if (strncmp(answer->type, "text/html", 9) == 0)
        MHD_add_response_header(response, "Content-Security-Policy", PAGE_POLICY);
    if (answer->status == 401)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"leat\"");
    if (answer->status == 405)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
}

/* Takes the answer's body. */
static enum MHD_Result give(struct MHD_Connection *connection, struct answer *answer)
{
    enum MHD_ResponseMemoryMode mode = answer->constant ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE;
    struct MHD_Response *response = MHD_create_response_from_buffer(answer->body_bytes, answer->body, mode);
    if (!response) {
        answer_fini(answer);
        return MHD_NO;
    }
    add_headers(response, answer);
    enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Called first with a request's head, and then again until it is answered; `seen` tells the calls apart. */
static enum MHD_Result take_request(void *user, struct MHD_Connection *connection, const char *path, const char *method,
                                    const char *version, const char *upload, size_t *upload_bytes, void **seen)
{
    struct server *server = user;
    struct answer answer = {0};
    (void)version;
    (void)upload;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        answer_error(&answer, 405, "the admin side is for reading: GET and HEAD");
        return give(connection, &answer);
    }
    if (*upload_bytes > 0)
        return MHD_NO;
    if (!*seen) {
        *seen = server;
        return MHD_YES;
    }
    const struct question question = {path, argument, connection};
    if (may_ask(server, connection, path, &answer))
        answer_question(server->view, &question, &answer);
    return give(connection, &answer);
}

/* ---- connections ------------------------------------------------------------------------------------------------------- */

static void come_or_go(void *user, struct MHD_Connection *connection, void **place,
                       enum MHD_ConnectionNotificationCode what)
{
    struct server *server = user;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        *place = info ? door_enter(&server->door, info->connect_fd) : NULL;
    else
        door_leave(&server->door, *place);
}

static void has_been_served(void *user, struct MHD_Connection *connection, void **seen,
                            enum MHD_RequestTerminationCode how)
{
    struct server *server = user;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    *seen = NULL;
    if (info && how == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        door_served(&server->door, info->socket_context);
}

void server_sweep(struct server *server)
{
    door_shut(&server->door, clock_monotonic_ns() - REQUEST_NS);
}

/* ---- life -------------------------------------------------------------------------------------------------------------- */

static _Atomic bool panicked;

/* libmicrohttpd has lost its footing and would end the process: its thread stands still for ever instead, and the bridges go on. */
static void stand_still(void *user, const char *file, unsigned line, const char *reason)
{
    (void)user;
    log_error("the admin side stands still until the gateway is restarted: %s (%s:%u)", reason ? reason : "unknown",
              file, line);
    atomic_store_explicit(&panicked, true, memory_order_relaxed);
    for (;;)
        pause();
}

__attribute__((format(printf, 2, 0))) static void take_log(void *user, const char *format, va_list args)
{
    char text[512];
    (void)user;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    log_debug("admin: %s", text);
}

/* Its thread gets no signal of the supervisor's. */
static struct MHD_Daemon *start_daemon(struct server *server, int fd)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    MHD_set_panic_func(stand_still, NULL);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL, take_request,
                         server, MHD_OPTION_EXTERNAL_LOGGER, take_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)DOOR_PLACES, MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_NOTIFY_CONNECTION, come_or_go,
                         server, MHD_OPTION_NOTIFY_COMPLETED, has_been_served, server, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

void server_set_token(struct server *server, const char *token)
{
    pthread_mutex_lock(&server->lock);
    snprintf(server->token, sizeof server->token, "%s", token);
    pthread_mutex_unlock(&server->lock);
}

static void server_free(struct server *server)
{
    door_fini(&server->door);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

int server_start(struct server **server, struct view *view, const char *url, const char *token)
{
    struct admin_address address;
    char *problem = admin_address_parse(url, &address);
    int fd = problem ? -EINVAL : admin_address_listen(&address);
    free(problem);
    if (fd < 0)
        return fd;
    struct server *made = calloc(1, sizeof *made);
    if (!made) {
        close(fd);
        return -ENOMEM;
    }
    made->view = view;
    door_init(&made->door);
    pthread_mutex_init(&made->lock, NULL);
    server_set_token(made, token);
    made->daemon = start_daemon(made, fd);
    if (!made->daemon) {
        close(fd);
        server_free(made);
        return -EAGAIN;
    }
    *server = made;
    return 0;
}

void server_stop(struct server *server)
{
    if (!server || atomic_load_explicit(&panicked, memory_order_relaxed))
        return; /* whoever waits for a thread that stands still stands still too */
    MHD_stop_daemon(server->daemon);
    server_free(server);
}
