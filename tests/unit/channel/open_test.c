#include "channel_fixture.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(opening, .init = fixture_open, .fini = fixture_close);

static int try_writer(const char *name)
{
    struct leat_writer *writer;
    int rc = leat_writer_open(&writer, name, &options);
    if (rc == 0)
        leat_writer_close(writer);
    return rc;
}

Test(opening, names_are_letters_digits_dots_dashes_and_underscores)
{
    char longest[LEAT_NAME_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[LEAT_NAME_MAX + 1] = '\0';
    const char *bad[] = {"", ".hidden", "-x", "_x", "a/b", "../x", "a b", "a\n", "\xc3\xa4", longest};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect(try_writer(bad[i]) == -EINVAL, "'%s'", bad[i]);
        cr_expect(strstr(leat_error_text(), "no channel name") != NULL);
    }
    cr_expect(try_writer(NULL) == -EINVAL);
    const char *good[] = {"a", "0", "Quotes-1_x.y", longest + 1};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(try_writer(good[i]) == 0, "'%s'", good[i]);
}

Test(opening, a_reader_waits_for_nobody_to_create_its_channel)
{
    struct leat_reader *reader;
    cr_assert(leat_reader_open(&reader, "c", &options, NULL) == -ENOENT);
    cr_assert(strstr(leat_error_text(), "'c'") != NULL);
    options.flags = LEAT_OPEN_EXISTING;
    cr_assert(try_writer("c") == -ENOENT);
}

Test(opening, a_channel_with_other_properties_is_refused_with_the_difference)
{
    leat_writer_close(writer_on("c"));
    options.capacity_bytes *= 2;
    cr_expect(try_writer("c") == -EEXIST);
    cr_expect(strstr(leat_error_text(), "65536 bytes, 131072") != NULL, "%s", leat_error_text());
    options.capacity_bytes /= 2;
    options.policy = LEAT_BLOCK;
    cr_expect(try_writer("c") == -EEXIST);
    cr_expect(strstr(leat_error_text(), "overwrite, block") != NULL, "%s", leat_error_text());
    options.flags = LEAT_OPEN_ANY;
    cr_expect(try_writer("c") == 0);
}

Test(opening, the_capacity_is_rounded_up_to_a_power_of_two)
{
    options.capacity_bytes = 100000;
    struct leat_writer *writer = writer_on("c");
    cr_expect(leat_writer_max_message(writer) == 65536);
    leat_writer_close(writer);
    cr_expect(try_writer("c") == 0);
}

Test(opening, one_producer_excludes_a_second_while_it_lives)
{
    options.producers = LEAT_ONE;
    struct leat_writer *writer = writer_on("c");
    cr_assert(try_writer("c") == -EBUSY);
    leat_writer_close(writer);
    cr_assert(try_writer("c") == 0);
}

Test(opening, writer_slots_run_out_and_come_back)
{
    options.writer_slots = 2;
    struct leat_writer *first = writer_on("c"), *second = writer_on("c");
    cr_expect(leat_writer_origin(first) == 0);
    cr_expect(leat_writer_origin(second) == 1);
    cr_expect(try_writer("c") == -EBUSY);
    leat_writer_close(first);
    cr_expect(try_writer("c") == 0);
    leat_writer_close(second);
}

Test(opening, reader_slots_run_out_and_come_back)
{
    options.policy = LEAT_BLOCK;
    options.reader_slots = 2;
    struct leat_reader *first = reader_on("c"), *second = reader_on("c"), *third;
    cr_expect(leat_reader_open(&third, "c", &options, NULL) == -EBUSY);
    leat_reader_close(first);
    cr_expect(leat_reader_open(&third, "c", &options, NULL) == 0);
    leat_reader_close(second);
    leat_reader_close(third);
}

Test(opening, the_mode_is_what_was_asked_for_whatever_the_umask)
{
    mode_t before = umask(0077);
    options.mode = 0664;
    options.group = getegid();
    leat_writer_close(writer_on("c"));
    umask(before);
    struct stat file;
    cr_assert(stat(segment_file(), &file) == 0);
    cr_expect((file.st_mode & 07777) == 0664);
    cr_expect(file.st_gid == getegid());
}

