/* The checker: validates a whole configuration with its plugins loaded, in a process of its own, so that a plugin which crashes or
 * hangs takes nobody with it. It opens, creates and keeps nothing. */
#include "worker/worker.h"

#include "base/confine.h"
#include "base/log.h"
#include "base/page.h"
#include "config/admin_keys.h"
#include "config/config.h"
#include "config/memory.h"
#include "config/url.h"
#include "plugin/guard.h"
#include "plugin/resolve.h"
#include "plugin/used.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what goes to the supervisor ---------------------------------------------------------------------------------- */

/* What was found, and how much of it has been reported. */
struct findings {
    struct problems problems, warnings;
    size_t reported, warned;
};

/* Those of `found` that are not among the first `*reported`. */
static void tell_all(const char *word, const struct problems *found, size_t *reported)
{
    for (; *reported < found->count; (*reported)++) {
        const struct problem *problem = &found->items[*reported];
        printf("%s\t%s\t%u\t%s\n", word, problem->file != NULL ? problem->file : "-", problem->line, problem->text);
    }
}

/* Whatever runs next may crash: nothing stays in a buffer. */
static void report(struct findings *findings)
{
    tell_all("problem", &findings->problems, &findings->reported);
    tell_all("warning", &findings->warnings, &findings->warned);
    fflush(stdout);
}

static void announce(const char *file, void *user)
{
    printf("loading %s\n", file);
    report(user);
}

/* ---- the gateway that runs already -------------------------------------------------------------------------------- */

/* Whether a URL that starts at `text` and has `len` bytes wants what `url` wants. */
static bool holds(const char *text, size_t len, const struct config_url *url)
{
    struct config_url other = {0};
    char *copy = memory_copy_part(text, len), *problem = url_split(copy, &other);
    const bool result = problem == NULL && url_collides(&other, url);
    url_fini(&other);
    free(problem);
    free(copy);
    return result;
}

/* Whether one of `urls`, separated by ", ", has the port of `text`: perhaps under another address, or for another path. */
static bool lists(const char *urls, const char *text)
{
    struct config_url url = {0};
    char *problem = url_split(text, &url);
    bool found = false;
    while (problem == NULL && !found && *urls != '\0') {
        const size_t len = strcspn(urls, ", ");
        found = len > 0 && holds(urls, len, &url);
        urls += len + strspn(urls + len, ", ");
    }
    url_fini(&url);
    free(problem);
    return found;
}

/* The last gateway of that name, as its page showed it. */
struct running {
    struct page_map page; /* page.page NULL: there was none */
    bool live;
};

/* A port that this very gateway listens at is no news when a configuration of it is checked while it runs, or while workers that
 * outlived it still end: they do before the next gateway starts. Nor is it when the next one is to share it by other paths. */
static bool is_ours(const char *url, void *user)
{
    const struct running *running = user;
    if (running->page.page == NULL)
        return false;
    for (size_t i = 0; i < page_bridge_count(&running->page); i++) {
        const struct page_bridge *bridge = &running->page.page->bridges[i];
        if (lists(bridge->urls, url) && (running->live || page_worker_lives(bridge)))
            return true;
    }
    return false;
}

static void find_running(struct running *running, const char *gateway)
{
    running->live = page_is_live(NULL, gateway);
    if (page_copy(&running->page, NULL, gateway) != 0)
        running->page = (struct page_map){.fd = -1};
}

/* ---- checking ----------------------------------------------------------------------------------------------------- */

/* What nobody may show, for those who have the configuration and not its plugins. */
static void tell_secret(const char *section, const char *key)
{
    printf("secret\t%s\t%s\n", section, key);
}

static void check_bridge(struct config *config, const struct config_bridge *bridge, struct registry *registry,
                         struct running *running, struct findings *findings)
{
    struct resolved_bridge resolved;
    resolve_bridge(&resolved, config, bridge, registry, &findings->problems);
    used_mark_secrets(&resolved, config, tell_secret);
    printf("judging\t%s\t%u\t%s\n", bridge->file, bridge->line, bridge->name);
    report(findings);
    resolved_bridge_check(&resolved, is_ours, running);
    resolved_bridge_fini(&resolved);
}

static void blame_folder(const struct config *config, const char *explain, struct problems *problems)
{
    const struct config_entry *entry = config_find(config, "gateway", "plugin_dir");
    if (entry != NULL)
        problems_add(problems, entry->file, entry->line, "[gateway] plugin_dir = %s: %s", entry->value, explain);
    else
        problems_add(problems, NULL, 0, "%s", explain);
}

static void check(struct config *config, struct findings *findings)
{
    struct registry *registry = NULL;
    struct running running;
    char explain[768];
    const struct config_entry *folder = config_find(config, "gateway", "plugin_dir");
    admin_keys_check_port(config, &findings->problems);
    if (folder != NULL && folder->doubtful)
        return;
    if (registry_open(&registry, config->gateway.plugin_dir, explain, sizeof(explain)) != 0) {
        blame_folder(config, explain, &findings->problems);
        return;
    }
    registry_on_load(registry, announce, findings);
    find_running(&running, config->gateway.name);
    for (size_t i = 0; i < config->bridge_count; i++)
        check_bridge(config, &config->bridges[i], registry, &running, findings);
    page_close(&running.page);
    registry_close(registry);
}

static int work(void *user)
{
    struct config *config = user;
    struct findings findings = {.problems.warnings = &findings.warnings};
    check(config, &findings);
    report(&findings);
    return findings.problems.count == 0 ? WORKER_DRAINED : WORKER_CONFIG;
}

_Noreturn void checker_main(void)
{
    confine_worker(); /* plugins find here what they will find there */
    struct config *config = config_receive(WORKER_CONFIG_FD);
    log_open("checker", config != NULL ? (int)config->gateway.log_level : LEAT_LOG_INFO);
    if (config == NULL) {
        puts("problem\t-\t0\tthe checker was given no configuration; it is started by leatd itself");
        fflush(stdout);
        _exit(WORKER_CONFIG);
    }
    const int result = guard_run(work, config, STDOUT_FILENO);
    puts("\ndone"); /* on a line of its own, whatever a plugin has printed */
    fflush(stdout);
    _exit(result < 0 ? WORKER_CONFIG : result);
}
