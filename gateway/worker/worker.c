/* The worker's main thread: builds its bridges, then sits between the signals, the watchdog and the end. */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/confine.h"
#include "base/log.h"
#include "base/page.h"
#include "base/process.h"
#include "bridge/bridge.h"
#include "config/config.h"
#include "plugin/resolve.h"
#include "worker/cores.h"
#include "worker/crash.h"
#include "worker/watchdog.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURN_NS (250 * NS_PER_MS)         /* while all is well */
#define AUDIT_TURNS 4                     /* once a second */
#define DRAIN_TURN_NS (5 * NS_PER_MS)     /* while the lanes are leaving */
#define LEAVE_MARGIN_NS (300 * NS_PER_MS) /* lanes look at the deadline once a slice */
#define ORPHAN_DRAIN_NS \
    (200 * NS_PER_MS) /* of one whose supervisor died; with its margin within the patience of page_takeover.c */
#define ORPHAN_MARGIN_NS (100 * NS_PER_MS)
#define SETTLE_NS (100 * NS_PER_MS)      /* an engine whose counters stand still for so long has sent what it can */
#define PREPARE_LIMIT_NS (20 * NS_PER_S) /* more than a supervisor grants */
#define BACKSTOP_NS (2 * NS_PER_S)       /* beyond the drain time; more than a supervisor grants */
#define PORT_PATIENCE_NS (5 * NS_PER_S)  /* the sockets of a dead predecessor linger */
#define PORT_PAUSE_NS (100 * NS_PER_MS)

struct member {
    const struct config_bridge *config;
    struct page_bridge *page;
    struct resolved_bridge resolved;
    struct bridge *bridge;
};

struct worker {
    const char *name;
    pid_t supervisor;
    int64_t port_deadline_ns; /* of all bridges together: the supervisor gives a start ten seconds */
    struct config *config;
    struct page_map map;
    struct registry *registry;
    struct problems problems;
    struct member *members;
    size_t count;
    struct watchdog watchdog;
    sigset_t signals;
};

/* Whether we were asked to stop within that time. */
static bool stop_within(const struct worker *worker, int64_t ns)
{
    struct timespec timeout = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    return sigtimedwait(&worker->signals, NULL, &timeout) == SIGTERM;
}

/* Our supervisor has died: we serve nobody, and the next gateway waits for our ports. */
static bool is_orphan(const struct worker *worker)
{
    return getppid() != worker->supervisor;
}

/* Code that is not ours runs in between, and may hang. The supervisor would kill us then; without one nobody would, but the
 * kernel does. */
static void end_at_the_latest_in(int64_t ns)
{
    alarm((unsigned)((ns + NS_PER_S - 1) / NS_PER_S));
}

/* Before something is done that another would notice. */
static void leave_if_unwanted(const struct worker *worker)
{
    if (is_orphan(worker) || stop_within(worker, 0))
        _exit(WORKER_DRAINED);
}

/* ---- coming into being ---------------------------------------------------------------------------------------------- */

/* Why a bridge cannot run, for the page; the supervisor reads it there, logs it and says when it tries again. */
static int refuse(struct worker *worker, const struct member *member, const char *reason)
{
    if (member->page)
        page_set_state(&worker->map, member->page, PAGE_FAILED, "%s", reason);
    else
        log_error("bridge '%s' cannot start: %s", member->config->name, reason);
    return WORKER_CONFIG;
}

static int refuse_all(struct worker *worker, const char *reason)
{
    for (size_t i = 0; i < worker->count; i++)
        refuse(worker, &worker->members[i], reason);
    return WORKER_CONFIG;
}

static int find_members(struct worker *worker)
{
    worker->members = calloc(worker->config->bridge_count, sizeof *worker->members);
    if (!worker->members)
        return WORKER_CONFIG;
    for (size_t i = 0; i < worker->config->bridge_count; i++) {
        const struct config_bridge *bridge = &worker->config->bridges[i];
        if (strcmp(bridge->worker, worker->name) == 0)
            worker->members[worker->count++] =
                (struct member){.config = bridge, .page = page_find(&worker->map, bridge->name)};
    }
    return worker->count ? 0 : WORKER_CONFIG;
}

/* The supervisor writes the same, but may die before it does. Whoever follows it looks for us on the page: so we stand there
 * first, and ask whether we are wanted then. One who saw the page without us can be sure that we end. */
static void sign_in(struct worker *worker)
{
    worker->supervisor = (pid_t)worker->map.page->supervisor_pid;
    for (size_t i = 0; i < worker->count; i++) {
        struct page_bridge *page = worker->members[i].page;
        if (!page)
            continue;
        atomic_store_explicit(&page->worker_start, process_start_time(getpid()), memory_order_relaxed);
        atomic_store_explicit(&page->worker_pid, (uint32_t)getpid(), memory_order_seq_cst);
    }
    leave_if_unwanted(worker);
}

