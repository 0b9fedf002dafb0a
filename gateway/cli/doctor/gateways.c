#include "base/clock.h"
#include "base/page_file.h"
#include "base/process.h"
#include "cli/doctor/areas.h"
#include "cli/quantity.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AREA "gateway"
#define RECENT_NS (600 * NS_PER_S)  /* a worker that is younger was started again not long ago */
#define PATIENCE_NS (60 * NS_PER_S) /* a bridge that waits for longer is worth a note */
#define EXPIRES_SOON_NS (30 * 86400 * NS_PER_S)

/* What is being looked at. */
struct look {
    struct doctor_report *report;
    const char *gateway;
    char subject[2 * PAGE_NAME_BYTES + 16]; /* "gateway edge" or "bridge edge/quotes" */
};

#define TELL(look_, grade_, code_, remedy_, ...)                                                                     \
    doctor_tell(                                                                                                     \
        (look_)->report, AREA,                                                                                       \
        (struct leat_finding){.grade = (grade_), .subject = (look_)->subject, .code = (code_), .remedy = (remedy_)}, \
        __VA_ARGS__)

/* ---- a bridge -------------------------------------------------------------------------------------------------------- */

static int64_t lasted_ns(const struct page_bridge *bridge)
{
    const uint64_t since_ns = atomic_load_explicit(&bridge->state_since_ns, memory_order_relaxed);
    return clock_realtime_ns() - (int64_t)since_ns;
}

static void judge_state(const struct look *look, const struct page_bridge *bridge)
{
    const uint32_t state = atomic_load_explicit(&bridge->state, memory_order_relaxed);
    char lasted[32];
    clock_describe(lasted, sizeof lasted, lasted_ns(bridge));
    if (state == PAGE_FAILED) {
        TELL(look, LEAT_FINDING_ERROR, "bridge-failed", "Mend what it says, and restart the gateway.",
             "it has failed, and nothing passes: %s", bridge->reason);
    } else if (state == PAGE_DEGRADED) {
        TELL(look, LEAT_FINDING_WARNING, "bridge-degraded", NULL, "for %s: %s", lasted, bridge->reason);
    } else if ((state == PAGE_WAITING || state == PAGE_CONNECTING) && lasted_ns(bridge) > PATIENCE_NS) {
        TELL(look, LEAT_FINDING_NOTE, "bridge-waits", NULL, "for %s: %s", lasted,
             bridge->reason[0] ? bridge->reason : page_state_name(state));
    }
}

/* Since when its worker runs; INT64_MAX: for ever, or nobody knows. */
static int64_t worker_age_ns(const struct page_bridge *bridge)
{
    struct timespec up;
    clock_gettime(CLOCK_BOOTTIME, &up);
    const int64_t ticks = (int64_t)atomic_load_explicit(&bridge->worker_start, memory_order_relaxed);
    const int64_t per_second = sysconf(_SC_CLK_TCK);
    return ticks > 0 ? (int64_t)up.tv_sec * NS_PER_S - ticks * (NS_PER_S / per_second) : INT64_MAX;
}

static void judge_restarts(const struct look *look, const struct page_bridge *bridge)
{
    const uint64_t restarts = atomic_load_explicit(&bridge->restarts, memory_order_relaxed);
    const bool lives = page_worker_lives(bridge);
    char took[32], age[64] = "and does not run now";
    if (restarts == 0 || (lives && worker_age_ns(bridge) > RECENT_NS)) {
        return;
    }
    clock_describe(took, sizeof took, worker_age_ns(bridge));
    if (lives) {
        snprintf(age, sizeof age, "last %s ago", took);
    }
    TELL(look, LEAT_FINDING_WARNING, "bridge-restarts",
         "The gateway's log says how its workers ended; where it is always the same, report it with that line.",
         "its worker has been started again %" PRIu64 " times, %s", restarts, age);
}

static void judge_certificate(const struct look *look, const struct page_bridge *bridge)
{
    const int64_t expires_ns = (int64_t)atomic_load_explicit(&bridge->certificate_expires_ns, memory_order_relaxed);
    const int64_t left_ns = expires_ns - clock_realtime_ns();
    if (expires_ns != 0 && left_ns < EXPIRES_SOON_NS) {
        TELL(look, left_ns < 0 ? LEAT_FINDING_ERROR : LEAT_FINDING_WARNING, "certificate-expires",
             "Get a new one; it is taken without a restart once its file has changed.",
             left_ns < 0 ? "a certificate that it uses expired %" PRId64 " days ago"
                         : "a certificate that it uses expires in %" PRId64 " days",
             (left_ns < 0 ? -left_ns : left_ns) / (86400 * NS_PER_S));
    }
    if (bridge->certificate_trouble[0]) {
        TELL(look, LEAT_FINDING_WARNING, "certificate-not-taken", "Mend the file; the old certificate is in use.",
             "a changed certificate is not used: %s", bridge->certificate_trouble);
    }
}

