#include "supervisor/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/control_keys.h"
#include "config/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 16
#define LINE_MAX_BYTES 4096         /* of a question */
#define ANSWER_MAX_BYTES (16 << 20) /* that wait for a client */
#define READ_AWAY_MAX 64            /* pieces */
#define EVENTS_MAX (CLIENTS_MAX + 1)
#define HURRY_NS NS_PER_S /* so long a client may take before it makes room for another */

struct client {
    struct control *control;
    int fd;
    int64_t moved_ns; /* when it came, or said or took something last */
    char line[LINE_MAX_BYTES];
    size_t line_len;
    char *out; /* not written yet */
    size_t out_len;
    bool asked;    /* its question was read: nothing more is */
    bool said_all; /* it has closed its side */
    bool ends;     /* once everything is written */
};

struct control {
    struct reload *reload;
    int epoll_fd, listen_fd;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    struct client *clients[CLIENTS_MAX];
};

/* ---- where ----------------------------------------------------------------------------------------------------------- */

/* A folder for the user's sockets; made where its parent is the system's. False: there is none. */
static bool find_folder(char *folder, size_t size)
{
    const char *service = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");
    if (service && *service == '/') { /* several are separated by colons: the first is ours */
        snprintf(folder, size, "%.*s", (int)strcspn(service, ":"), service);
        return true;
    }
    if (user && *user == '/')
        snprintf(folder, size, "%s/leat", user);
    else if (geteuid() == 0)
        snprintf(folder, size, "/run/leat");
    else
        return false;
    return mkdir(folder, 0755) == 0 || errno == EEXIST;
}

/* The path, or "" where there is no place. */
static int find_path(char *path, size_t size, const struct config_gateway *gateway)
{
    char folder[256];
    int len = 0;
    path[0] = '\0';
    if (gateway->control[0])
        len = snprintf(path, size, "%s", gateway->control);
    else if (find_folder(folder, sizeof folder))
        len = snprintf(path, size, "%s/%s.sock", folder, gateway->name);
    return len < (int)size ? 0 : -ENAMETOOLONG;
}

static int connect_or_bind(const char *path, int (*act)(int, const struct sockaddr *, socklen_t), int *fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0)
        return -errno;
    if (act(*fd, (struct sockaddr *)&address, sizeof address) == 0)
        return 0;
    int error = -errno;
    close(*fd);
    *fd = -1;
    return error;
}

/* A socket that a dead gateway left is nobody's: nobody answers there. */
static void remove_stale(const char *path)
{
    struct stat st;
    int fd;
    if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    int error = connect_or_bind(path, connect, &fd);
    if (error == -ECONNREFUSED)
        unlink(path);
    if (!error)
        close(fd);
}

/* Nobody can connect before its mode stands: it listens after that. */
static int listen_there(struct control *control, const struct config_gateway *gateway)
{
    remove_stale(control->path);
    int error = connect_or_bind(control->path, bind, &control->listen_fd);
    if (error)
        return error;
    int64_t group = gateway->control_group[0] ? control_keys_group(gateway->control_group) : -1;
    if ((group >= 0 && chown(control->path, (uid_t)-1, (gid_t)group) != 0) ||
        chmod(control->path, gateway->control_mode) != 0 || listen(control->listen_fd, CLIENTS_MAX) != 0)
        error = -errno;
    if (error)
        unlink(control->path);
    return error;
}

static int watch(const struct control *control, int operation, int fd, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};
    return epoll_ctl(control->epoll_fd, operation, fd, &event) == 0 ? 0 : -errno;
}