static void name_log(const struct worker *worker)
{
    char who[PAGE_NAME_BYTES + 8];
    snprintf(who, sizeof who, "%s %s", worker->count == 1 ? "bridge" : "worker", worker->name);
    log_open(who, (int)worker->config->gateway.log_level);
}

/* What the supervisor hands over: the snapshot of the configuration, and the page. */
static int inherit(struct worker *worker)
{
    log_open(worker->name, LEAT_LOG_INFO);
    worker->config = config_receive(WORKER_CONFIG_FD);
    if (!worker->config) {
        log_error("descriptor %d holds no configuration: a worker is started by leatd itself", WORKER_CONFIG_FD);
        return WORKER_CONFIG;
    }
    int error = page_attach(&worker->map, WORKER_PAGE_FD);
    if (error) {
        log_error("descriptor %d is not the gateway's page: %s", WORKER_PAGE_FD, strerror(-error));
        return WORKER_CONFIG;
    }
    int status = find_members(worker);
    if (status)
        log_error("the configuration has no bridge with worker '%s'", worker->name);
    else
        name_log(worker);
    if (!status)
        sign_in(worker);
    return status;
}

static int resolve(struct worker *worker, struct member *member)
{
    if (resolve_bridge(&member->resolved, worker->config, member->config, worker->registry, &worker->problems) != 0) {
        const struct problems *problems = &worker->problems;
        return refuse(worker, member, problems->count ? problems->items[0].text : "its plugins cannot be used");
    }
    resolved_bridge_seal(&member->resolved);
    return 0;
}

static int attach(struct worker *worker, struct member *member)
{
    char explain[PAGE_TEXT_BYTES] = "";
    bool again = atomic_load_explicit(&member->page->restarts, memory_order_relaxed) > 0;
    for (;;) {
        leave_if_unwanted(worker);
        int error = bridge_attach(member->bridge, explain, sizeof explain);
        if (error == 0)
            return 0;
        if (error != -EADDRINUSE || !again || clock_monotonic_ns() >= worker->port_deadline_ns)
            return refuse(worker, member, explain);
        page_set_state(&worker->map, member->page, PAGE_STARTING, "%s; trying again", explain);
        if (stop_within(worker, PORT_PAUSE_NS))
            _exit(WORKER_DRAINED);
    }
}

static int build(struct worker *worker, struct member *member)
{
    char explain[PAGE_TEXT_BYTES] = "";
    int status = resolve(worker, member);
    if (status)
        return status;
    if (bridge_open(&member->bridge, worker->config->gateway.name, &member->resolved, &worker->map, explain,
                    sizeof explain) != 0)
        return refuse(worker, member, explain);
    watchdog_add(&worker->watchdog, member->resolved.engine, member->resolved.endpoints[0].host);
    return attach(worker, member);
}

/* All bridges of a worker run, or none: who joins them wants them together. */
static int prepare(struct worker *worker)
{
    char explain[PAGE_TEXT_BYTES] = "";
    int status = inherit(worker);
    if (status)
        return status;
    worker->port_deadline_ns = clock_monotonic_ns() + PORT_PATIENCE_NS;
    cores_bound(worker->config->gateway.worker_threads);
    if (registry_open(&worker->registry, worker->config->gateway.plugin_dir, explain, sizeof explain) != 0)
        return refuse_all(worker, explain);
    for (size_t i = 0; i < worker->count && status == 0; i++)
        status = build(worker, &worker->members[i]);
    for (size_t i = 0; i < worker->count && status == 0; i++) {
        int error = bridge_start(worker->members[i].bridge);
        if (error) {
            snprintf(explain, sizeof explain, "its lanes cannot be started: %s", strerror(-error));
            status = refuse(worker, &worker->members[i], explain);
        }
    }
    if (status == 0 && watchdog_start(&worker->watchdog) != 0)
        status = refuse_all(worker, "its watchdog cannot be started");
    return status;
}

/* ---- serving -------------------------------------------------------------------------------------------------------- */

static bool is_stuck(struct worker *worker)
{
    const char *engine = watchdog_stuck(&worker->watchdog, clock_monotonic_ns());
    for (size_t i = 0; i < worker->count; i++) {
        const struct member *member = &worker->members[i];
        if (engine)
            page_note(&worker->map, member->config->name, "the engine of plugin '%s' no longer moves; starting anew",
                      engine);
        else if (bridge_is_broken(member->bridge))
            page_note(&worker->map, member->config->name, "the engine closed the socket; starting anew");
        else
            continue;
        return true;
    }
    return false;
}

