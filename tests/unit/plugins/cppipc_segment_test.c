/* One object of cpp-ipc: who makes it, who removes it, and what happens when somebody does so under us. */
#include "cppipc/fault.h"
#include "cppipc/segment.h"
#include "cppipc_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PAYLOAD 24832
#define SIZE (PAYLOAD + 4)
#define POOL (UINT64_C(10) << 20)

static char explain[256], path[512];

static void set_up(void)
{
    folder_make();
    snprintf(path, sizeof path, "%s/object", folder);
}

TestSuite(cppipc_segment, .init = set_up, .fini = folder_remove, .timeout = 60);

static int open_sized(struct segment *segment, uint64_t payload, uint32_t flags)
{
    return segment_open(segment, folder, "object", payload, 0, flags, explain, sizeof explain);
}

static struct segment opened(uint32_t flags)
{
    struct segment segment;
    int rc = open_sized(&segment, PAYLOAD, flags);
    cr_assert(rc == 0, "%d: %s", rc, explain);
    return segment;
}

static bool is_there(void)
{
    return access(path, F_OK) == 0;
}

Test(cppipc_segment, is_not_created_unless_that_is_asked_for)
{
    struct segment segment;
    cr_assert(open_sized(&segment, PAYLOAD, 0) == -ENOENT && !is_there() && segment.at == NULL);
    segment_close(&segment);
}

Test(cppipc_segment, is_created_as_the_library_does_whatever_the_umask)
{
    struct stat file;
    mode_t before = umask(077);
    struct segment segment = opened(SEGMENT_CREATE);
    umask(before);
    cr_assert(stat(path, &file) == 0 && file.st_size == SIZE && (file.st_mode & 0777) == 0666);
    cr_assert(segment.first && segment_references(&segment) == 1 && segment.size == SIZE &&
              segment.at[PAYLOAD - 1] == 0);
    segment_close(&segment);
}

Test(cppipc_segment, who_gives_back_the_last_reference_removes_the_file)
{
    struct segment first = opened(SEGMENT_CREATE), second = opened(0);
    cr_assert(!second.first && segment_references(&first) == 2);
    segment_close(&first);
    cr_assert(is_there() && segment_references(&second) == 1);
    segment_close(&second);
    segment_close(&second);
    segment_close(NULL);
    cr_assert(!is_there());
}

Test(cppipc_segment, a_look_leaves_no_trace)
{
    struct segment segment = opened(SEGMENT_CREATE), look = opened(SEGMENT_NO_COUNT), again;
    cr_assert(segment_again(&again, &segment) == 0);
    cr_assert(segment_references(&look) == 1 && segment_references(&again) == 1);
    segment.at[5] = 7;
    cr_assert(look.at[5] == 7 && again.at[5] == 7);
    segment_close(&look);
    segment_close(&again);
    cr_assert(is_there());
    segment_close(&segment);
}

Test(cppipc_segment, another_size_is_refused_and_stays_as_it_is)
{
    struct stat file;
    struct segment segment = opened(SEGMENT_CREATE), other;
    cr_assert(open_sized(&other, 20736, SEGMENT_CREATE) == -EPROTO && other.at == NULL);
    cr_assert(strstr(explain, "24836") && strstr(explain, "20740"), "%s", explain);
    cr_assert(stat(path, &file) == 0 && file.st_size == SIZE && segment_references(&segment) == 1);
    segment_close(&segment);
}

Test(cppipc_segment, an_empty_file_has_a_maker_who_is_not_done)
{
    struct segment segment;
    close(open(path, O_CREAT | O_RDWR, 0666));
    cr_assert(open_sized(&segment, PAYLOAD, 0) == -ENOENT && is_there());
    cr_assert(open_sized(&segment, PAYLOAD, SEGMENT_CREATE) == 0 && segment.first);
    segment_close(&segment);
}

Test(cppipc_segment, what_is_no_regular_file_is_refused)
{
    struct segment segment;
    cr_assert(symlink("/etc/passwd", path) == 0);
    cr_assert(open_sized(&segment, PAYLOAD, SEGMENT_CREATE) == -ELOOP && explain[0] != '\0');
    cr_assert(unlink(path) == 0 && mkfifo(path, 0666) == 0);
    cr_assert(open_sized(&segment, PAYLOAD, SEGMENT_CREATE) == -EPROTO);
    cr_assert(unlink(path) == 0 && mkdir(path, 0777) == 0);
    cr_assert(open_sized(&segment, PAYLOAD, SEGMENT_CREATE) == -EISDIR);
    rmdir(path);
}

