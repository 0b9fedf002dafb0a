#include "config/problem.h"
#include "shm_folder.h"
#include "supervisor/run.h"

#include <sys/mman.h>

static struct problems problems;

static void forget(void)
{
    problems_fini(&problems);
}

TestSuite(check, .fini = forget, .timeout = 60);

/* What the checker prints and how it ends; what the supervisor makes of it. */
static int check(const char *says, const char *ends)
{
    char path[64];
    int fd = memfd_create("says", MFD_CLOEXEC);
    cr_assert_eq(write(fd, says, strlen(says)), (ssize_t)strlen(says));
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), fd);
    setenv("FAKE_CHECKER_SAYS", path, 1);
    setenv("FAKE_CHECKER_ENDS", ends, 1);
    struct config config = {.gateway = {.name = "test",
                                        .plugin_dir = "/nonexistent",
                                        .admin = "",
                                        .admin_token = "",
                                        .control = "",
                                        .control_group = ""}};
    int result = supervisor_check_program(&config, FAKE_WORKER, &problems);
    close(fd);
    return result;
}

Test(check, a_checker_that_finds_nothing_is_content)
{
    cr_assert_eq(check("loading /p/tcp.so\nloading /p/shm.so\ndone\n", "0"), 0);
    cr_assert_eq(problems.count, 0);
}

Test(check, every_problem_arrives_with_its_place)
{
    cr_assert_neq(check("loading /p/tcp.so\n"
                        "problem\tleat.ini\t12\t[bridge.a] listen = x: not a URL\n"
                        "problem\t-\t0\tno plugin at all\n",
                        "78"),
                  0);
    cr_assert_eq(problems.count, 2);
    cr_assert_str_eq(problems.items[0].file, "leat.ini");
    cr_assert_eq(problems.items[0].line, 12);
    cr_assert_str_eq(problems.items[0].text, "[bridge.a] listen = x: not a URL");
    cr_assert_null(problems.items[1].file);
    cr_assert_str_eq(problems.items[1].text, "no plugin at all");
}

Test(check, a_plugin_that_crashes_is_named_after_what_was_found_before)
{
    cr_assert_neq(check("loading /p/tcp.so\nproblem\tleat.ini\t3\twrong\nloading /p/evil.so\n", "abort"), 0);
    cr_assert_eq(problems.count, 2);
    cr_assert_str_eq(problems.items[1].file, "/p/evil.so");
    cr_assert_eq(problems.items[1].line, 0);
    cr_assert_str_eq(problems.items[1].text, "plugin crashed while it was being loaded (SIGABRT)");
}

Test(check, a_plugin_that_ends_the_process_is_named)
{
    cr_assert_neq(check("loading /p/quitter.so\n", "3"), 0);
    cr_assert_str_eq(problems.items[0].file, "/p/quitter.so");
    cr_assert_str_eq(problems.items[0].text,
                     "plugin ended its process while it was being loaded (exited with status 3)");
}

Test(check, a_plugin_that_ends_the_process_as_if_all_were_well_is_named)
{
    cr_assert_neq(check("loading /p/quitter.so\nhello done\n", "0"), 0);
    cr_assert_eq(problems.count, 1);
    cr_assert_str_eq(problems.items[0].file, "/p/quitter.so");
}

Test(check, what_a_plugin_prints_itself_is_no_problem)
{
    cr_assert_eq(check("hello from a constructor\nproblem\nproblem\tx\nproblematic\tx\t1\ty\nno newline\ndone\n", "0"),
                 0);
}

Test(check, a_refusal_without_a_reason_is_one)
{
    cr_assert_neq(check("", "78"), 0);
    cr_assert_eq(problems.count, 1);
}

Test(check, a_flood_of_output_is_survived)
{
    size_t size = (size_t)3 << 20;
    char *flood = malloc(size + 1);
    memset(flood, 'x', size);
    memcpy(flood + size - 6, "\ndone\n", 6);
    flood[size] = '\0';
    cr_assert_eq(check(flood, "0"), 0);
    free(flood);
}

Test(check, what_is_said_before_and_after_a_flood_is_heard)
{
    static const char first[] = "problem\ta.ini\t3\tfirst\n", last[] = "\nproblem\ta.ini\t4\tlast\ndone\n";
    size_t size = (size_t)3 << 20;
    char *flood = malloc(size + 1);
    memset(flood, 'x', size);
    memcpy(flood, first, sizeof first - 1);
    memcpy(flood + size - sizeof last + 1, last, sizeof last);
    cr_assert_neq(check(flood, "78"), 0);
    free(flood);
    cr_assert_eq(problems.count, 2);
    cr_assert_str_eq(problems.items[0].text, "first");
    cr_assert_str_eq(problems.items[1].text, "last");
}

Test(check, a_program_that_cannot_be_started_is_a_problem)
{
    struct config config = {.gateway = {.name = "test",
                                        .plugin_dir = "/nonexistent",
                                        .admin = "",
                                        .admin_token = "",
                                        .control = "",
                                        .control_group = ""}};
    cr_assert_neq(supervisor_check_program(&config, "/nonexistent/leatd", &problems), 0);
    cr_assert_eq(problems.count, 1);
}