int control_open(struct control **out, const struct config_gateway *gateway, struct reload *reload, char *explain,
                 size_t explain_size)
{
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    *out = NULL;
    if (strcmp(gateway->control, "off") == 0)
        return 0;
    int error = find_path(path, sizeof path, gateway);
    if (!error && !*path)
        return 0;
    struct control *control = error ? NULL : calloc(1, sizeof *control);
    if (control) {
        *control = (struct control){.reload = reload, .listen_fd = -1, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
        memcpy(control->path, path, sizeof path);
        error = control->epoll_fd < 0 ? -errno : listen_there(control, gateway);
        if (!error)
            error = watch(control, EPOLL_CTL_ADD, control->listen_fd, EPOLLIN, NULL);
    } else if (!error) {
        error = -ENOMEM;
    }
    if (error) {
        snprintf(explain, explain_size, "cannot listen for orders at %s: %s", path, strerror(-error));
        if (control) {
            control->path[0] = '\0'; /* not ours to remove */
            control_close(control);
        }
        return error;
    }
    *out = control;
    return 0;
}

const char *control_path(const struct control *control)
{
    return control ? control->path : "";
}

int control_fd(const struct control *control)
{
    return control ? control->epoll_fd : -1;
}

/* ---- clients --------------------------------------------------------------------------------------------------------- */

static void drop(struct client *client)
{
    struct control *control = client->control;
    reload_forget(control->reload, client);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (control->clients[i] == client)
            control->clients[i] = NULL;
    close(client->fd);
    free(client->out);
    free(client);
}

void control_close(struct control *control)
{
    if (!control)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (control->clients[i])
            drop(control->clients[i]);
    if (control->path[0])
        unlink(control->path);
    if (control->listen_fd >= 0)
        close(control->listen_fd);
    if (control->epoll_fd >= 0)
        close(control->epoll_fd);
    free(control);
}

static void listen_to(const struct client *client)
{
    uint32_t events = (client->said_all ? 0u : (uint32_t)EPOLLIN) | (client->out_len ? (uint32_t)EPOLLOUT : 0u);
    watch(client->control, EPOLL_CTL_MOD, client->fd, events, (void *)(uintptr_t)client);
}

/* Writes what can be written now. False: the client is gone. */
static bool write_out(struct client *client)
{
    size_t done = 0;
    while (done < client->out_len) {
        ssize_t sent = send(client->fd, client->out + done, client->out_len - done, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent < 0) {
            drop(client);
            return false;
        }
        done += (size_t)sent;
        client->moved_ns = clock_monotonic_ns();
    }
    memmove(client->out, client->out + done, client->out_len - done);
    client->out_len -= done;
    if (client->out_len == 0 && client->ends) {
        drop(client);
        return false;
    }
    listen_to(client);
    return true;
}

/* A line for a client. False: it is gone, because it does not read. */
static bool put(struct client *client, const cJSON *line)
{
    char *text = cJSON_PrintUnformatted(line);
    size_t len = text ? strlen(text) : 0;
    char *out =
        text && client->out_len + len < ANSWER_MAX_BYTES ? realloc(client->out, client->out_len + len + 1) : NULL;
    if (!out) {
        free(text);
        drop(client);
        return false;
    }
    client->out = out;
    memcpy(out + client->out_len, text, len);
    client->out_len += len;
    out[client->out_len++] = '\n';
    free(text);
    return write_out(client);
}

static void put_and_end(struct client *client, cJSON *line)
{
    client->ends = true;
    put(client, line);
    cJSON_Delete(line);
}

/* A socket that is closed with something unread in it takes the answer along. */
static void read_away(const struct client *client)
{
    char bytes[4096];
    for (int i = 0; i < READ_AWAY_MAX && recv(client->fd, bytes, sizeof bytes, 0) > 0; i++)
        ;
}

static void refuse(struct client *client, const char *why)
{
    read_away(client);
    cJSON *line = cJSON_CreateObject();
    cJSON_AddBoolToObject(line, "done", true);
    cJSON_AddBoolToObject(line, "ok", false);
    cJSON_AddStringToObject(line, "error", why);
    put_and_end(client, line);
}

/* ---- questions ------------------------------------------------------------------------------------------------------- */

static void pass_on(void *user, const cJSON *line, bool last)
{
    struct client *client = user;
    client->ends = last;
    put(client, line);
}

static void answer_config(struct client *client)
{
    cJSON *line = cJSON_CreateObject();
    cJSON_AddBoolToObject(line, "done", true);
    cJSON_AddBoolToObject(line, "ok", true);
    cJSON_AddItemToObject(line, "config", config_to_json(reload_config(client->control->reload)));
    put_and_end(client, line);
}

static void answer_reload(struct client *client, enum reload_goal goal, const char *file)
{
    const struct reload_listener listener = {pass_on, client};
    int error = reload_request(client->control->reload, goal, file, listener);
    if (error)
        refuse(client, error == -EBUSY ? "another reload or plan is under way; ask again when it is done"
                                       : "the gateway stops");
}

/* Whether who asks is our user, or root: others, let in by the socket's mode, could have us read a file that they cannot read themselves,
 * and what is wrong in it quotes it. */
static bool may_name_files(const struct client *client)
{
    struct ucred who;
    socklen_t size = sizeof who;
    return getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && (who.uid == geteuid() || who.uid == 0);
}

static void answer_plan(struct client *client, const cJSON *config)
{
    const char *file = cJSON_GetStringValue(config);
    if (config && (!file || *file != '/'))
        refuse(client, "expected \"config\" to be a file's path from the root");
    else if (config && !may_name_files(client))
        refuse(client, "only the gateway's own user and root may name a file");
    else
        answer_reload(client, RELOAD_PLAN, file);
}

static void answer(struct client *client, const char *line)
{
    cJSON *question = cJSON_Parse(line);
    const char *wanted = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(question, "do"));
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(question, "config");
    if (!wanted)
        refuse(client, "expected a line such as {\"do\": \"reload\"}");
    else if (strcmp(wanted, "plan") == 0)
        answer_plan(client, config);
    else if (config)
        refuse(client, "\"config\" goes with plan alone: a gateway reloads the file that it was started with");
    else if (strcmp(wanted, "reload") == 0)
        answer_reload(client, RELOAD_APPLY, NULL);
    else if (strcmp(wanted, "config") == 0)
        answer_config(client);
    else
        refuse(client, "unknown order; there are reload, plan and config");
    cJSON_Delete(question);
}

