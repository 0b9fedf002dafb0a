#include "supervisor/supervisor.h"

#include "admin/admin.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/page_file.h"
#include "supervisor/control.h"
#include "supervisor/family.h"
#include "supervisor/reload.h"
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
#define RELOAD_TURN_NS (10 * NS_PER_MS) /* while one is under way */
#define READY_LIMIT_NS (10 * NS_PER_S)
#define PAUSED_NS NS_PER_S      /* not scheduled for so long: the machine stood still, so silence means nothing */
#define STOP_MARGIN_NS NS_PER_S /* what a worker may need beyond the drain time to come to its end */
#define EVENTS_MAX 64

enum { EXIT_BUSY = 69, EXIT_SYSTEM = 71, EXIT_LEFT_SOMETHING = 75 };

enum phase { SERVING, DRAINING, KILLING };

struct supervisor {
    struct family family;
    struct reload *reload;
    struct admin *admin;
    struct control *control;
    int epoll_fd, signal_fd;
    sigset_t signals, signals_before;
    enum phase phase;
    bool is_ready, is_reloading; /* the service manager knows */
    bool reload_again;           /* SIGHUP came during a reload */
    int64_t started_ns;
    int64_t stop_deadline_ns;
    int64_t turn_ns;  /* when the loop's last turn was */
    int64_t tick_ns;  /* when the next look at the page is due */
    int64_t alive_ns; /* when the service manager wants the next sign of life */
    int64_t grace_ns; /* silence counts from here */
};

static const struct config *running(const struct supervisor *supervisor)
{
    return reload_config(supervisor->reload);
}

static const struct config_gateway *settings(const struct supervisor *supervisor)
{
    return &running(supervisor)->gateway;
}

static struct page *page(const struct supervisor *supervisor)
{
    return supervisor->family.nursery.map.page;
}

/* ---- opening ----------------------------------------------------------------------------------------------------------- */

/* The event of a descriptor says whose it is: a child, the control socket (the supervisor itself), or the signals (NULL). */
static int watch(struct supervisor *supervisor, int fd, void *whose)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = whose};
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
    supervisor->epoll_fd = supervisor->family.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (supervisor->signal_fd < 0 || supervisor->epoll_fd < 0)
        return -errno;
    return watch(supervisor, supervisor->signal_fd, NULL);
}

static int open_page(struct supervisor *supervisor)
{
    const struct config *of = running(supervisor);
    const char **names = calloc(of->bridge_count + 1, sizeof *names);
    if (!names)
        return -ENOMEM;
    for (size_t i = 0; i < of->bridge_count; i++)
        names[i] = of->bridges[i].name;
    int error = page_create(&supervisor->family.nursery.map, NULL, of->gateway.name, names, of->bridge_count);
    free(names);
    return error;
}

static int open_children(struct supervisor *supervisor)
{
    const char *name;
    for (size_t i = 0; (name = config_worker(running(supervisor), i)) != NULL; i++)
        if (!family_add(&supervisor->family, running(supervisor), name))
            return -ENOMEM;
    return 0;
}

/* Without a socket for orders there is still SIGHUP; a socket that somebody asked for by name is another thing. */
static int open_control(struct supervisor *supervisor)
{
    char explain[512];
    int error = control_open(&supervisor->control, settings(supervisor), supervisor->reload, explain, sizeof explain);
    if (error && settings(supervisor)->control[0]) {
        log_error("%s", explain);
        return error;
    }
    if (error)
        log_warning("%s; SIGHUP reloads all the same", explain);
    snprintf(page(supervisor)->control, sizeof page(supervisor)->control, "%s", control_path(supervisor->control));
    return supervisor->control ? watch(supervisor, control_fd(supervisor->control), supervisor) : 0;
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
    control_close(supervisor->control);
    admin_stop(supervisor->admin);
    family_fini(&supervisor->family);
    reload_free(supervisor->reload);
    page_close(&supervisor->family.nursery.map);
    notify_close();
    if (supervisor->epoll_fd >= 0)
        close(supervisor->epoll_fd);
    if (supervisor->signal_fd >= 0)
        close(supervisor->signal_fd);
    sigprocmask(SIG_SETMASK, &supervisor->signals_before, NULL);
}

/* ---- stopping ---------------------------------------------------------------------------------------------------------- */

