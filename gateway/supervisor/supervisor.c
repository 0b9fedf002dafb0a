#include "supervisor/supervisor.h"

#include "admin/admin.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/page_file.h"
#include "config/lanes.h"
#include "supervisor/child.h"
#include "supervisor/report.h"
#include "supervisor/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TICK_NS (100 * NS_PER_MS)
#define PAUSED_NS NS_PER_S      /* not scheduled for so long: the machine stood still, so silence means nothing */
#define STOP_MARGIN_NS NS_PER_S /* what a worker may need beyond the drain time to come to its end */
#define EVENTS_MAX 64

enum { EXIT_BUSY = 69, EXIT_SYSTEM = 71, EXIT_LEFT_SOMETHING = 75 };

enum phase { SERVING, DRAINING, KILLING };

struct supervisor {
    struct nursery nursery;
    struct child *children;
    size_t child_count;
    struct admin *admin;
    int epoll_fd, signal_fd;
    sigset_t signals, signals_before;
    enum phase phase;
    int64_t stop_deadline_ns;
    int64_t turn_ns;  /* when the loop's last turn was */
    int64_t tick_ns;  /* when the next look at the page is due */
    int64_t grace_ns; /* silence counts from here */
};

static const struct config_gateway *settings(const struct supervisor *supervisor)
{
    return &supervisor->nursery.config->gateway;
}

/* ---- opening ----------------------------------------------------------------------------------------------------------- */

/* The event of a descriptor says whose it is: a child, or the signals (NULL). */
static int watch(struct supervisor *supervisor, int fd, struct child *child)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = child};
    return epoll_ctl(supervisor->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static int open_loop(struct supervisor *supervisor)
{
    signal(SIGPIPE, SIG_IGN); /* whoever reads our log may go; children get the default back */
    sigemptyset(&supervisor->signals);
    sigaddset(&supervisor->signals, SIGTERM);
    sigaddset(&supervisor->signals, SIGINT);
    sigaddset(&supervisor->signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &supervisor->signals, &supervisor->signals_before);
    supervisor->signal_fd = signalfd(-1, &supervisor->signals, SFD_CLOEXEC | SFD_NONBLOCK);
    supervisor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (supervisor->signal_fd < 0 || supervisor->epoll_fd < 0)
        return -errno;
    return watch(supervisor, supervisor->signal_fd, NULL);
}

/* Up to the first byte of `end`, if any. */
static void join_urls(char *text, size_t size, const struct config_urls *urls, const char *end)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < urls->count && len < size; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%.*s", len ? ", " : "",
                                (int)strcspn(urls->items[i].text, end), urls->items[i].text);
}

static void describe_bridges(struct supervisor *supervisor)
{
    const struct config *config = supervisor->nursery.config;
    for (size_t i = 0; i < config->bridge_count; i++) {
        const struct config_bridge *bridge = &config->bridges[i];
        struct page_bridge *page = page_find(&supervisor->nursery.map, bridge->name);
        struct page_lane_title titles[PAGE_LANES];
        snprintf(page->worker, sizeof page->worker, "%s", bridge->worker);
        snprintf(page->pattern, sizeof page->pattern, "%s", bridge->pattern);
        page_set_lanes(page, titles, lanes_titles(bridge, titles));
        page->urls[0] = '\0';
        join_urls(page->urls, sizeof page->urls, &bridge->listen, "");
        join_urls(page->urls, sizeof page->urls, &bridge->dial, "?"); /* a query often holds a token */
    }
}

static int open_page(struct supervisor *supervisor)
{
    const struct config *config = supervisor->nursery.config;
    const char **names = calloc(config->bridge_count + 1, sizeof *names);
    if (!names)
        return -ENOMEM;
    for (size_t i = 0; i < config->bridge_count; i++)
        names[i] = config->bridges[i].name;
    int error = page_create(&supervisor->nursery.map, NULL, config->gateway.name, names, config->bridge_count);
    free(names);
    if (!error)
        describe_bridges(supervisor);
    return error;
}

static int open_children(struct supervisor *supervisor)
{
    const struct config *config = supervisor->nursery.config;
    supervisor->children = calloc(config->bridge_count + 1, sizeof *supervisor->children);
    if (!supervisor->children)
        return -ENOMEM;
    const char *name;
    for (size_t i = 0; (name = config_worker(config, i)) != NULL; i++) {
        int error = child_init(&supervisor->children[i], &supervisor->nursery, name);
        if (error)
            return error;
        supervisor->child_count++;
    }
    return 0;
}

