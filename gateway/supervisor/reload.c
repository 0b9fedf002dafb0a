#include "supervisor/reload.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/page_change.h"
#include "config/memory.h"
#include "supervisor/check.h"
#include "supervisor/handover.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum step { IDLE, CHECKING, CHANGING, RETURNING };

struct reload {
    struct family *family;
    struct supervisor_origin origin;
    struct admin *admin;
    struct config *running;
    bool abandoned; /* the gateway stops */

    /* Of the one that is under way. */
    enum step step;
    enum reload_goal goal;
    char *file;
    struct reload_listener listener;
    struct config *next;
    struct problems problems;
    struct check *check;
    struct plan plan;
    struct handover handover;
    char *error; /* why it does not come about */
};

/* ---- what is said ---------------------------------------------------------------------------------------------------- */

static void tell(struct reload *reload, cJSON *line, bool last)
{
    if (reload->listener.user)
        reload->listener.tell(reload->listener.user, line, last);
    cJSON_Delete(line);
}

static void tell_event(struct reload *reload, const char *event)
{
    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "event", event);
    tell(reload, line, false);
}

static void add_steps(const struct reload *reload, cJSON *to)
{
    cJSON *steps = cJSON_AddArrayToObject(to, "steps"), *notes = cJSON_AddArrayToObject(to, "notes");
    for (size_t i = 0; i < reload->plan.count; i++) {
        const struct plan_step *step = &reload->plan.steps[i];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "bridge", step->bridge);
        cJSON_AddStringToObject(item, "action", plan_action_name(step->action));
        cJSON_AddStringToObject(item, "reason", step->reason);
        cJSON_AddItemToArray(steps, item);
    }
    for (size_t i = 0; i < reload->plan.note_count; i++)
        cJSON_AddItemToArray(notes, cJSON_CreateString(reload->plan.notes[i]));
}

static void add_problems(const struct reload *reload, cJSON *to)
{
    cJSON *problems = cJSON_AddArrayToObject(to, "problems");
    for (size_t i = 0; i < reload->problems.count; i++) {
        const struct problem *problem = &reload->problems.items[i];
        cJSON *item = cJSON_CreateObject();
        if (problem->file)
            cJSON_AddStringToObject(item, "file", problem->file);
        if (problem->line)
            cJSON_AddNumberToObject(item, "line", problem->line);
        cJSON_AddStringToObject(item, "text", problem->text);
        cJSON_AddItemToArray(problems, item);
    }
}

static void log_problems(const struct reload *reload)
{
    for (size_t i = 0; i < reload->problems.count; i++) {
        const struct problem *problem = &reload->problems.items[i];
        if (problem->file)
            log_error("%s:%u: %s", problem->file, problem->line, problem->text);
        else
            log_error("%s", problem->text);
    }
}

static struct page *page(const struct reload *reload)
{
    return reload->family->nursery.map.page;
}

static void describe_counts(const struct reload *reload, char *text, size_t size)
{
    snprintf(text, size, "%zu start, %zu stop, %zu restart, %zu stay", plan_count(&reload->plan, PLAN_START),
             plan_count(&reload->plan, PLAN_STOP), plan_count(&reload->plan, PLAN_RESTART),
             plan_count(&reload->plan, PLAN_STAY));
}

/* ---- its end --------------------------------------------------------------------------------------------------------- */

static void clear(struct reload *reload)
{
    check_free(reload->check);
    config_free(reload->next);
    problems_fini(&reload->problems);
    plan_fini(&reload->plan);
    handover_fini(&reload->handover);
    free(reload->error);
    free(reload->file);
    reload->file = NULL;
    reload->check = NULL;
    reload->next = NULL;
    reload->problems = (struct problems){0};
    reload->error = NULL;
    reload->listener = (struct reload_listener){0};
    reload->step = IDLE;
}

static void tell_end(struct reload *reload)
{
    cJSON *line = cJSON_CreateObject();
    cJSON_AddBoolToObject(line, "done", true);
    cJSON_AddBoolToObject(line, "ok", !reload->error);
    cJSON_AddNumberToObject(line, "generation", (double)atomic_load(&page(reload)->generation));
    if (reload->error)
        cJSON_AddStringToObject(line, "error", reload->error);
    add_problems(reload, line);
    add_steps(reload, line);
    tell(reload, line, true);
}

static void finish(struct reload *reload)
{
    tell_end(reload);
    clear(reload);
}