static void begin_drain(struct supervisor *supervisor, const char *signal_name)
{
    char limit[32];
    clock_describe(limit, sizeof limit, settings(supervisor)->drain_ns);
    log_info("stopping on %s: workers have %s to finish what is in flight; a second signal stops at once", signal_name,
             limit);
    notify_stopping();
    notify_status("stopping: finishing what is in flight");
    supervisor->phase = DRAINING;
    supervisor->stop_deadline_ns = clock_monotonic_ns() + settings(supervisor)->drain_ns + STOP_MARGIN_NS;
    atomic_store_explicit(&page(supervisor)->state, PAGE_STOPPING, memory_order_relaxed);
    reload_abandon(supervisor->reload);
    family_ask_to_stop(&supervisor->family);
}

static void kill_all(struct supervisor *supervisor, const char *reason)
{
    supervisor->phase = KILLING;
    family_kill(&supervisor->family, reason);
}

static int conclude(struct supervisor *supervisor)
{
    bool unfinished = family_left_something(&supervisor->family);
    atomic_store_explicit(&page(supervisor)->state, PAGE_STOPPED, memory_order_release);
    if (unfinished)
        log_warning("stopped; not everything was finished: 'leat ledger %s' shows the books",
                    settings(supervisor)->name);
    else
        log_info("stopped; everything was finished");
    return unfinished ? EXIT_LEFT_SOMETHING : 0;
}

/* ---- reloading ------------------------------------------------------------------------------------------------------- */

/* A signal that comes during a reload may tell of a file that was changed after it was read. */
static void reload_by_signal(struct supervisor *supervisor)
{
    const struct reload_listener nobody = {0};
    supervisor->reload_again = reload_request(supervisor->reload, RELOAD_APPLY, NULL, nobody) != 0;
}

/* The manager that has sent SIGHUP waits for both words. */
static void tell_about_reloading(struct supervisor *supervisor)
{
    bool is_reloading = reload_applies(supervisor->reload);
    if (is_reloading && !supervisor->is_reloading)
        notify_reloading();
    else if (!is_reloading && supervisor->is_reloading)
        notify_ready();
    supervisor->is_reloading = is_reloading;
}

static void go_on_reloading(struct supervisor *supervisor, int64_t now_ns)
{
    tell_about_reloading(supervisor);
    if (reload_is_active(supervisor->reload))
        reload_turn(supervisor->reload, now_ns);
    tell_about_reloading(supervisor);
    if (supervisor->reload_again && !reload_is_active(supervisor->reload))
        reload_by_signal(supervisor);
}

/* ---- signals --------------------------------------------------------------------------------------------------------- */

static void take_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGHUP && supervisor->phase == SERVING)
            begin_drain(supervisor, info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
        else if (info.ssi_signo != SIGHUP)
            kill_all(supervisor, "told a second time to stop");
        else if (supervisor->phase == SERVING)
            reload_by_signal(supervisor);
    }
}

/* ---- the service manager --------------------------------------------------------------------------------------------- */

/* How many bridges are in each state, for people. */
static void tell_status(const struct supervisor *supervisor)
{
    size_t all = 0, running = 0, failed = 0;
    const struct page_map *map = &supervisor->family.nursery.map;
    for (size_t i = 0; i < page_bridge_count(map); i++) {
        const struct page_bridge *bridge = &map->page->bridges[i];
        uint32_t state = atomic_load_explicit(&bridge->state, memory_order_relaxed);
        all += page_bridge_is_used(bridge);
        running += page_bridge_is_used(bridge) && (state == PAGE_RUNNING || state == PAGE_DEGRADED);
        failed += page_bridge_is_used(bridge) && state == PAGE_FAILED;
    }
    notify_status("%zu bridge%s: %zu running, %zu waiting, %zu failed", all, all == 1 ? "" : "s", running,
                  all - running - failed, failed);
}

/* Ready is who has started every bridge, or has seen it fail; but nobody waits for that longer than READY_LIMIT_NS. */
static bool has_started(const struct supervisor *supervisor, int64_t now_ns)
{
    if (now_ns - supervisor->started_ns > READY_LIMIT_NS)
        return true;
    for (size_t i = 0; i < supervisor->family.count; i++)
        if (supervisor->family.children[i]->alive && !supervisor->family.children[i]->served)
            return false;
    return true;
}

static void tell_the_manager(struct supervisor *supervisor, int64_t now_ns)
{
    if (!supervisor->is_ready && has_started(supervisor, now_ns)) {
        supervisor->is_ready = true;
        notify_ready();
    }
    tell_status(supervisor);
}

