#include "supervisor/child.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/lanes.h"
#include "supervisor/report.h"
#include "worker/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_LIMIT_NS (10 * NS_PER_S) /* for plugins to load and lanes to start */

struct child *child_new(const struct nursery *nursery, const struct config *config, const char *name)
{
    struct child *child = calloc(1, sizeof *child);
    struct bridge_watch *bridges = calloc(config->bridge_count + 1, sizeof *bridges);
    if (!child || !bridges) {
        free(child);
        free(bridges);
        return NULL;
    }
    snprintf(child->name, sizeof child->name, "%s", name);
    child->config = config;
    child->bridges = bridges;
    child->backoff =
        (struct backoff){.min_ns = config->gateway.backoff_min_ns, .max_ns = config->gateway.backoff_max_ns};
    for (size_t i = 0; i < config->bridge_count; i++)
        if (strcmp(config->bridges[i].worker, name) == 0)
            child->bridges[child->bridge_count++].page = page_find(&nursery->map, config->bridges[i].name);
    return child;
}

void child_free(struct child *child)
{
    if (!child)
        return;
    free(child->bridges);
    free(child);
}

void child_describe(const struct child *child, char *text, size_t size)
{
    if (child->bridge_count == 1)
        snprintf(text, size, "bridge '%s'", child->bridges[0].page->name);
    else
        snprintf(text, size, "the %zu bridges of '%s'", child->bridge_count, child->name);
}

__attribute__((format(printf, 4, 5))) static void set_states(struct child *child, struct nursery *nursery,
                                                             enum page_state state, const char *format, ...)
{
    char reason[PAGE_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    for (size_t i = 0; i < child->bridge_count; i++)
        page_set_state(&nursery->map, child->bridges[i].page, state, "%s", reason);
}

/* ---- starting --------------------------------------------------------------------------------------------------------- */

/* Up to the first byte of `end`, if any. */
static void join_urls(char *text, size_t size, const struct config_urls *urls, const char *end)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < urls->count && len < size; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%.*s", len ? ", " : "",
                                (int)strcspn(urls->items[i].text, end), urls->items[i].text);
}

static void describe_bridge(struct page_bridge *page, const struct config_bridge *bridge)
{
    struct page_lane_title titles[PAGE_LANES];
    char urls[sizeof page->urls] = "";
    join_urls(urls, sizeof urls, &bridge->listen, "");
    join_urls(urls, sizeof urls, &bridge->dial, "?"); /* a query often holds a token */
    memcpy(page->urls, urls, sizeof urls);
    snprintf(page->worker, sizeof page->worker, "%s", bridge->worker);
    snprintf(page->pattern, sizeof page->pattern, "%s", bridge->pattern);
    page_set_lanes(page, titles, lanes_titles(bridge, titles));
}

static void describe_bridges(const struct child *child, const struct nursery *nursery)
{
    for (size_t i = 0; i < child->config->bridge_count; i++) {
        const struct config_bridge *bridge = &child->config->bridges[i];
        if (strcmp(bridge->worker, child->name) == 0)
            describe_bridge(page_find(&nursery->map, bridge->name), bridge);
    }
}

static int spawn(struct child *child, const struct nursery *nursery)
{
    char argument[PAGE_NAME_BYTES + 16];
    snprintf(argument, sizeof argument, "--worker=%s", child->name);
    char *argv[] = {"leatd", argument, NULL};

    int config_fd = config_send(child->config), page_fd = page_reopen(&nursery->map);
    int error = config_fd < 0 ? config_fd : page_fd < 0 ? page_fd : 0;
    if (!error) {
        const struct process_fd fds[] = {{config_fd, WORKER_CONFIG_FD}, {page_fd, WORKER_PAGE_FD}};
        error = process_spawn(
            &child->process,
            &(struct process_spec){
                .path = nursery->program, .argv = argv, .fds = fds, .fd_count = 2, .death_signal = SIGTERM});
    }
    if (config_fd >= 0)
        close(config_fd);
    if (page_fd >= 0)
        close(page_fd);
    return error;
}

