#include "supervisor/handover.h"

#include "base/clock.h"
#include "config/url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SERVE_LIMIT_NS (15 * NS_PER_S) /* for one that comes; more than it is given to start its lanes */
#define DRAIN_MARGIN_NS (1 * NS_PER_S) /* what a worker may need beyond its drain time */

/* ---- who ------------------------------------------------------------------------------------------------------------- */

/* Whether the plan touches a bridge that this worker has in that configuration. */
static bool is_touched(const struct plan *plan, const struct config *config, const char *worker)
{
    for (size_t i = 0; i < config->bridge_count; i++) {
        const struct plan_step *step =
            strcmp(config->bridges[i].worker, worker) == 0 ? plan_find(plan, config->bridges[i].name) : NULL;
        if (step && step->action != PLAN_STAY)
            return true;
    }
    return false;
}

static bool any_collides(const struct config_urls *a, const struct config_urls *b)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t k = 0; k < b->count; k++)
            if (url_collides(&a->items[i], &b->items[k]))
                return true;
    return false;
}

static bool is_in_the_way(const struct handover *handover, const struct child *leaving, const struct child *coming)
{
    if (strcmp(leaving->name, coming->name) == 0)
        return true;
    for (size_t i = 0; i < handover->before->bridge_count; i++) {
        const struct config_bridge *old = &handover->before->bridges[i];
        if (strcmp(old->worker, leaving->name) != 0)
            continue;
        for (size_t k = 0; k < handover->after->bridge_count; k++) {
            const struct config_bridge *next = &handover->after->bridges[k];
            if (strcmp(next->worker, coming->name) == 0 &&
                (strcmp(next->name, old->name) == 0 || any_collides(&old->listen, &next->listen)))
                return true;
        }
    }
    return false;
}

static int find_leaving(struct handover *handover, const struct plan *plan)
{
    struct family *family = handover->family;
    handover->leaving = calloc(family->count + 1, sizeof(*handover->leaving));
    if (!handover->leaving)
        return -ENOMEM;
    for (size_t i = 0; i < family->count; i++)
        if (is_touched(plan, handover->before, family->children[i]->name))
            handover->leaving[handover->leaving_count++] = family->children[i];
    return 0;
}

static int add_coming(struct handover *handover, const struct plan *plan)
{
    const char *worker;
    handover->coming = calloc(handover->after->bridge_count + 1, sizeof(*handover->coming));
    if (!handover->coming)
        return -ENOMEM;
    for (size_t i = 0; (worker = config_worker(handover->after, i)) != NULL; i++) {
        if (!is_touched(plan, handover->after, worker))
            continue;
        struct child *child = family_add(handover->family, handover->after, worker);
        if (!child)
            return -ENOMEM;
        child->on_trial = true;
        child->restart_at_ns = INT64_MAX;
        handover->coming[handover->coming_count++] = child;
    }
    return 0;
}

int handover_init(struct handover *handover, struct family *family, const struct config *before,
                  const struct config *after, const struct plan *plan)
{
    *handover = (struct handover){.family = family, .before = before, .after = after};
    int error = find_leaving(handover, plan);
    if (!error)
        error = add_coming(handover, plan);
    if (error)
        return error;
    handover->in_the_way = calloc(handover->coming_count * handover->leaving_count + 1, sizeof(bool));
    if (!handover->in_the_way)
        return -ENOMEM;
    for (size_t i = 0; i < handover->coming_count; i++)
        for (size_t k = 0; k < handover->leaving_count; k++)
            handover->in_the_way[i * handover->leaving_count + k] =
                is_in_the_way(handover, handover->leaving[k], handover->coming[i]);
    return 0;
}

void handover_fini(struct handover *handover)
{
    free(handover->leaving);
    free(handover->coming);
    free(handover->in_the_way);
    *handover = (struct handover){0};
}

/* ---- steps ----------------------------------------------------------------------------------------------------------- */

static bool waits_for_any(const struct handover *handover, size_t coming)
{
    for (size_t k = 0; k < handover->leaving_count; k++)
        if (handover->in_the_way[coming * handover->leaving_count + k])
            return true;
    return false;
}

/* Whether one who leaves, and is in its way, is still there. */
static bool is_blocked(const struct handover *handover, size_t coming)
{
    for (size_t k = 0; k < handover->leaving_count; k++)
        if (handover->in_the_way[coming * handover->leaving_count + k] &&
            (!handover->has_asked || handover->leaving[k]->alive))
            return true;
    return false;
}

