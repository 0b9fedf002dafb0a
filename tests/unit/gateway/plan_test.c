#include "config/plan.h"

#include "support_config.h"

#include <criterion/criterion.h>

#define GATEWAY "[gateway]\nname = edge\n"
#define QUOTES \
    "[bridge.quotes]\npattern = pubsub\ndirection = out\nchannel = shm://quotes\nlisten = tcp://127.0.0.1:5555\n"
#define ORDERS \
    "[bridge.orders]\npattern = pipeline\ndirection = in\nchannel = shm://orders\nlisten = tcp://127.0.0.1:5556\n"

static char room[64];
static struct problems problems;
static struct config *now, *next;
static struct plan plan;

static void move_in(void)
{
    folder_make(room, sizeof(room));
}

static void move_out(void)
{
    plan_fini(&plan);
    config_free(now);
    config_free(next);
    problems_fini(&problems);
    folder_remove(room);
}

TestSuite(plan, .init = move_in, .fini = move_out);

static struct config *load(const char *text)
{
    struct config *config = config_load(file_write(room, "leat.ini", text), &problems);
    cr_assert_not_null(config, "%s", problems_text(&problems));
    return config;
}

static void make(const char *before, const char *after)
{
    now = load(before);
    next = load(after);
    plan_make(&plan, now, next);
}

static void expect(const char *bridge, enum plan_action action, const char *reason)
{
    const struct plan_step *step = plan_find(&plan, bridge);
    cr_assert_not_null(step, "no step for %s", bridge);
    cr_assert_eq(step->action, action, "%s: %s, %s", bridge, plan_action_name(step->action), step->reason);
    cr_assert_str_eq(step->reason, reason);
}

Test(plan, the_same_file_changes_nothing)
{
    make(GATEWAY QUOTES ORDERS, GATEWAY ORDERS QUOTES);
    cr_assert(plan_is_empty(&plan));
    expect("quotes", PLAN_STAY, "");
}

Test(plan, bridges_start_and_stop_and_others_stay)
{
    make(GATEWAY QUOTES, GATEWAY ORDERS);
    expect("quotes", PLAN_STOP, "no longer there");
    expect("orders", PLAN_START, "new (leat.ini:3)");
    cr_assert_eq(plan_count(&plan, PLAN_STAY), 0);
}

Test(plan, a_changed_key_restarts_its_bridge_and_says_where)
{
    make(GATEWAY QUOTES ORDERS, GATEWAY QUOTES "receive_limit = 1MiB\n" ORDERS);
    expect("quotes", PLAN_RESTART, "receive_limit: (not set) -> 1MiB (leat.ini:8)");
    expect("orders", PLAN_STAY, "");
}

Test(plan, a_key_that_goes_is_a_change_too)
{
    make(GATEWAY QUOTES "receive_limit = 1MiB\n", GATEWAY QUOTES);
    expect("quotes", PLAN_RESTART, "receive_limit: 1MiB -> (not set) (leat.ini:8)");
}

Test(plan, a_template_changes_those_that_are_like_it)
{
    make(GATEWAY QUOTES "like = fast\n" ORDERS "[template.fast]\nreceive_limit = 1MiB\n",
         GATEWAY QUOTES "like = fast\n" ORDERS "[template.fast]\nreceive_limit = 2MiB\n");
    expect("quotes", PLAN_RESTART, "receive_limit: 1MiB -> 2MiB (leat.ini:15)");
    expect("orders", PLAN_STAY, "");
}

Test(plan, a_name_of_a_template_alone_restarts_nothing)
{
    make(GATEWAY QUOTES "like = fast\n[template.fast]\nreceive_limit = 1MiB\n",
         GATEWAY QUOTES "like = slow\n[template.slow]\nreceive_limit = 1MiB\n");
    expect("quotes", PLAN_STAY, "");
}

Test(plan, bridges_of_one_worker_restart_together)
{
    make(GATEWAY QUOTES "worker = w\n" ORDERS "worker = w\n",
         GATEWAY QUOTES "worker = w\nreceive_limit = 1MiB\n" ORDERS "worker = w\n");
    expect("orders", PLAN_RESTART, "shares worker 'w' with 'quotes'");
}

Test(plan, a_bridge_that_leaves_a_worker_restarts_those_that_it_leaves)
{
    make(GATEWAY QUOTES "worker = w\n" ORDERS "worker = w\n", GATEWAY QUOTES ORDERS "worker = w\n");
    expect("quotes", PLAN_RESTART, "worker: w -> (not set) (leat.ini:8)");
    expect("orders", PLAN_RESTART, "shares worker 'w' with 'quotes'");
}

Test(plan, a_secret_is_not_shown)
{
    file_write(room, "key", "one");
    now = load(GATEWAY QUOTES "tls.key_password = ${file:key}\n");
    file_write(room, "key", "two");
    next = load(GATEWAY QUOTES "tls.key_password = ${file:key}\n");
    plan_make(&plan, now, next);
    expect("quotes", PLAN_RESTART, "tls.key_password: another (secret) (leat.ini:8)");
}

Test(plan, another_name_is_no_reload)
{
    make(GATEWAY QUOTES, "[gateway]\nname = other\n" QUOTES);
    cr_assert_not_null(plan.refusal);
    cr_assert_not_null(strstr(plan.refusal, "edge -> other (leat.ini:2)"), "%s", plan.refusal);
}

Test(plan, the_default_name_may_be_said_or_left_out)
{
    make("[gateway]\nname = leat\n" QUOTES, QUOTES);
    cr_assert_null(plan.refusal, "%s", plan.refusal);
    cr_assert(plan_is_empty(&plan));
}

Test(plan, what_every_worker_depends_on_restarts_them_all)
{
    make(GATEWAY QUOTES ORDERS, GATEWAY "worker_threads = 2\n" QUOTES ORDERS);
    cr_assert_eq(plan_count(&plan, PLAN_RESTART), 2);
    expect("orders", PLAN_RESTART, "[gateway] worker_threads: (not set) -> 2 (leat.ini:3)");
}

Test(plan, what_needs_no_bridge_is_noted)
{
    make(GATEWAY QUOTES, GATEWAY "stall_timeout = 9s\n" QUOTES);
    expect("quotes", PLAN_STAY, "");
    cr_assert_eq(plan.note_count, 1);
    cr_assert_str_eq(plan.notes[0], "[gateway] stall_timeout: (not set) -> 9s (leat.ini:3)");
    cr_assert_not(plan_is_empty(&plan));
}