/* One question a connection. What comes after it is thrown away, and whoever closes its side still hears the answer. */
static void read_question(struct client *client)
{
    if (client->asked)
        client->line_len = 0;
    ssize_t got = recv(client->fd, client->line + client->line_len, sizeof client->line - 1 - client->line_len, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got < 0 || (got == 0 && !client->asked)) {
        drop(client);
        return;
    }
    if (client->asked) {
        client->said_all = got == 0;
        listen_to(client);
        return;
    }
    client->line_len += (size_t)got;
    client->moved_ns = clock_monotonic_ns();
    char *end = memchr(client->line, '\n', client->line_len);
    if (end) {
        *end = '\0';
        client->asked = true;
        answer(client, client->line);
    } else if (client->line_len == sizeof client->line - 1) {
        refuse(client, "a line of more than 4,000 bytes");
    }
}

/* Whom we wait for, and not it for us. */
static bool is_idle(const struct client *client, int64_t now_ns)
{
    return (!client->asked || client->out_len) && now_ns - client->moved_ns >= HURRY_NS;
}

/* Of many who ask nothing, or do not read, the one that has been so for longest is let go. */
static struct client **find_place(struct control *control)
{
    struct client **idle = NULL;
    int64_t now_ns = clock_monotonic_ns();
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client **place = &control->clients[i];
        if (!*place)
            return place;
        if (is_idle(*place, now_ns) && (!idle || (*place)->moved_ns < (*idle)->moved_ns))
            idle = place;
    }
    if (idle)
        drop(*idle);
    return idle;
}

static void accept_one(struct control *control)
{
    int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client **place = fd < 0 ? NULL : find_place(control), *client = place ? calloc(1, sizeof *client) : NULL;
    if (client) {
        *client = (struct client){.control = control, .fd = fd, .moved_ns = clock_monotonic_ns()};
        if (watch(control, EPOLL_CTL_ADD, fd, EPOLLIN, client) == 0) {
            *place = client;
            return;
        }
        free(client);
    }
    if (fd >= 0)
        close(fd); /* too many at once: it sees the end of the connection */
}

static bool is_there(const struct control *control, const struct client *client)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (control->clients[i] == client)
            return true;
    return false;
}

static void serve(struct client *client, uint32_t events)
{
    if ((events & EPOLLOUT) && !write_out(client))
        return;
    if (events & EPOLLIN)
        read_question(client);
    else if (events & (EPOLLHUP | EPOLLERR)) /* both sides are closed: nobody hears the answer */
        drop(client);
}

void control_turn(struct control *control)
{
    struct epoll_event events[EVENTS_MAX];
    int count = control ? epoll_wait(control->epoll_fd, events, EVENTS_MAX, 0) : 0;
    bool knocks = false;
    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        knocks |= !client;
        if (client && is_there(control, client))
            serve(client, events[i].events);
    }
    if (knocks) /* last: a new client may be where one was that an event above is for */
        accept_one(control);
}