/* A plan that fails changes nothing and is nobody's business but the asker's. */
__attribute__((format(printf, 2, 3))) static void fail(struct reload *reload, const char *format, ...)
{
    char text[PAGE_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    reload->error = memory_copy(text);
    if (reload->goal == RELOAD_APPLY) {
        log_problems(reload);
        log_error("the configuration was not reloaded: %s; the old one stays in force", text);
        snprintf(page(reload)->reload_failure, sizeof page(reload)->reload_failure, "%s", text);
        atomic_store(&page(reload)->reload_failed_ns, (uint64_t)clock_realtime_ns());
        atomic_fetch_add(&page(reload)->reload_failures, 1);
        page_note(&reload->family->nursery.map, "", "configuration not reloaded: %s", text);
    }
    finish(reload);
}

/* The next configuration is the one that runs. */
static void succeed(struct reload *reload)
{
    char counts[96];
    describe_counts(reload, counts, sizeof counts);
    for (size_t i = 0; i < reload->plan.count; i++)
        if (reload->plan.steps[i].action == PLAN_STOP)
            page_remove_bridge(page_find(&reload->family->nursery.map, reload->plan.steps[i].bridge));
    for (size_t i = 0; i < reload->family->count; i++) {
        struct child *child = reload->family->children[i];
        child->config = reload->next;
        child->backoff.min_ns = reload->next->gateway.backoff_min_ns;
        child->backoff.max_ns = reload->next->gateway.backoff_max_ns;
    }
    config_free(reload->running);
    reload->running = reload->next;
    reload->next = NULL;
    log_open("gateway", (int)reload->running->gateway.log_level);
    page(reload)->reload_failure[0] = '\0';
    atomic_store(&page(reload)->reloaded_ns, (uint64_t)clock_realtime_ns());
    atomic_fetch_add(&page(reload)->generation, 1);
    page_note(&reload->family->nursery.map, "", "configuration reloaded: %s", counts);
    log_info("configuration reloaded: %s", counts);
    finish(reload);
}

/* ---- its steps ------------------------------------------------------------------------------------------------------- */

static void remove_added(struct reload *reload)
{
    for (size_t i = 0; i < reload->plan.count; i++) {
        const struct plan_step *step = &reload->plan.steps[i];
        struct page_bridge *bridge = page_find(&reload->family->nursery.map, step->bridge);
        if (step->action == PLAN_START && bridge)
            page_remove_bridge(bridge);
    }
}

static int add_to_page(struct reload *reload)
{
    for (size_t i = 0; i < reload->plan.count; i++) {
        struct page_bridge *bridge;
        int error = reload->plan.steps[i].action == PLAN_START
                        ? page_add_bridge(&reload->family->nursery.map, reload->plan.steps[i].bridge, &bridge)
                        : 0;
        if (error)
            return error;
    }
    return 0;
}

static void log_plan(const struct reload *reload)
{
    for (size_t i = 0; i < reload->plan.count; i++) {
        const struct plan_step *step = &reload->plan.steps[i];
        if (step->action != PLAN_STAY)
            log_info("reload: bridge '%s' %ss: %s", step->bridge, plan_action_name(step->action), step->reason);
    }
    for (size_t i = 0; i < reload->plan.note_count; i++)
        log_info("reload: %s", reload->plan.notes[i]);
}

/* From here on something happens. What can fail without a trace comes first. */
static void begin_changing(struct reload *reload)
{
    log_plan(reload);
    int error = add_to_page(reload);
    if (error) {
        remove_added(reload);
        fail(reload, "no room for its bridges in the gateway's page: %s", strerror(-error));
        return;
    }
    error = admin_reload(reload->admin, &reload->next->gateway);
    if (error) {
        remove_added(reload);
        fail(reload, "[gateway] admin = %s cannot be listened at: %s", reload->next->gateway.admin, strerror(-error));
        return;
    }
    reload->step = CHANGING;
    error = handover_init(&reload->handover, reload->family, reload->running, reload->next, &reload->plan);
    if (error) {
        reload->error = memory_copy(strerror(-error));
        reload->step = RETURNING;
    }
    tell_event(reload, "changing");
}

static void conclude_check(struct reload *reload)
{
    if (reload->check)
        check_conclude(reload->check, reload->next, &reload->problems);
    problems_sort(&reload->problems);
    size_t count = reload->problems.count;
    if (count > 0 || !reload->next) {
        fail(reload, "%zu problem%s in %s", count, count == 1 ? "" : "s", reload->file);
        return;
    }
    plan_make(&reload->plan, reload->running, reload->next);
    if (reload->plan.refusal)
        fail(reload, "%s", reload->plan.refusal);
    else if (reload->goal == RELOAD_PLAN)
        finish(reload);
    else
        begin_changing(reload);
}

/* Why it does not serve, as the page has it. */
static char *describe_failure(const struct child *child)
{
    char who[128], reason[PAGE_TEXT_BYTES] = "it does not come to serve";
    child_describe(child, who, sizeof who);
    for (size_t i = 0; i < child->bridge_count; i++)
        if (child->bridges[i].page->reason[0])
            snprintf(reason, sizeof reason, "%.*s", PAGE_TEXT_BYTES - 1, child->bridges[i].page->reason);
    return memory_format("%s: %s", who, reason);
}

static void go_on_changing(struct reload *reload, int64_t now_ns)
{
    struct child *failed = NULL;
    switch (handover_advance(&reload->handover, now_ns, &failed)) {
    case HANDOVER_GOES_ON:
        return;
    case HANDOVER_DONE:
        handover_conclude(&reload->handover, false);
        succeed(reload);
        return;
    case HANDOVER_FAILED:
        reload->error = describe_failure(failed);
        log_warning("reload: %s; going back to the old configuration", reload->error);
        tell_event(reload, "returning");
        reload->step = RETURNING;
    }
}

static void go_on_returning(struct reload *reload, int64_t now_ns)
{
    if (handover_return(&reload->handover, now_ns) != HANDOVER_DONE)
        return;
    handover_conclude(&reload->handover, true);
    admin_reload(reload->admin, &reload->running->gateway);
    remove_added(reload);
    char *error = reload->error;
    reload->error = NULL;
    fail(reload, "%s", error);
    free(error);
}

void reload_turn(struct reload *reload, int64_t now_ns)
{
    if (reload->step == CHECKING && (!reload->check || check_turn(reload->check, 0)))
        conclude_check(reload);
    else if (reload->step == CHANGING)
        go_on_changing(reload, now_ns);
    else if (reload->step == RETURNING)
        go_on_returning(reload, now_ns);
}

/* ---- its beginning --------------------------------------------------------------------------------------------------- */

int reload_request(struct reload *reload, enum reload_goal goal, const char *file, struct reload_listener listener)
{
    const struct supervisor_origin origin = {file ? file : reload->origin.file, reload->origin.log_level};
    if (reload->abandoned || reload->step != IDLE)
        return reload->abandoned ? -ESHUTDOWN : -EBUSY;
    reload->step = CHECKING;
    reload->goal = goal;
    reload->listener = listener;
    reload->file = memory_copy(origin.file ? origin.file : "its configuration");
    if (goal == RELOAD_APPLY)
        log_info("reload: reading %s", reload->file);
    reload->next = supervisor_read(&origin, &reload->problems);
    tell_event(reload, "checking");
    int error = reload->next ? check_start(&reload->check, reload->next, reload->family->nursery.program) : 0;
    if (error)
        problems_add(&reload->problems, NULL, 0, "the checker cannot be started: %s", strerror(-error));
    return 0;
}

struct reload *reload_new(struct family *family, struct config *config, const struct supervisor_origin *origin)
{
    struct reload *reload = calloc(1, sizeof(*reload));
    if (!reload)
        return NULL;
    *reload = (struct reload){.family = family, .running = config, .origin = *origin};
    return reload;
}

void reload_use_admin(struct reload *reload, struct admin *admin)
{
    reload->admin = admin;
}

void reload_free(struct reload *reload)
{
    if (!reload)
        return;
    clear(reload);
    config_free(reload->running);
    free(reload);
}

void reload_forget(struct reload *reload, const void *user)
{
    if (reload->listener.user == user)
        reload->listener = (struct reload_listener){0};
}

bool reload_is_active(const struct reload *reload)
{
    return reload->step != IDLE;
}

bool reload_applies(const struct reload *reload)
{
    return reload->step != IDLE && reload->goal == RELOAD_APPLY;
}

const struct config *reload_config(const struct reload *reload)
{
    return reload->running;
}

void reload_abandon(struct reload *reload)
{
    reload->abandoned = true;
    if (reload->step == IDLE)
        return;
    free(reload->error);
    reload->error = memory_copy("the gateway stops");
    if (reload->goal == RELOAD_APPLY)
        log_warning("a reload was under way when the gateway was told to stop");
    tell_end(reload);
    reload->listener = (struct reload_listener){0};
    reload->step = IDLE; /* its parts live until reload_free(): children have the next configuration already */
}