static void show_life(struct supervisor *supervisor, int64_t now_ns)
{
    if (notify_watchdog_ns() > 0 && now_ns >= supervisor->alive_ns) {
        notify_alive();
        supervisor->alive_ns = now_ns + notify_watchdog_ns() / 4;
    }
}

/* ---- the loop ---------------------------------------------------------------------------------------------------------- */

static int64_t next_due_ns(const struct supervisor *supervisor)
{
    if (supervisor->phase == DRAINING)
        return supervisor->stop_deadline_ns;
    if (supervisor->phase == KILLING)
        return INT64_MAX;
    int64_t due_ns = supervisor->tick_ns, restart_ns = family_due_ns(&supervisor->family);
    if (reload_is_active(supervisor->reload) && due_ns > supervisor->turn_ns + RELOAD_TURN_NS)
        due_ns = supervisor->turn_ns + RELOAD_TURN_NS;
    return restart_ns < due_ns ? restart_ns : due_ns;
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
        void *whose = events[i].data.ptr;
        if (whose == supervisor)
            control_turn(supervisor->control);
        else if (whose)
            child_ended(whose, &supervisor->family.nursery);
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
    show_life(supervisor, now_ns);

    if (supervisor->phase == DRAINING && now_ns >= supervisor->stop_deadline_ns)
        kill_all(supervisor, "it did not finish in time");
    if (supervisor->phase != SERVING)
        return;
    if (now_ns >= supervisor->tick_ns) {
        family_look(&supervisor->family, now_ns, supervisor->grace_ns);
        tell_the_manager(supervisor, now_ns);
        supervisor->tick_ns = now_ns + TICK_NS;
    }
    go_on_reloading(supervisor, now_ns);
    family_start_those_due(&supervisor->family, now_ns);
}

static int serve(struct supervisor *supervisor)
{
    struct family *family = &supervisor->family;
    supervisor->turn_ns = supervisor->started_ns = clock_monotonic_ns();
    for (size_t i = 0; i < family->count; i++)
        family_start(family, family->children[i]);
    log_info("gateway '%s' started: %zu bridge%s, %zu worker%s, pid %d", settings(supervisor)->name,
             running(supervisor)->bridge_count, running(supervisor)->bridge_count == 1 ? "" : "s", family->count,
             family->count == 1 ? "" : "s", (int)getpid());
    atomic_store_explicit(&page(supervisor)->state, PAGE_RUNNING, memory_order_release);

    while (supervisor->phase == SERVING || family_count_alive(family) > 0)
        take_turn(supervisor);
    return conclude(supervisor);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

struct config *supervisor_read(const struct supervisor_origin *origin, struct problems *problems)
{
    if (!origin->file) {
        problems_add(problems, NULL, 0, "this gateway was started without a configuration file");
        return NULL;
    }
    struct config *config = config_read(origin->file, problems);
    if (config && origin->log_level >= 0)
        config->gateway.log_level = (uint32_t)origin->log_level;
    return config;
}

void supervisor_clear_the_way(const struct config *config)
{
    log_open("gateway", (int)config->gateway.log_level);
    page_retire(NULL, config->gateway.name);
}

static int open_all(struct supervisor *supervisor)
{
    int error = open_loop(supervisor);
    if (!error && (error = open_page(supervisor)) != 0)
        return explain_page_error(running(supervisor), error);
    if (!error)
        error = open_children(supervisor);
    if (!error)
        error = admin_start(&supervisor->admin, settings(supervisor));
    if (!error)
        error = open_control(supervisor);
    if (!error)
        return 0;
    log_error("cannot start: %s", strerror(-error));
    return EXIT_SYSTEM;
}

int supervisor_run_program(struct config *config, const struct supervisor_origin *origin, const char *program)
{
    struct supervisor supervisor = {
        .family = {.nursery = {.program = program, .map = {.fd = -1}}}, .epoll_fd = -1, .signal_fd = -1};
    log_open("gateway", (int)config->gateway.log_level);
    notify_open();
    supervisor.reload = reload_new(&supervisor.family, config, origin);
    if (!supervisor.reload) {
        config_free(config);
        return EXIT_SYSTEM;
    }
    int status = open_all(&supervisor);
    reload_use_admin(supervisor.reload, supervisor.admin);
    if (status == 0)
        status = serve(&supervisor);
    supervisor_fini(&supervisor);
    return status;
}

int supervisor_run(struct config *config, const struct supervisor_origin *origin)
{
    return supervisor_run_program(config, origin, "/proc/self/exe");
}