Test(opening, a_symbolic_link_is_not_followed)
{
    leat_writer_close(writer_on("real"));
    char target[128];
    snprintf(target, sizeof target, "%s/leat.real", options.directory);
    cr_assert(symlink(target, segment_file()) == 0);
    cr_expect(try_writer("c") == -ELOOP);
}

Test(opening, what_is_no_channel_is_refused)
{
    int fd = open(segment_file(), O_CREAT | O_WRONLY, 0600);
    cr_assert(fd >= 0);
    cr_expect(try_writer("c") == LEAT_EVERSION);
    cr_assert(ftruncate(fd, 1 << 20) == 0);
    cr_expect(try_writer("c") == LEAT_EVERSION);
    close(fd);
    unlink(segment_file());
    cr_assert(mkfifo(segment_file(), 0600) == 0);
    cr_expect(try_writer("c") == LEAT_EVERSION);
    unlink(segment_file());
    cr_assert(mkdir(segment_file(), 0700) == 0);
    cr_expect(try_writer("c") < 0);
    rmdir(segment_file());
}

Test(opening, options_out_of_range_are_named)
{
    struct leat_channel_options good = options;
    options.policy = 7;
    cr_expect(try_writer("c") == -EINVAL);
    options = good, options.producers = 7;
    cr_expect(try_writer("c") == -EINVAL);
    options = good, options.reader_slots = 0;
    cr_expect(try_writer("c") == -EINVAL);
    options = good, options.writer_slots = 100000;
    cr_expect(try_writer("c") == -EINVAL);
    options = good, options.mode = 04755;
    cr_expect(try_writer("c") == -EINVAL);
    options = good, options.capacity_bytes = UINT64_MAX;
    cr_expect(try_writer("c") == -EINVAL);
    options = good, options.size = 4;
    cr_expect(try_writer("c") == -EINVAL);
    cr_expect(strstr(leat_error_text(), "LEAT_CHANNEL_OPTIONS_INIT") != NULL);
    options = good;
}

static void *open_and_publish(void *tag)
{
    struct leat_writer *writer = writer_on("c");
    unsigned char byte = (unsigned char)(uintptr_t)tag;
    cr_expect(leat_publish(writer, &byte, 1, (uint64_t)(uintptr_t)tag, PATIENCE_NS) == 0);
    leat_writer_close(writer);
    return NULL;
}

Test(opening, all_who_create_at_once_get_the_same_channel)
{
    for (int round = 0; round < 20; round++) {
        pthread_t threads[8];
        remove_channel("c");
        for (uintptr_t i = 0; i < 8; i++)
            pthread_create(&threads[i], NULL, open_and_publish, (void *)i);
        for (int i = 0; i < 8; i++)
            pthread_join(threads[i], NULL);
        struct leat_reader *reader = reader_on("c");
        struct leat_message message;
        unsigned seen = 0;
        for (int i = 0; i < 8; i++) {
            cr_assert(leat_borrow(reader, &message, 0) == 0);
            seen |= 1u << message.tag;
            cr_assert(leat_release(reader) == 0);
        }
        cr_expect(seen == 0xff);
        leat_reader_close(reader);
    }
}

Test(opening, a_full_file_system_is_told_and_nothing_is_left_behind)
{
    if (geteuid() != 0 || mount("leat", options.directory, "tmpfs", 0, "size=512k") != 0) {
        cr_log_warn("left out: cannot mount a small tmpfs here");
        return;
    }
    options.capacity_bytes = 1 << 20;
    cr_expect(try_writer("c") == -ENOSPC);
    cr_expect(strstr(leat_error_text(), "cannot be reserved") != NULL, "%s", leat_error_text());
    cr_expect(access(segment_file(), F_OK) != 0);
    options.capacity_bytes = LEAT_CAPACITY_MIN; /* the room that was tried for is free again */
    cr_expect(try_writer("c") == 0);
    umount(options.directory);
}