static int explain_page_error(const struct config *config, int error)
{
    const char *name = config->gateway.name;
    switch (error) {
    case -EBUSY:
        log_error("a gateway named '%s' runs already; stop it, or give this one another name", name);
        return EXIT_BUSY;
    case -EPERM:
        log_error("the page of gateway '%s' (%s/leat-gateway.%s) belongs to another user; "
                  "remove it, or give this gateway another name",
                  name, page_file_directory(NULL), name);
        return EXIT_SYSTEM;
    case -ENOSPC:
        log_error("no room in the shared-memory folder %s for the gateway's page; make room there and start again",
                  page_file_directory(NULL));
        return EXIT_SYSTEM;
    default:
        log_error("cannot create the page of gateway '%s' in the shared-memory folder %s: %s", name,
                  page_file_directory(NULL), strerror(-error));
        return EXIT_SYSTEM;
    }
}

static void supervisor_fini(struct supervisor *supervisor)
{
    admin_stop(supervisor->admin);
    for (size_t i = 0; i < supervisor->child_count; i++)
        child_fini(&supervisor->children[i]);
    free(supervisor->children);
    page_close(&supervisor->nursery.map);
    if (supervisor->epoll_fd >= 0)
        close(supervisor->epoll_fd);
    if (supervisor->signal_fd >= 0)
        close(supervisor->signal_fd);
    sigprocmask(SIG_SETMASK, &supervisor->signals_before, NULL);
}

/* ---- children ---------------------------------------------------------------------------------------------------------- */

static void start(struct supervisor *supervisor, struct child *child)
{
    if (child_start(child, &supervisor->nursery) != 0)
        return;
    int error = watch(supervisor, child->process.pidfd, child);
    if (error) { /* a limit on watches; unwatched it would end unnoticed, so it ends now and is tried again later */
        child_kill(child, strerror(-error));
        poll(&(struct pollfd){.fd = child->process.pidfd, .events = POLLIN}, 1, -1);
        child_ended(child, &supervisor->nursery, false);
    }
}

static void start_those_due(struct supervisor *supervisor, int64_t now_ns)
{
    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];
        if (!child->alive && child->restart_at_ns <= now_ns)
            start(supervisor, child);
    }
}

static size_t count_alive(const struct supervisor *supervisor)
{
    size_t alive = 0;
    for (size_t i = 0; i < supervisor->child_count; i++)
        alive += supervisor->children[i].alive;
    return alive;
}

/* A look at the page: what is news for the log, and who is silent. */
static void tick(struct supervisor *supervisor, int64_t now_ns)
{
    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];
        for (size_t bridge = 0; bridge < child->bridge_count; bridge++)
            report_state(&child->bridges[bridge], now_ns);
        child_check_pulse(child, supervisor->nursery.config, now_ns, supervisor->grace_ns);
    }
}

/* ---- stopping ---------------------------------------------------------------------------------------------------------- */

static void begin_drain(struct supervisor *supervisor, const char *signal_name)
{
    char limit[32];
    clock_describe(limit, sizeof limit, settings(supervisor)->drain_ns);
    log_info("stopping on %s: workers have %s to finish what is in flight; a second signal stops at once", signal_name,
             limit);
    supervisor->phase = DRAINING;
    supervisor->stop_deadline_ns = clock_monotonic_ns() + settings(supervisor)->drain_ns + STOP_MARGIN_NS;
    atomic_store_explicit(&supervisor->nursery.map.page->state, PAGE_STOPPING, memory_order_relaxed);
    for (size_t i = 0; i < supervisor->child_count; i++)
        child_ask_to_stop(&supervisor->children[i], &supervisor->nursery);
}

static void kill_all(struct supervisor *supervisor, const char *reason)
{
    supervisor->phase = KILLING;
    for (size_t i = 0; i < supervisor->child_count; i++)
        child_kill(&supervisor->children[i], reason);
}

static void take_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            log_warning("SIGHUP: this version cannot reload; restart the gateway to apply a changed configuration");
        else if (supervisor->phase == SERVING)
            begin_drain(supervisor, info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
        else
            kill_all(supervisor, "told a second time to stop");
    }
}