static int64_t next_wait_ns(struct child *child, int64_t life_ns)
{
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof random, GRND_NONBLOCK);
    return backoff_next_ns(&child->backoff, life_ns, child->served, random);
}

int child_start(struct child *child, struct nursery *nursery)
{
    int64_t now_ns = clock_monotonic_ns();
    child->served = child->killed = child->unfinished = child->leaving = false;
    child->started_ns = now_ns;
    describe_bridges(child, nursery);
    set_states(child, nursery, PAGE_STARTING, "%s", "");
    int error = spawn(child, nursery);
    if (error) {
        char wait[32];
        int64_t wait_ns = next_wait_ns(child, 0);
        clock_describe(wait, sizeof wait, wait_ns);
        set_states(child, nursery, PAGE_FAILED, "its worker cannot be started: %s%s%s", strerror(-error),
                   child->on_trial ? "" : "; trying again in ", child->on_trial ? "" : wait);
        child->restart_at_ns = child->on_trial ? INT64_MAX : now_ns + wait_ns;
        return error;
    }
    child->alive = true;
    for (size_t i = 0; i < child->bridge_count; i++) {
        struct page_bridge *bridge = child->bridges[i].page;
        atomic_store_explicit(&bridge->worker_start, child->process.start_time, memory_order_relaxed);
        atomic_store_explicit(&bridge->worker_pid, (uint32_t)child->process.pid, memory_order_release);
    }
    return 0;
}

/* ---- ending ------------------------------------------------------------------------------------------------------------ */

void child_ask_to_stop(struct child *child, struct nursery *nursery)
{
    child->leaving = true;
    child->restart_at_ns = INT64_MAX;
    set_states(child, nursery, child->alive ? PAGE_STOPPING : PAGE_STOPPED, "%s", "");
    if (child->alive)
        pidfd_send_signal(child->process.pidfd, SIGTERM, NULL, 0);
}

void child_kill(struct child *child, const char *reason)
{
    if (!child->alive || child->killed)
        return;
    char who[128];
    child_describe(child, who, sizeof who);
    log_warning("killing the worker of %s (pid %d): %s", who, (int)child->process.pid, reason);
    child->killed = true;
    pidfd_send_signal(child->process.pidfd, SIGKILL, NULL, 0);
}

/* Whether every lane that it has to run has shown life. */
static bool has_served(const struct child *child)
{
    for (size_t i = 0; i < child->bridge_count; i++) {
        const struct page_bridge *bridge = child->bridges[i].page;
        uint32_t lanes = atomic_load_explicit(&bridge->lane_count, memory_order_relaxed);
        if (lanes == 0)
            return false;
        for (uint32_t lane = 0; lane < lanes && lane < PAGE_LANES; lane++)
            if (atomic_load_explicit(&bridge->lanes[lane].heartbeat_ns, memory_order_relaxed) == 0)
                return false;
    }
    return true;
}

/* What the lanes of a dead worker held. */
struct held {
    uint64_t returned;          /* to the channel */
    uint64_t lost_out, lost_in; /* channel to network, network to channel */
};

/* Nobody counts on the page for these bridges any more. */
static struct held settle(struct child *child, int64_t now_ns)
{
    struct held held = {0};
    for (size_t i = 0; i < child->bridge_count; i++) {
        struct page_bridge *bridge = child->bridges[i].page;
        atomic_store_explicit(&bridge->worker_pid, 0, memory_order_relaxed);
        page_peers_leave(bridge);
        child->bridges[i].down_since_ns = now_ns;
        for (size_t lane = 0; lane < PAGE_LANES; lane++) {
            struct page_lane *of = &bridge->lanes[lane];
            uint64_t messages = page_lane_settle(of);
            *(page_lane_resumes(of) ? &held.returned : of->outward ? &held.lost_out : &held.lost_in) += messages;
        }
    }
    return held;
}

static bool exited_with(const siginfo_t *end, int status)
{
    return end->si_code == CLD_EXITED && end->si_status == status;
}