static void read_as_nobody(void *unused)
{
    (void)unused;
    struct leat_reader *reader;
    struct leat_message message;
    char text[64];
    if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
        _exit(9);
    if (leat_reader_open(&reader, "c", &options, NULL) != 0)
        _exit(1);
    if (leat_read(reader, text, sizeof text, &message, PATIENCE_NS) != 0 || memcmp(text, "first", 5) != 0)
        _exit(2);
    if (leat_read(reader, text, sizeof text, &message, PATIENCE_NS) != 0 || memcmp(text, "second", 6) != 0)
        _exit(3);
    if (leat_read(reader, text, sizeof text, &message, 20 * MS_NS) != LEAT_ETIMEDOUT)
        _exit(4);
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    struct leat_reader *durable;
    how.name = "me";
    if (leat_reader_open(&durable, "c", &options, &how) != -EACCES)
        _exit(5);
    struct leat_writer *writer;
    if (leat_writer_open(&writer, "c", &options) != -EACCES)
        _exit(6);
    leat_reader_close(reader);
}

Test(opening, an_overwrite_channel_can_be_read_without_write_permission)
{
    if (geteuid() != 0) {
        cr_log_warn("left out: needs root to become somebody else");
        return;
    }
    cr_assert(chmod(options.directory, 0755) == 0);
    options.mode = 0644;
    struct leat_writer *writer = writer_on("c");
    cr_assert(leat_publish(writer, "first", 5, 0, 0) == 0);
    pid_t child = start_child(read_as_nobody, NULL);
    cr_assert(leat_publish(writer, "second", 6, 0, 0) == 0);
    int status = wait_child(child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
    leat_writer_close(writer);
}

static void be_refused_as_nobody(void *unused)
{
    (void)unused;
    struct leat_reader *reader;
    if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
        _exit(9);
    _exit(leat_reader_open(&reader, "c", &options, NULL) == -EACCES ? 0 : 1);
}

Test(opening, permissions_are_the_kernels)
{
    if (geteuid() != 0) {
        cr_log_warn("left out: needs root to become somebody else");
        return;
    }
    cr_assert(chmod(options.directory, 0755) == 0);
    leat_writer_close(writer_on("c")); /* 0600 */
    cr_expect(in_child(be_refused_as_nobody, NULL) == 0);
    use_kind(LEAT_BLOCK, LEAT_MANY); /* its readers hold writers back, so they must be able to write */
    options.mode = 0644;
    leat_writer_close(writer_on("c"));
    cr_expect(in_child(be_refused_as_nobody, NULL) == 0);
}

Test(opening, a_forked_child_does_not_keep_its_parents_lease_alive)
{
    options.producers = LEAT_ONE;
    struct leat_writer *writer = writer_on("c");
    int gate[2];
    cr_assert(pipe(gate) == 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(gate[1]);
        (void)!read(gate[0], &byte, 1);
        _exit(0);
    }
    leat_writer_close(writer);
    cr_expect(try_writer("c") == 0);
    close(gate[0]);
    close(gate[1]);
    wait_child(child);
}

Test(opening, a_forked_child_that_closes_its_parents_handles_changes_nothing)
{
    use_kind(LEAT_BLOCK, LEAT_MANY);
    struct leat_writer *writer = writer_on("c");
    struct leat_reader *reader = reader_on("c");
    void *data;
    cr_assert(leat_claim(writer, 100, &data, 0) == 0);
    pid_t child = fork();
    if (child == 0) {
        leat_writer_close(writer);
        leat_reader_close(reader);
        _exit(0);
    }
    cr_expect(wait_child(child) == 0);
    fill(data, 100, 1);
    cr_expect(leat_commit(writer, 100, 1) == 0);
    cr_expect(must_get(reader).tag == 1);
    struct leat_channel_info info = {.size = sizeof info};
    cr_expect(leat_channel_inspect(options.directory, "c", &info, NULL, 0) == 1);
    cr_expect(info.writers_alive == 1 && info.readers_alive == 1);
    leat_writer_close(writer);
    leat_reader_close(reader);
}

Test(opening, every_error_has_words)
{
    for (int error = -200; error <= 1; error++)
        cr_expect(leat_strerror(error) != NULL && leat_strerror(error)[0] != '\0');
    cr_expect(strcmp(leat_strerror(-EACCES), "Permission denied") == 0);
}
