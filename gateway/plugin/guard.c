#include "plugin/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child says about itself. Read only when it is dead. */
struct notes {
    bool inside;   /* of a plugin's code */
    bool finished; /* `work` returned */
    int result;
    char place[768]; /* "FILE \t LINE \t [section] key = value: "; empty: none yet */
    char plugin[128], doing[64];
};

static struct notes own, *notes = &own;

/* ---- the child's side --------------------------------------------------------------------------------------------- */

void guard_place(const struct config *config, const struct config_bridge *bridge, const char *key, const char *value)
{
    const struct config_entry *entry = config_find(config, bridge->section, key);
    snprintf(notes->place, sizeof(notes->place), "%s\t%u\t[%s] %s = %s: ", entry != NULL ? entry->file : bridge->file,
             entry != NULL ? entry->line : bridge->line, bridge->section, key,
             entry != NULL && entry->secret ? "(secret)" : value);
}

void guard_enter(const char *name, const char *doing)
{
    snprintf(notes->plugin, sizeof(notes->plugin), "%s", name);
    snprintf(notes->doing, sizeof(notes->doing), "%s", doing);
    notes->inside = true;
}

void guard_leave(void)
{
    notes->inside = false;
}

static _Noreturn void be_the_child(int (*work)(void *user), void *user, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    notes->result = work(user);
    notes->finished = true;
    _exit(0);
}

/* ---- the parent's side -------------------------------------------------------------------------------------------- */

static void wait_for(pid_t child, siginfo_t *end)
{
    while (waitid(P_PID, (id_t)child, end, WEXITED) != 0 && errno == EINTR)
        ;
}

static void tell(int fd, const siginfo_t *end)
{
    const bool exited = end->si_code == CLD_EXITED;
    const char *signal_name = exited ? NULL : sigabbrev_np(end->si_status);
    char how[64];
    if (exited)
        snprintf(how, sizeof(how), "exit status %d", end->si_status);
    else
        snprintf(how, sizeof(how), "SIG%s", signal_name != NULL ? signal_name : "?");
    if (notes->inside)
        dprintf(fd, "problem\t%splugin %s.so %s while it was %s (%s)\n",
                notes->place[0] != '\0' ? notes->place : "-\t0\t", notes->plugin,
                exited ? "ended its process" : "crashed", notes->doing, how);
    else
        dprintf(fd, "problem\t-\t0\tthe checker ended in the middle of its work (%s); plugin %s.so was used last\n",
                how, notes->plugin[0] != '\0' ? notes->plugin : "(none)");
}

int guard_run(int (*work)(void *user), void *user, int fd)
{
    struct notes *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return work(user);
    notes = shared;
    const pid_t parent = getpid(), child = fork();
    if (child == 0)
        be_the_child(work, user, parent);
    if (child < 0)
        return work(user);
    siginfo_t end = {0};
    wait_for(child, &end);
    if (notes->finished)
        return notes->result;
    tell(fd, &end);
    return -1;
}
