#include "base/confine.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void enter(void)
{
    if (!confine_worker())
        cr_skip("no filters here: the kernel has none, or a sanitizer needs what they refuse");
}

TestSuite(confine, .init = enter);

Test(confine, no_program_can_be_started)
{
    char *argv[] = {"true", NULL};
    cr_assert(execv("/bin/true", argv) == -1 && errno == EPERM);
    cr_assert_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
}

Test(confine, a_child_is_confined_too)
{
    char *argv[] = {"true", NULL};
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(execv("/bin/true", argv) == -1 && errno == EPERM ? 42 : 1);
    cr_assert(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 42);
}

Test(confine, other_processes_and_namespaces_are_out_of_reach)
{
    cr_assert(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == -1 && errno == EPERM);
    cr_assert(unshare(CLONE_NEWUSER) == -1 && errno == EPERM);
}

static void *be(void *argument)
{
    return argument;
}

Test(confine, what_a_worker_does_all_day_works)
{
    pthread_t thread;
    int pair[2];
    cr_assert_eq(pthread_create(&thread, NULL, be, NULL), 0);
    pthread_join(thread, NULL);
    cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && write(pair[0], "x", 1) == 1);
}