static void judge_books(const struct look *look, const struct ledger *ledger, struct page_bridge *bridge)
{
    const uint32_t lanes = atomic_load_explicit(&bridge->lane_count, memory_order_relaxed);
    for (uint32_t i = 0; i < lanes; i++) {
        const int64_t off = ledger_balance(ledger, &bridge->lanes[i]);
        if (off != 0) {
            TELL(look, LEAT_FINDING_ERROR, "books", "This is a defect of leat: report it with `leat ledger --json`.",
                 "the books of lane %s do not balance: %" PRId64 " messages are not accounted for",
                 bridge->lanes[i].channel, off);
        }
    }
}

static void judge_denied(const struct look *look, const struct page_bridge *bridge)
{
    const uint64_t denied = atomic_load_explicit(&bridge->denied, memory_order_relaxed);
    if (denied > 0) {
        TELL(look, LEAT_FINDING_NOTE, "denied", NULL, "it has refused %" PRIu64 " connections by its access rules",
             denied);
    }
}

static void judge_bridge(struct look *look, const struct ledger *ledger, struct page_bridge *bridge)
{
    snprintf(look->subject, sizeof look->subject, "bridge %s/%s", look->gateway, bridge->name);
    judge_books(look, ledger, bridge);
    if (ledger->life != LEDGER_LIVE) {
        return;
    }
    judge_state(look, bridge);
    judge_restarts(look, bridge);
    judge_certificate(look, bridge);
    judge_denied(look, bridge);
    if (page_worker_lives(bridge)) {
        doctor_limits(look->report, look->subject,
                      (pid_t)atomic_load_explicit(&bridge->worker_pid, memory_order_relaxed));
    }
}

/* ---- a gateway ------------------------------------------------------------------------------------------------------- */

static void tell_unreadable(const struct look *look, int error)
{
    const bool lives = page_is_live(NULL, look->gateway);
    if (error == -EPROTO) {
        TELL(look, lives ? LEAT_FINDING_WARNING : LEAT_FINDING_NOTE, "other-version",
             lives ? "Restart it." : "Its next start makes it anew.", "its page is of another version of leat%s",
             lives ? ": it was started before an upgrade" : "");
    } else if (error == -EACCES) {
        TELL(look, LEAT_FINDING_NOTE, "not-permitted", "Run leat doctor as its user, or as root.",
             "its page may not be read by this user");
    } else {
        TELL(look, LEAT_FINDING_ERROR, "no-page", "Remove the file; the gateway makes it anew when it starts.",
             "what stands in the place of its page is none (%s)", strerror(-error));
    }
}

static size_t count_workers(const struct page_map *page)
{
    size_t count = 0;
    for (size_t i = 0; i < page_bridge_count(page); i++) {
        count += page_worker_lives(&page->page->bridges[i]);
    }
    return count;
}

static void judge_life(const struct look *look, const struct ledger *ledger)
{
    char path[PATH_MAX] = "", remedy[PATH_MAX + 128];
    const size_t workers = count_workers(&ledger->page);
    if (ledger->life != LEDGER_DEAD) {
        return;
    }
    page_file_path(path, sizeof path, NULL, look->gateway);
    snprintf(remedy, sizeof remedy,
             "Start it again: it takes its books over, and bridges resume. If it is not to come back: rm %s", path);
    TELL(look, LEAT_FINDING_ERROR, "gateway-dead", remedy, "pid %" PRIu32 " ended without stopping%s; its page is left",
         ledger->page.page->supervisor_pid, workers ? ", and workers of it still run" : "");
}

static void judge_reload(const struct look *look, const struct page *page)
{
    const uint64_t failed_ns = atomic_load_explicit(&page->reload_failed_ns, memory_order_relaxed);
    if (failed_ns > atomic_load_explicit(&page->reloaded_ns, memory_order_relaxed)) {
        TELL(look, LEAT_FINDING_WARNING, "reload-failed",
             "Mend the file; `leat check` says everything that is wrong with it.",
             "its last reload failed, and the configuration from before is in force: %s", page->reload_failure);
    }
}

static int judge_gateway(const char *name, void *user)
{
    struct look look = {.report = user, .gateway = name};
    struct ledger ledger;
    snprintf(look.subject, sizeof look.subject, "gateway %s", name);
    const int error = ledger_open(&ledger, NULL, name);
    if (error) {
        tell_unreadable(&look, error);
        return 0;
    }
    const unsigned before = look.report->bad;
    judge_life(&look, &ledger);
    if (ledger.life == LEDGER_LIVE) {
        judge_reload(&look, ledger.page.page);
        doctor_limits(look.report, look.subject, (pid_t)ledger.page.page->supervisor_pid);
    }
    for (size_t i = 0; i < page_bridge_count(&ledger.page); i++) {
        if (page_bridge_is_used(&ledger.page.page->bridges[i])) {
            judge_bridge(&look, &ledger, &ledger.page.page->bridges[i]);
        }
    }
    if (ledger.life == LEDGER_LIVE) {
        doctor_peers(look.report, &ledger, name);
    }
    if (look.report->bad == before) {
        snprintf(look.subject, sizeof look.subject, "gateway %s", name);
        TELL(&look, LEAT_FINDING_GOOD, "gateway", NULL, "%s, and its books balance", ledger_life_name(ledger.life));
    }
    ledger_close(&ledger);
    return 0;
}

void doctor_gateways(struct doctor_report *report)
{
    page_list(NULL, judge_gateway, report);
}