Test(cppipc_segment, a_large_object_takes_memory_for_its_ends_only)
{
    struct stat file;
    struct segment segment, other;
    cr_assert(open_sized(&segment, POOL, SEGMENT_CREATE) == 0, "%s", explain);
    cr_assert(stat(path, &file) == 0 && file.st_size == (off_t)POOL + 4 && file.st_blocks <= 64);
    cr_assert(segment_open(&other, folder, "object", POOL, 40, 0, explain, sizeof explain) == 0, "%s", explain);
    cr_assert(other.mapped == 40 && segment_references(&other) == 2 && segment_references(&segment) == 2);
    segment_close(&other);
    segment_close(&segment);
    cr_assert(!is_there());
}

/* ---- what others do to it ---------------------------------------------------------------------------------------- */

Test(cppipc_segment, is_gone_when_the_file_was_removed_replaced_or_cut_short)
{
    struct segment segment = opened(SEGMENT_CREATE);
    cr_assert(!segment_is_gone(&segment));
    cr_assert(truncate(path, 100) == 0 && segment_is_gone(&segment));
    cr_assert(truncate(path, SIZE) == 0 && !segment_is_gone(&segment));
    cr_assert(unlink(path) == 0 && segment_is_gone(&segment));
    struct segment next = opened(SEGMENT_CREATE);
    cr_assert(segment_is_gone(&segment) && !segment_is_gone(&next));
    segment_close(&segment); /* the last reference to the old file; the new one is not touched */
    cr_assert(is_there());
    segment_close(&next);
}

Test(cppipc_segment, a_file_that_is_cut_short_reads_as_zeros)
{
    struct segment segment = opened(SEGMENT_CREATE);
    memset(segment.at, 7, PAYLOAD);
    cr_assert(truncate(path, 0) == 0);
    cr_assert(!segment_has_faulted(&segment));
    cr_assert(segment.at[0] == 0 && segment.at[PAYLOAD - 1] == 0);
    segment.at[0] = 1;
    cr_assert(segment_has_faulted(&segment) && segment_is_gone(&segment));
    cr_assert(truncate(path, SIZE) == 0 && segment_is_gone(&segment)); /* and it stays so */
    segment_close(&segment);
    cr_assert(is_there());
}

Test(cppipc_segment, the_count_of_a_large_object_may_vanish_too)
{
    struct segment segment;
    cr_assert(segment_open(&segment, folder, "object", POOL, 40, SEGMENT_CREATE, explain, sizeof explain) == 0);
    cr_assert(truncate(path, 4096) == 0);
    cr_assert(segment_references(&segment) == 0 && segment_has_faulted(&segment) && segment.at[0] == 0);
    segment_close(&segment);
    cr_assert(is_there());
}

/* How a child ends that reads beyond the end of a file which nobody watches. */
static int end_of_stranger(void)
{
    pid_t child = fork();
    if (child == 0) {
        struct segment segment;
        if (open_sized(&segment, PAYLOAD, SEGMENT_CREATE) != 0 || truncate(path, 0) != 0 || segment.at[0] != 0)
            _exit(1);
        volatile unsigned char *plain = mmap(NULL, 4096, PROT_READ, MAP_SHARED, segment.fd, 0);
        _exit(plain[0] == 0 ? 2 : 3);
    }
    int status = -1;
    cr_assert(child > 0 && waitpid(child, &status, 0) == child);
    return status;
}

Test(cppipc_segment, a_fault_anywhere_else_ends_the_process_as_ever)
{
    signal(SIGBUS, SIG_DFL);
    int status = end_of_stranger();
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "%x", status);
}

static void leave(int number)
{
    _exit(number == SIGBUS ? 42 : 1);
}

Test(cppipc_segment, a_fault_anywhere_else_goes_to_who_handled_it_before)
{
    signal(SIGBUS, leave);
    int status = end_of_stranger();
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42, "%x", status);
}

Test(cppipc_segment, a_bus_error_that_somebody_sends_is_not_answered)
{
    signal(SIGBUS, leave);
    pid_t child = fork();
    if (child == 0) {
        struct segment segment = opened(SEGMENT_CREATE);
        raise(SIGBUS);
        _exit(segment.at != NULL ? 1 : 2);
    }
    int status = -1;
    cr_assert(child > 0 && waitpid(child, &status, 0) == child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42, "%x", status);
}

/* 0: it was told that memory is short; 77: this user may not mount. */
static int open_on_full_file_system(void)
{
    struct segment segment;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, "size=16k") != 0)
        return 77;
    int small = segment_open(&segment, folder, "small", 4, 0, SEGMENT_CREATE, explain, sizeof explain);
    int large = open_sized(&segment, PAYLOAD, SEGMENT_CREATE);
    return small == 0 && large == -ENOSPC && !is_there() ? 0 : 1;
}

Test(cppipc_segment, a_full_file_system_is_an_error_and_leaves_nothing)
{
    pid_t child = fork();
    if (child == 0)
        _exit(open_on_full_file_system());
    int status = -1;
    cr_assert(child > 0 && waitpid(child, &status, 0) == child);
    if (WEXITSTATUS(status) == 77)
        cr_skip_test("needs root");
    cr_assert(status == 0, "%x", status);
}