/* The worker has said on the page what is wrong with its bridge. */
static void fail_after_refusal(struct child *child, struct nursery *nursery, const char *next)
{
    char reason[PAGE_TEXT_BYTES];
    for (size_t i = 0; i < child->bridge_count; i++) {
        struct page_bridge *bridge = child->bridges[i].page;
        if (atomic_load_explicit(&bridge->state, memory_order_acquire) == PAGE_FAILED && *bridge->reason)
            snprintf(reason, sizeof reason, "%.*s", PAGE_TEXT_BYTES - 40, bridge->reason);
        else
            snprintf(reason, sizeof reason, "its worker refused the configuration%s",
                     child->bridge_count > 1 ? " of this or another of its bridges" : "");
        page_set_state(&nursery->map, bridge, PAGE_FAILED, "%s%s", reason, next);
    }
}

/* The next try comes as late as possible, because only somebody else can mend it (a port that is taken, a certificate). */
static int64_t plan_after_refusal(struct child *child, struct nursery *nursery)
{
    char wait[32], next[64];
    clock_describe(wait, sizeof wait, child->backoff.max_ns);
    snprintf(next, sizeof next, "; trying again in %s", wait);
    fail_after_refusal(child, nursery, next);
    return child->backoff.max_ns;
}

static void log_restart(struct child *child, const char *end, const char *wait, struct held held, int64_t now_ns)
{
    if (!limiter_is_open(&child->limiter, now_ns)) {
        child->limiter.held_back++;
        return;
    }
    char who[128], again[64] = "", returned[64] = "", lost_out[64] = "", lost_in[64] = "";
    child_describe(child, who, sizeof who);
    if (held.returned)
        snprintf(returned, sizeof returned, "; %" PRIu64 " messages go back to the channel", held.returned);
    if (held.lost_out)
        snprintf(lost_out, sizeof lost_out, "; %" PRIu64 " from the channel are lost", held.lost_out);
    if (held.lost_in)
        snprintf(lost_in, sizeof lost_in, "; %" PRIu64 " from the network are lost", held.lost_in);
    if (child->limiter.held_back)
        snprintf(again, sizeof again, " (and %" PRIu32 " time%s before since the last line)", child->limiter.held_back,
                 child->limiter.held_back == 1 ? "" : "s");
    log_warning("worker of %s %s%s%s%s%s; starting it again in %s", who, end, again, returned, lost_out, lost_in, wait);
    limiter_wrote(&child->limiter, now_ns);
}

static void plan_restart(struct child *child, struct nursery *nursery, const siginfo_t *end, struct held held,
                         int64_t now_ns)
{
    for (size_t i = 0; i < child->bridge_count; i++)
        atomic_fetch_add_explicit(&child->bridges[i].page->restarts, 1, memory_order_relaxed);
    if (exited_with(end, WORKER_CONFIG)) {
        child->restart_at_ns = now_ns + plan_after_refusal(child, nursery);
        return;
    }
    char how[64], wait[32];
    process_describe_end(how, sizeof how, end);
    if (exited_with(end, WORKER_STUCK))
        snprintf(how, sizeof how, "ended itself because it was stuck");
    else if (exited_with(end, WORKER_DRAINED))
        snprintf(how, sizeof how, "stopped without being asked to");

    int64_t life_ns = now_ns - child->started_ns, wait_ns = next_wait_ns(child, life_ns);
    if (exited_with(end, WORKER_STUCK) && child->served && life_ns >= BACKOFF_FORGIVEN_NS)
        wait_ns = 0;
    child->restart_at_ns = now_ns + wait_ns;
    set_states(child, nursery, PAGE_STARTING, "its worker %s", how);
    clock_describe(wait, sizeof wait, wait_ns);
    log_restart(child, how, wait, held, now_ns);
}

