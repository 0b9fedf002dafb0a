#include "config/plan.h"

#include "config/memory.h"

#include <stdlib.h>
#include <string.h>

struct pair {
    const struct config *now, *next;
};

/* ---- keys ------------------------------------------------------------------------------------------------------------ */

/* A text that grows by parts. */
static void append(char **text, char *part)
{
    char *before = *text;
    *text = before && *before ? memory_format("%s; %s", before, part) : memory_copy(part);
    free(before);
    free(part);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What a key says now and next; either may be missing. A secret that changed is still a secret. */
static char *describe_change(const char *key, const struct config_entry *now, const struct config_entry *next)
{
    const struct config_entry *place = next ? next : now;
    const char *before = now ? config_shown(now) : "(not set)", *after = next ? config_shown(next) : "(not set)";
    if (now && next && strcmp(before, after) == 0)
        return memory_format("%s: another %s (%s:%u)", key, before, last_part(place->file), place->line);
    return memory_format("%s: %s -> %s (%s:%u)", key, before, after, last_part(place->file), place->line);
}

static bool says_the_same(const struct config_entry *a, const struct config_entry *b)
{
    return a && b && strcmp(a->value, b->value) == 0;
}

/* `like` has no effect but through the keys that it brings. */
static bool matters(const struct config_entry *entry, const char *section)
{
    return strcmp(entry->section, section) == 0 && !config_is_users(entry->key) && strcmp(entry->key, "like") != 0;
}

/* Calls `each` for every key of a section that says something else in the next configuration. */
static void compare_section(struct pair of, const char *section,
                            void (*each)(void *user, const char *key, const struct config_entry *now,
                                         const struct config_entry *next),
                            void *user)
{
    for (size_t i = 0; i < of.now->entry_count; i++) {
        const struct config_entry *now = &of.now->entries[i];
        const struct config_entry *next = matters(now, section) ? config_find(of.next, section, now->key) : now;
        if (next != now && !says_the_same(now, next))
            each(user, now->key, now, next);
    }
    for (size_t i = 0; i < of.next->entry_count; i++) {
        const struct config_entry *next = &of.next->entries[i];
        if (matters(next, section) && !config_find(of.now, section, next->key))
            each(user, next->key, NULL, next);
    }
}

/* ---- [gateway] ------------------------------------------------------------------------------------------------------- */

enum effect { REFUSED, RESTARTS_ALL, AT_ONCE, LATER };

static const struct {
    const char *key;
    enum effect effect;
    const char *note;
} gateway_effects[] = {
    {"name", REFUSED, "a running gateway keeps its name; stop it and start it under the new one"},
    {"plugin_dir", RESTARTS_ALL, NULL},
    {"worker_threads", RESTARTS_ALL, NULL},
    {"log_level", AT_ONCE, "workers follow when they start next"},
    {"drain_timeout", AT_ONCE, "workers follow when they start next"},
    {"stall_timeout", AT_ONCE, NULL},
    {"restart_min", AT_ONCE, NULL},
    {"restart_max", AT_ONCE, NULL},
    {"admin", AT_ONCE, NULL},
    {"admin_token", AT_ONCE, NULL},
    {"control", LATER, "when the gateway starts next"},
    {"control_mode", LATER, "when the gateway starts next"},
    {"control_group", LATER, "when the gateway starts next"},
};
enum { GATEWAY_EFFECTS = sizeof gateway_effects / sizeof *gateway_effects };

struct gateway_change {
    struct plan *plan;
    struct pair of;
    char *restarts_all; /* why; NULL: they need not */
};

static void note_gateway(void *user, const char *key, const struct config_entry *now, const struct config_entry *next)
{
    struct gateway_change *change = user;
    /* The default, once said and once not, is no other name. */
    if (strcmp(key, "name") == 0 && strcmp(change->of.now->gateway.name, change->of.next->gateway.name) == 0)
        return;
    char *text = describe_change(key, now, next);
    for (size_t i = 0; i < GATEWAY_EFFECTS; i++) {
        if (strcmp(gateway_effects[i].key, key) != 0)
            continue;
        const char *note = gateway_effects[i].note;
        char *whole = memory_format("[gateway] %s%s%s", text, note ? ": " : "", note ? note : "");
        free(text);
        text = whole;
        if (gateway_effects[i].effect == REFUSED) {
            append(&change->plan->refusal, text);
            return;
        }
        if (gateway_effects[i].effect == RESTARTS_ALL) {
            append(&change->restarts_all, text);
            return;
        }
    }
    struct plan *plan = change->plan;
    plan->notes = memory_resize(plan->notes, plan->note_count + 1, sizeof *plan->notes);
    plan->notes[plan->note_count++] = text;
}

/* ---- bridges --------------------------------------------------------------------------------------------------------- */

static const struct config_bridge *find_bridge(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->bridge_count; i++)
        if (strcmp(config->bridges[i].name, name) == 0)
            return &config->bridges[i];
    return NULL;
}