static bool has_failed(const struct child *child, int64_t now_ns)
{
    return child->started_ns && (!child->alive || (!child->served && now_ns - child->started_ns > SERVE_LIMIT_NS));
}

static void ask(struct handover *handover, struct child *child, int64_t now_ns)
{
    int64_t drain_ns = handover->before->gateway.drain_ns;
    if (handover->after->gateway.drain_ns > drain_ns)
        drain_ns = handover->after->gateway.drain_ns;
    handover->kill_at_ns = now_ns + drain_ns + DRAIN_MARGIN_NS;
    child_ask_to_stop(child, &handover->family->nursery);
}

static void kill_overdue(const struct handover *handover, struct child *const *children, size_t count, int64_t now_ns)
{
    for (size_t i = 0; i < count && now_ns >= handover->kill_at_ns; i++)
        if (children[i]->leaving)
            child_kill(children[i], "it did not finish in time");
}

/* Starts those whose way is free. Whether all of these serve, or, with `newcomers`, all that never had anybody in their way. */
static bool bring_in(struct handover *handover, bool newcomers)
{
    bool all_serve = true;
    for (size_t i = 0; i < handover->coming_count; i++) {
        struct child *child = handover->coming[i];
        if (newcomers && waits_for_any(handover, i))
            continue;
        if (!child->started_ns && !is_blocked(handover, i))
            family_start(handover->family, child);
        all_serve = all_serve && child->alive && child->served;
    }
    return all_serve;
}

static bool have_ended(struct child *const *children, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (children[i]->alive)
            return false;
    return true;
}

enum handover_state handover_advance(struct handover *handover, int64_t now_ns, struct child **failed)
{
    bool newcomers_serve = bring_in(handover, true);
    bool all_serve = handover->has_asked && bring_in(handover, false);
    for (size_t i = 0; i < handover->coming_count; i++) {
        if (has_failed(handover->coming[i], now_ns)) {
            *failed = handover->coming[i];
            return HANDOVER_FAILED;
        }
    }
    if (newcomers_serve && !handover->has_asked) {
        handover->has_asked = true;
        for (size_t k = 0; k < handover->leaving_count; k++)
            ask(handover, handover->leaving[k], now_ns);
        return HANDOVER_GOES_ON;
    }
    kill_overdue(handover, handover->leaving, handover->leaving_count, now_ns);
    return all_serve && have_ended(handover->leaving, handover->leaving_count) ? HANDOVER_DONE : HANDOVER_GOES_ON;
}

/* Whether one who came is still there, and in the way of one who left and is to come back. */
static bool cannot_come_back(const struct handover *handover, size_t left)
{
    if (handover->leaving[left]->alive)
        return true; /* itself is not gone yet */
    for (size_t i = 0; i < handover->coming_count; i++)
        if (handover->in_the_way[i * handover->leaving_count + left] && handover->coming[i]->alive)
            return true;
    return false;
}

enum handover_state handover_return(struct handover *handover, int64_t now_ns)
{
    for (size_t i = 0; i < handover->coming_count; i++)
        if (handover->coming[i]->alive && !handover->coming[i]->leaving)
            ask(handover, handover->coming[i], now_ns);
    kill_overdue(handover, handover->coming, handover->coming_count, now_ns);
    kill_overdue(handover, handover->leaving, handover->leaving_count, now_ns);

    bool all_back = true;
    for (size_t k = 0; k < handover->leaving_count; k++) {
        struct child *child = handover->leaving[k];
        if (child->leaving && !cannot_come_back(handover, k))
            family_start(handover->family, child);
        all_back = all_back && !child->leaving;
    }
    return all_back && have_ended(handover->coming, handover->coming_count) ? HANDOVER_DONE : HANDOVER_GOES_ON;
}

void handover_conclude(struct handover *handover, bool returned)
{
    struct child **gone = returned ? handover->coming : handover->leaving;
    size_t gone_count = returned ? handover->coming_count : handover->leaving_count;
    for (size_t i = 0; i < gone_count; i++)
        family_remove(handover->family, gone[i]);
    for (size_t i = 0; !returned && i < handover->coming_count; i++) {
        handover->coming[i]->on_trial = false;
        if (!handover->coming[i]->alive) /* it served, and has ended since */
            handover->coming[i]->restart_at_ns = 0;
    }
}