/* What comes next is for the reload to say. */
static void fail_trial(struct child *child, struct nursery *nursery, const siginfo_t *end)
{
    char how[64];
    process_describe_end(how, sizeof how, end);
    child->restart_at_ns = INT64_MAX;
    if (exited_with(end, WORKER_CONFIG))
        fail_after_refusal(child, nursery, "");
    else
        set_states(child, nursery, PAGE_FAILED, "its worker %s", how);
}

static void conclude(struct child *child, struct nursery *nursery, const siginfo_t *end, struct held held)
{
    char who[128], how[64];
    child_describe(child, who, sizeof who);
    process_describe_end(how, sizeof how, end);
    child->unfinished = held.returned + held.lost_out + held.lost_in > 0 || !exited_with(end, WORKER_DRAINED);
    child->restart_at_ns = INT64_MAX;
    set_states(child, nursery, PAGE_STOPPED, "%s", child->unfinished ? "not everything was finished" : "");
    if (!child->unfinished)
        return;
    if (exited_with(end, WORKER_UNFINISHED))
        log_warning("%s could not finish everything in time; its books:", who);
    else
        log_warning("worker of %s %s before it had finished; its books:", who, how);
    for (size_t i = 0; i < child->bridge_count; i++)
        report_unfinished(child->bridges[i].page);
}

void child_ended(struct child *child, struct nursery *nursery)
{
    siginfo_t end = {0};
    if (waitid(P_PIDFD, (id_t)child->process.pidfd, &end, WEXITED | WNOHANG) != 0 || end.si_pid == 0)
        return;
    int64_t now_ns = clock_monotonic_ns();
    child->alive = false;
    child->served = child->served || has_served(child);
    close(child->process.pidfd);
    struct held held = settle(child, now_ns);
    if (child->leaving)
        conclude(child, nursery, &end, held);
    else if (child->on_trial)
        fail_trial(child, nursery, &end);
    else
        plan_restart(child, nursery, &end, held, now_ns);
}

/* ---- pulse ------------------------------------------------------------------------------------------------------------- */

static bool at_rest(uint32_t state)
{
    return state == PAGE_FAILED || state == PAGE_STOPPED;
}

static void check_lane(struct child *child, const struct page_lane *lane, int64_t now_ns, int64_t since_ns)
{
    int64_t beat_ns = (int64_t)atomic_load_explicit(&lane->heartbeat_ns, memory_order_relaxed);
    bool started = beat_ns != 0;
    if (started && at_rest(atomic_load_explicit(&lane->state, memory_order_relaxed)))
        return;
    int64_t silent_ns = now_ns - (beat_ns > since_ns ? beat_ns : since_ns);
    if (silent_ns <= (started ? child->config->gateway.stall_ns : START_LIMIT_NS))
        return;

    char reason[PAGE_TEXT_BYTES], silence[32];
    clock_describe(silence, sizeof silence, silent_ns);
    snprintf(reason, sizeof reason,
             started ? "its lane %.*s gave no sign of life for %s" : "its lane %.*s has not started for %s",
             PAGE_NAME_BYTES - 1, lane->channel, silence);
    child_kill(child, reason);
}

void child_check_pulse(struct child *child, int64_t now_ns, int64_t grace_ns)
{
    if (!child->alive || child->killed || child->leaving)
        return;
    int64_t since_ns = child->started_ns > grace_ns ? child->started_ns : grace_ns;
    if (!child->served && has_served(child))
        child->served = true;
    for (size_t i = 0; i < child->bridge_count; i++) {
        const struct page_bridge *bridge = child->bridges[i].page;
        uint32_t lanes = atomic_load_explicit(&bridge->lane_count, memory_order_relaxed);
        if (atomic_load_explicit(&bridge->state, memory_order_relaxed) == PAGE_FAILED)
            continue;
        if (lanes == 0 && now_ns - since_ns > START_LIMIT_NS)
            child_kill(child, "it has started no lane for 10 s");
        for (uint32_t lane = 0; lane < lanes && lane < PAGE_LANES; lane++)
            check_lane(child, &bridge->lanes[lane], now_ns, since_ns);
    }
}