static void add_reason(void *user, const char *key, const struct config_entry *now, const struct config_entry *next)
{
    append(user, describe_change(key, now, next));
}

static struct plan_step *add_step(struct plan *plan, const char *bridge, enum plan_action action)
{
    plan->steps = memory_resize(plan->steps, plan->count + 1, sizeof *plan->steps);
    struct plan_step *step = &plan->steps[plan->count++];
    *step = (struct plan_step){.bridge = memory_copy(bridge), .action = action, .reason = memory_copy("")};
    return step;
}

static void plan_next_bridge(struct plan *plan, struct pair of, const struct config_bridge *bridge,
                             const char *restarts_all)
{
    struct plan_step *step = add_step(plan, bridge->name, PLAN_STAY);
    if (!find_bridge(of.now, bridge->name)) {
        step->action = PLAN_START;
        append(&step->reason, memory_format("new (%s:%u)", last_part(bridge->file), bridge->line));
        return;
    }
    compare_section(of, bridge->section, add_reason, &step->reason);
    if (restarts_all)
        append(&step->reason, memory_copy(restarts_all));
    if (*step->reason)
        step->action = PLAN_RESTART;
}

/* The worker that a step's bridge has now and will have; NULL where it is not there. */
struct workers {
    const char *now, *next;
};

static struct workers *list_workers(const struct plan *plan, struct pair of)
{
    struct workers *workers = memory_zeroed((plan->count + 1) * sizeof *workers);
    for (size_t i = 0; i < plan->count; i++) {
        const struct config_bridge *now = find_bridge(of.now, plan->steps[i].bridge);
        const struct config_bridge *next = find_bridge(of.next, plan->steps[i].bridge);
        workers[i] = (struct workers){now ? now->worker : NULL, next ? next->worker : NULL};
    }
    return workers;
}

static bool is_same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool share(struct workers a, struct workers b)
{
    return is_same(a.now, b.now) || is_same(a.next, b.next);
}

/* A process ends and starts with all its bridges. What is drawn in may draw in others, so this is repeated until nothing changes. */
static bool draw_in_companions(struct plan *plan, const struct workers *workers)
{
    bool changed = false;
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_step *step = &plan->steps[i];
        for (size_t k = 0; k < plan->count && step->action == PLAN_STAY; k++) {
            if (plan->steps[k].action == PLAN_STAY || !share(workers[i], workers[k]))
                continue;
            step->action = PLAN_RESTART;
            append(&step->reason,
                   memory_format("shares worker '%s' with '%s'", workers[i].next, plan->steps[k].bridge));
            changed = true;
        }
    }
    return changed;
}

void plan_make(struct plan *plan, const struct config *now, const struct config *next)
{
    const struct pair of = {now, next};
    struct gateway_change gateway = {.plan = plan, .of = of};
    *plan = (struct plan){0};
    compare_section(of, "gateway", note_gateway, &gateway);
    for (size_t i = 0; i < next->bridge_count; i++)
        plan_next_bridge(plan, of, &next->bridges[i], gateway.restarts_all);
    for (size_t i = 0; i < now->bridge_count; i++)
        if (!find_bridge(next, now->bridges[i].name))
            append(&add_step(plan, now->bridges[i].name, PLAN_STOP)->reason, memory_copy("no longer there"));
    struct workers *workers = list_workers(plan, of);
    while (draw_in_companions(plan, workers))
        ;
    free(workers);
    free(gateway.restarts_all);
}

void plan_fini(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->steps[i].bridge);
        free(plan->steps[i].reason);
    }
    for (size_t i = 0; i < plan->note_count; i++)
        free(plan->notes[i]);
    free(plan->steps);
    free(plan->notes);
    free(plan->refusal);
    *plan = (struct plan){0};
}

/* ---- looking --------------------------------------------------------------------------------------------------------- */

const struct plan_step *plan_find(const struct plan *plan, const char *bridge)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->steps[i].bridge, bridge) == 0)
            return &plan->steps[i];
    return NULL;
}

size_t plan_count(const struct plan *plan, enum plan_action action)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++)
        count += plan->steps[i].action == action;
    return count;
}

bool plan_is_empty(const struct plan *plan)
{
    return plan_count(plan, PLAN_STAY) == plan->count && plan->note_count == 0;
}

const char *plan_action_name(enum plan_action action)
{
    static const char *const names[] = {"stay", "start", "stop", "restart"};
    return names[action];
}