static int conclude(struct supervisor *supervisor)
{
    bool unfinished = false;
    for (size_t i = 0; i < supervisor->child_count; i++)
        unfinished = unfinished || supervisor->children[i].unfinished;
    atomic_store_explicit(&supervisor->nursery.map.page->state, PAGE_STOPPED, memory_order_release);
    if (unfinished)
        log_warning("stopped; not everything was finished: 'leat ledger %s' shows the books",
                    settings(supervisor)->name);
    else
        log_info("stopped; everything was finished");
    return unfinished ? EXIT_LEFT_SOMETHING : 0;
}

/* ---- the loop ---------------------------------------------------------------------------------------------------------- */

static int64_t next_due_ns(const struct supervisor *supervisor)
{
    if (supervisor->phase == DRAINING)
        return supervisor->stop_deadline_ns;
    if (supervisor->phase == KILLING)
        return INT64_MAX;
    int64_t due_ns = supervisor->tick_ns;
    for (size_t i = 0; i < supervisor->child_count; i++)
        if (!supervisor->children[i].alive && supervisor->children[i].restart_at_ns < due_ns)
            due_ns = supervisor->children[i].restart_at_ns;
    return due_ns;
}

/* A second at most: whoever asks whether this loop turns wants to see it. */
static int timeout_ms(int64_t due_ns)
{
    int64_t now_ns = clock_monotonic_ns(), left_ns = due_ns < now_ns + NS_PER_S ? due_ns - now_ns : NS_PER_S;
    return left_ns <= 0 ? 0 : (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void wait_for_events(struct supervisor *supervisor)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(supervisor->epoll_fd, events, EVENTS_MAX, timeout_ms(next_due_ns(supervisor)));
    for (int i = 0; i < count; i++) {
        struct child *child = events[i].data.ptr;
        if (child)
            child_ended(child, &supervisor->nursery, supervisor->phase != SERVING);
        else
            take_signals(supervisor);
    }
}

static void take_turn(struct supervisor *supervisor)
{
    wait_for_events(supervisor);
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns - supervisor->turn_ns > PAUSED_NS)
        supervisor->grace_ns = now_ns;
    supervisor->turn_ns = now_ns;
    admin_beat(supervisor->admin);

    if (supervisor->phase == DRAINING && now_ns >= supervisor->stop_deadline_ns)
        kill_all(supervisor, "it did not finish in time");
    if (supervisor->phase != SERVING)
        return;
    start_those_due(supervisor, now_ns);
    if (now_ns >= supervisor->tick_ns) {
        tick(supervisor, now_ns);
        supervisor->tick_ns = now_ns + TICK_NS;
    }
}

static int serve(struct supervisor *supervisor)
{
    supervisor->turn_ns = clock_monotonic_ns();
    for (size_t i = 0; i < supervisor->child_count; i++)
        start(supervisor, &supervisor->children[i]);
    log_info("gateway '%s' started: %zu bridge%s, %zu worker%s, pid %d", settings(supervisor)->name,
             supervisor->nursery.config->bridge_count, supervisor->nursery.config->bridge_count == 1 ? "" : "s",
             supervisor->child_count, supervisor->child_count == 1 ? "" : "s", (int)getpid());
    atomic_store_explicit(&supervisor->nursery.map.page->state, PAGE_RUNNING, memory_order_release);

    while (supervisor->phase == SERVING || count_alive(supervisor) > 0)
        take_turn(supervisor);
    return conclude(supervisor);
}

void supervisor_clear_the_way(const struct config *config)
{
    log_open("gateway", (int)config->gateway.log_level);
    page_retire(NULL, config->gateway.name);
}

int supervisor_run_program(const struct config *config, const char *program)
{
    struct supervisor supervisor = {
        .nursery = {.config = config, .program = program, .map = {.fd = -1}}, .epoll_fd = -1, .signal_fd = -1};
    log_open("gateway", (int)config->gateway.log_level);

    int status, error = open_loop(&supervisor);
    if (!error && (error = open_page(&supervisor)) != 0) {
        status = explain_page_error(config, error);
    } else if (error || (error = open_children(&supervisor)) != 0 ||
               (error = admin_start(&supervisor.admin, &config->gateway)) != 0) {
        log_error("cannot start: %s", strerror(-error));
        status = EXIT_SYSTEM;
    } else {
        status = serve(&supervisor);
    }
    supervisor_fini(&supervisor);
    return status;
}

int supervisor_run(const struct config *config)
{
    return supervisor_run_program(config, "/proc/self/exe");
}
