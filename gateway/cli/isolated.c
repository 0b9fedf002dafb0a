#include "cli/isolated.h"

#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DONE = 42, REFUSED = 43 }; /* exit statuses that a plugin is not likely to choose when it ends its process */

static void explain_end(const char *name, const char *doing, unsigned limit_s, int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        warnx("plugin %s.so took longer than %u s while it %s", name, limit_s, doing);
    } else if (WIFSIGNALED(status)) {
        warnx("plugin %s.so crashed while it %s (%s)", name, doing, strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != REFUSED) {
        warnx("plugin %s.so ended its process while it %s (exit status %d)", name, doing, WEXITSTATUS(status));
    }
}

bool isolated_run(const char *name, const char *doing, unsigned limit_s, FILE *output, bool (*work)(void *user),
                  void *user)
{
    fflush(stdout);
    const pid_t child = fork();
    if (child < 0) {
        err(EXIT_FAILURE, "plugin %s.so", name);
    }
    if (child == 0) {
        alarm(limit_s);
        dup2(fileno(output), STDOUT_FILENO);
        const bool done = work(user);
        fflush(stdout);
        _exit(done ? DONE : REFUSED);
    }
    int status;
    waitpid(child, &status, 0);
    rewind(output);
    if (WIFEXITED(status) && WEXITSTATUS(status) == DONE) {
        return true;
    }
    explain_end(name, doing, limit_s, status);
    return false;
}
