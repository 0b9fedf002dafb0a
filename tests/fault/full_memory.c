/* No room in the channels' folder: creating is refused with -ENOSPC and leaves nothing behind, and a channel that exists never
 * dies of it. The folder is a tmpfs of 8 MiB in a mount namespace of this process. */
#include "trial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SKIPPED 77

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, text, strlen(text));
        close(fd);
    }
}

/* A namespace in which this process may mount: as root directly, otherwise by way of a user namespace. */
static int enter_namespace(void)
{
    if (unshare(CLONE_NEWNS) < 0) {
        char map[64];
        snprintf(map, sizeof map, "0 %u 1", (unsigned)getuid());
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
            return -errno;
        }
        write_text("/proc/self/uid_map", map);
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

static int leave_out(const char *why)
{
    const char *text = "fault.full_memory: left out, a small tmpfs cannot be mounted here";
    const char *list = getenv("LEAT_LEFT_OUT");
    FILE *file = list ? fopen(list, "a") : NULL;
    printf("%s (%s)\n", text, why);
    if (file) {
        fprintf(file, "%s (%s)\n", text, why);
        fclose(file);
    }
    return SKIPPED;
}

static unsigned count_files(const char *directory)
{
    unsigned count = 0;
    DIR *folder = opendir(directory);
    trial_check(folder, "%s", directory);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        count += entry->d_name[0] != '.';
        count += entry->d_name[0] == '.' && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(folder);
    return count;
}

static uint64_t free_bytes(const char *directory)
{
    struct statvfs status;
    trial_check(statvfs(directory, &status) == 0, "%s", directory);
    return (uint64_t)status.f_bfree * status.f_frsize;
}

static int create(struct leat_writer **writer, const char *directory, const char *name, uint64_t capacity)
{
    struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
    options.directory = directory;
    options.capacity_bytes = capacity;
    return leat_writer_open(writer, name, &options);
}

static void refuse_what_does_not_fit(const char *directory)
{
    struct leat_writer *writer;
    const uint64_t before = free_bytes(directory);
    for (int i = 0; i < 50; i++) {
        int error = create(&writer, directory, "big", (uint64_t)64 << 20);
        trial_check(error == -ENOSPC, "%s", leat_strerror(error));
        trial_check(strstr(leat_error_text(), "big"), "'%s' does not name the channel", leat_error_text());
        trial_check(count_files(directory) == 0, "%u files are left", count_files(directory));
    }
    trial_check(free_bytes(directory) == before, "%" PRIu64 " bytes of %" PRIu64 " are free", free_bytes(directory),
                before);
    printf("refused: %s\n", leat_error_text());
}

/* Takes all that is left of the folder. */
static void fill_up(const char *directory)
{
    static const char block[4096] = {1};
    char path[256];
    snprintf(path, sizeof path, "%s/filler", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    trial_check(fd >= 0, "%s", path);
    while (write(fd, block, sizeof block) > 0) {
    }
    trial_check(errno == ENOSPC && free_bytes(directory) == 0, "%s", strerror(errno));
    close(fd);
}

/* Every byte of a channel was reserved at its creation: all of it can be written, and read from its beginning to its end. */
static void use_all_of(struct leat_writer *writer, const char *directory)
{
    struct leat_channel_options options = LEAT_CHANNEL_OPTIONS_INIT;
    struct leat_reader_options how = LEAT_READER_OPTIONS_INIT;
    static struct trial_witness witness;
    static char buffer[512 << 10];
    struct leat_reader *reader;
    options.directory = directory;
    how.name = "durable";
    trial_check(leat_reader_open(&reader, "small", &options, &how) == 0, "%s", leat_error_text());
    witness = (struct trial_witness){.largest = 8192, .complete = true, .from_start = true};
    for (uint64_t i = 0; i < 20000; i++) {
        const uint64_t tag = trial_tag(1, i);
        const size_t len = trial_len(tag, witness.largest);
        trial_fill(buffer, len, tag);
        int error = leat_publish(writer, buffer, len, tag, 0);
        trial_check(error == 0, "message %" PRIu64 ": %s", i, leat_strerror(error));
        error = trial_witness_take(&witness, reader, i % 2 ? TRIAL_READ : TRIAL_BORROW, buffer, sizeof buffer, 0);
        trial_check(error == 0, "message %" PRIu64 ": %s", i, leat_strerror(error));
    }
    leat_reader_close(reader);
}

int main(void)
{
    char directory[] = "/tmp/leat-full-XXXXXX";
    trial_check(mkdtemp(directory), "%s", directory);
    int error = enter_namespace();
    if (error == 0 && mount("tmpfs", directory, "tmpfs", 0, "size=8m,mode=0700") < 0) {
        error = -errno;
    }
    if (error < 0) {
        rmdir(directory);
        return leave_out(strerror(-error));
    }

    struct leat_writer *writer;
    refuse_what_does_not_fit(directory);
    error = create(&writer, directory, "small", (uint64_t)1 << 20);
    trial_check(error == 0, "%s", leat_error_text());
    fill_up(directory);
    use_all_of(writer, directory);
    leat_writer_close(writer);

    umount2(directory, MNT_DETACH);
    rmdir(directory);
    return 0;
}
