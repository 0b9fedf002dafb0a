#include "supervisor_rig.h"

#include "base/log.h"
#include "supervisor/run.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct config rig_config;

struct config_bridge rig_bridges[BRIDGES_MAX];
static char names[BRIDGES_MAX][64];
static struct page_map map = {.fd = -1};
static pid_t supervisor;
static int log_file;

void rig_open(void)
{
    shm_folder_open();
    log_file = memfd_create("log", MFD_CLOEXEC);
    rig_config = (struct config){
        .gateway = {.name = "test",
                    .plugin_dir = "/nonexistent",
                    .admin = "",
                    .admin_token = "",
                    .control = "off",
                    .control_group = "",
                    .log_level = LEAT_LOG_INFO,
                    .drain_ns = 500 * NS_PER_MS,
                    .stall_ns = 500 * NS_PER_MS,
                    .backoff_min_ns = 100 * NS_PER_MS,
                    .backoff_max_ns = 1 * NS_PER_S},
        .bridges = rig_bridges,
    };
}

void rig_close(void)
{
    if (supervisor > 0) {
        kill(supervisor, SIGKILL); /* its workers follow */
        waitpid(supervisor, NULL, 0);
    }
    page_close(&map);
    shm_folder_close();
}

/* What the fake worker's lane is called too. */
static struct config_url channel = {"shm://test", "shm", "test"};

static void add_bridge(const char *spec)
{
    struct config_bridge *bridge = &rig_bridges[rig_config.bridge_count];
    char *name = names[rig_config.bridge_count++];
    snprintf(name, sizeof names[0], "%s", spec);
    char *slash = strchr(name, '/');
    bridge->name = bridge->section = name;
    bridge->worker = slash ? slash + 1 : name;
    bridge->pattern = "pubsub";
    bridge->file = "test.ini";
    bridge->direction = CONFIG_OUT;
    bridge->receive_limit_bytes = 1;
    bridge->channels = (struct config_urls){.items = &channel, .count = 1};
    if (slash)
        *slash = '\0';
}

void rig_start(const char *const *specs)
{
    rig_config.bridge_count = 0;
    while (*specs)
        add_bridge(*specs++);
    supervisor = fork();
    if (supervisor == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* when the test fails */
        dup2(log_file, STDERR_FILENO);
        struct config *copy = config_receive(config_send(&rig_config)); /* a supervisor frees what it runs */
        _exit(supervisor_run_program(copy, &(struct supervisor_origin){.log_level = -1}, FAKE_WORKER));
    }
}

struct page *rig_page(void)
{
    if (!map.page && page_open(&map, NULL, "test") != 0)
        return NULL;
    return map.page;
}

struct page_bridge *rig_bridge(const char *name)
{
    wait_until(rig_page() && page_find(&map, name));
    return page_find(&map, name);
}

pid_t rig_worker(const char *bridge)
{
    return (pid_t)atomic_load(&rig_bridge(bridge)->worker_pid);
}

bool rig_runs(const char *bridge)
{
    return rig_worker(bridge) != 0 && atomic_load(&rig_bridge(bridge)->state) == PAGE_RUNNING;
}

bool rig_process_lives(pid_t pid)
{
    return kill(pid, 0) == 0;
}

void rig_kill_worker(const char *bridge)
{
    uint64_t restarts = atomic_load(&rig_bridge(bridge)->restarts);
    cr_assert_eq(kill(rig_worker(bridge), SIGKILL), 0);
    wait_until(atomic_load(&rig_bridge(bridge)->restarts) > restarts);
}

void rig_signal(int number)
{
    cr_assert_eq(kill(supervisor, number), 0);
}

int rig_wait(void)
{
    int status;
    pid_t ended;
    wait_until((ended = waitpid(supervisor, &status, WNOHANG)) != 0);
    cr_assert_eq(ended, supervisor);
    supervisor = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool rig_said(const char *text)
{
    static char log[65536];
    ssize_t len = pread(log_file, log, sizeof log - 1, 0);
    log[len > 0 ? len : 0] = '\0';
    return strstr(log, text) != NULL;
}