static bool have_left(const struct worker *worker)
{
    for (size_t i = 0; i < worker->count; i++)
        if (!bridge_has_left(worker->members[i].bridge))
            return false;
    return true;
}

static uint64_t progress(const struct worker *worker, bool *sends)
{
    uint64_t sum = 0;
    *sends = false;
    for (size_t i = 0; i < worker->count; i++) {
        if (!bridge_sends(worker->members[i].bridge))
            continue;
        *sends = true;
        sum += bridge_progress(worker->members[i].bridge);
    }
    return sum;
}

/* What an engine has taken may still sit in its queues, and nng has no linger: the end waits until nothing moves any more. */
static void let_engines_send(const struct worker *worker, int64_t deadline_ns)
{
    bool sends;
    uint64_t before = progress(worker, &sends);
    int64_t now_ns = clock_monotonic_ns(), moved_ns = now_ns;
    while (sends && now_ns < deadline_ns && now_ns - moved_ns < SETTLE_NS) {
        stop_within(worker, DRAIN_TURN_NS);
        uint64_t after = progress(worker, &sends);
        now_ns = clock_monotonic_ns();
        if (after != before)
            moved_ns = now_ns;
        before = after;
    }
}

static void tell_to_stop(struct worker *worker, int64_t deadline_ns)
{
    for (size_t i = 0; i < worker->count; i++)
        bridge_stop(worker->members[i].bridge, deadline_ns);
}

/* Whether all lanes left in time. The supervisor may die meanwhile: then the next one wants the ports more than we want to end in
 * order, for what an outward lane has not finished stays in its channel. */
static bool await_lanes(struct worker *worker, int64_t *deadline_ns)
{
    bool orphan = false;
    tell_to_stop(worker, *deadline_ns);
    while (!have_left(worker)) {
        int64_t now_ns = clock_monotonic_ns();
        if (!orphan && is_orphan(worker)) {
            orphan = true;
            if (*deadline_ns > now_ns + ORPHAN_DRAIN_NS)
                *deadline_ns = now_ns + ORPHAN_DRAIN_NS;
            tell_to_stop(worker, *deadline_ns);
        }
        if (now_ns > *deadline_ns + (orphan ? ORPHAN_MARGIN_NS : LEAVE_MARGIN_NS))
            return false;
        stop_within(worker, DRAIN_TURN_NS);
    }
    return true;
}

static void audit(const struct worker *worker)
{
    for (size_t i = 0; i < worker->count; i++)
        bridge_audit(worker->members[i].bridge);
}

static int drain(struct worker *worker)
{
    int64_t deadline_ns = clock_monotonic_ns() + worker->config->gateway.drain_ns;
    end_at_the_latest_in(worker->config->gateway.drain_ns + BACKSTOP_NS);
    if (!await_lanes(worker, &deadline_ns))
        return WORKER_UNFINISHED;
    let_engines_send(worker, deadline_ns);
    audit(worker);
    uint64_t unfinished = 0;
    for (size_t i = 0; i < worker->count; i++)
        unfinished += bridge_unfinished(worker->members[i].bridge);
    return unfinished ? WORKER_UNFINISHED : WORKER_DRAINED;
}

static int serve(struct worker *worker)
{
    for (uint64_t turn = 1; !stop_within(worker, TURN_NS); turn++) {
        if (is_stuck(worker))
            return WORKER_STUCK;
        if (turn % AUDIT_TURNS == 0)
            audit(worker);
    }
    return drain(worker);
}

/* SIGALRM is the kernel's last word. Only SIGTERM means us: a key pressed at a terminal is the supervisor's business. */
static void take_signals(struct worker *worker)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGALRM, SIG_DFL);
    sigemptyset(&worker->signals);
    sigaddset(&worker->signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &worker->signals, NULL);
}

/* Messages come and go by the tens of thousands a second. glibc would give their memory back to the kernel each time, and from
 * 128 KiB on map and unmap every single one: all of its pages are then faulted in and zeroed anew. */
static void keep_message_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most that glibc takes */
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

_Noreturn void worker_main(const char *name)
{
    static struct worker worker; /* for the threads, which _exit ends */
    worker.name = name;
    pthread_setname_np(pthread_self(), "leatd worker"); /* not "exe", after the link that was exec'd */
    keep_message_memory();
    take_signals(&worker);
    crash_watch();
    confine_worker(); /* where the kernel cannot, it runs all the same */
    end_at_the_latest_in(PREPARE_LIMIT_NS);
    int status = prepare(&worker);
    alarm(0);
    _exit(status ? status : serve(&worker));
}
