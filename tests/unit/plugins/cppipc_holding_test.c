/* What a killed process of ours held of a channel is found by its successor, and what somebody else has now is not. */
#include "cppipc/holding.h"
#include "cppipc_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ROLE "reader.edge-1.quotes"
#define BIT 4u

static struct handle handle;
static struct cppipc_where where;

static void set_up(void)
{
    folder_make();
    where = folder_where();
    folder_open_handle(&handle);
}

static void tear_down(void)
{
    handle_close(&handle);
    folder_remove();
}

TestSuite(cppipc_holding, .init = set_up, .fini = tear_down, .timeout = 60);

static void fill(struct holding_record *record)
{
    record->device = handle.objects[CPPIPC_RING].device;
    record->inode = handle.objects[CPPIPC_RING].inode;
    record->epoch = handle.ring->epoch;
    record->bit = BIT;
    record->sender = 1;
    record->cursor = handle.ring->write;
}

/* A process that connects, and is killed. */
static void predecessor(void)
{
    pid_t child = fork();
    if (child == 0) {
        struct holding holding;
        if (holding_open(&holding, &where, ROLE) != 0)
            _exit(1);
        fill(holding.record);
        _exit(0);
    }
    int status = -1;
    cr_assert(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    handle.ring->connected |= BIT;
    handle.ring->sender = 1;
}

static struct holding successor(void)
{
    struct holding holding;
    cr_assert(holding_open(&holding, &where, ROLE) == 0);
    return holding;
}

/* Messages that those who are connected have not read. */
static void push(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        handle.ring->slots[handle.ring->write++ % CPPIPC_SLOTS].readers = handle.ring->connected;
}

static bool left_bit(void)
{
    struct holding holding = successor();
    bool left = holding_left_bit(&holding, &handle);
    holding_close(&holding, false);
    return left;
}

Test(cppipc_holding, nothing_was_left_at_first)
{
    struct holding holding = successor();
    cr_assert(holding.left.magic == 0 && !holding_left_bit(&holding, &handle) &&
              !holding_left_sender(&holding, &handle));
    holding_close(&holding, true);
}

Test(cppipc_holding, a_successor_finds_the_bit_and_the_flag_of_the_dead)
{
    predecessor();
    push(10);
    struct holding holding = successor();
    cr_assert(holding_left_bit(&holding, &handle) && holding_left_sender(&holding, &handle));
    cr_assert(holding.left.bit == BIT && holding.left.cursor == 0);
    holding_close(&holding, false);
}

Test(cppipc_holding, a_clean_end_leaves_nothing)
{
    predecessor();
    struct holding holding = successor();
    holding_close(&holding, true);
    cr_assert(!left_bit());
    cr_assert(folder_remove_files("leat-cppipc.") == 1);
}

Test(cppipc_holding, a_live_holder_keeps_others_out)
{
    struct holding first = successor(), second;
    cr_assert(holding_open(&second, &where, ROLE) == -EBUSY);
    holding_close(&first, false);
    cr_assert(holding_open(&second, &where, ROLE) == 0);
    holding_close(&second, true);
}

Test(cppipc_holding, a_bit_that_was_taken_away_is_not_ours)
{
    predecessor();
    handle.ring->connected &= ~BIT;
    cr_assert(!left_bit());
}

Test(cppipc_holding, after_a_forced_push_the_bit_may_be_anybodys)
{
    predecessor();
    handle.ring->epoch += UINT64_C(1) << 32;
    cr_assert(!left_bit());
}

Test(cppipc_holding, after_more_than_a_lap_the_bit_may_be_anybodys)
{
    predecessor();
    push(CPPIPC_SLOTS);
    cr_assert(left_bit());
    push(2); /* it was full, and went on: somebody has taken the bit away */
    cr_assert(!left_bit());
}

Test(cppipc_holding, a_bit_that_somebody_reads_with_is_theirs)
{
    predecessor();
    push(20);
    handle.ring->slots[0].readers = 0; /* read by the dead, which had no time to write it down */
    cr_assert(left_bit());
    handle.ring->slots[10].readers = 0;
    cr_assert(!left_bit());
}

Test(cppipc_holding, another_ring_of_the_same_name_is_another)
{
    predecessor();
    struct holding holding = successor();
    struct handle other = handle;
    other.objects[CPPIPC_RING].inode++;
    cr_assert(!holding_left_bit(&holding, &other) && !holding_left_sender(&holding, &other));
    holding_close(&holding, true);
}

Test(cppipc_holding, a_record_that_makes_no_sense_is_ignored)
{
    predecessor();
    struct holding holding = successor();
    holding.record->bit = 3;
    holding.record->sender = 7;
    holding_close(&holding, false);
    holding = successor();
    cr_assert(!holding_left_bit(&holding, &handle) && !holding_left_sender(&holding, &handle));
    holding.record->magic = 1;
    holding_close(&holding, false);
    holding = successor();
    cr_assert(holding.left.magic == 0);
    holding_close(&holding, true);
}

/* The path of the one file of ours. */
static void find_file(char path[512])
{
    DIR *opened = opendir(folder);
    path[0] = '\0';
    for (const struct dirent *entry; opened && (entry = readdir(opened));)
        if (strncmp(entry->d_name, "leat-cppipc.", 12) == 0)
            snprintf(path, 512, "%s/%s", folder, entry->d_name);
    closedir(opened);
    cr_assert(path[0] != '\0');
}

static int try_to_open(void)
{
    struct holding holding;
    int rc = holding_open(&holding, &where, ROLE);
    if (rc == 0)
        holding_close(&holding, false);
    return rc;
}

Test(cppipc_holding, what_is_not_plainly_ours_is_refused)
{
    char path[512];
    cr_assert(try_to_open() == 0);
    find_file(path);
    cr_assert(chmod(path, 0644) == 0 && try_to_open() == -EPERM);
    cr_assert(chmod(path, 0600) == 0 && truncate(path, 4096) == 0 && try_to_open() == -EPERM);
    cr_assert(unlink(path) == 0 && symlink("/etc/passwd", path) == 0 && try_to_open() == -EPERM);
    cr_assert(unlink(path) == 0 && mkfifo(path, 0600) == 0 && try_to_open() == -EPERM);
    cr_assert(unlink(path) == 0 && mkdir(path, 0700) == 0 && try_to_open() == -EPERM);
    rmdir(path);
}

/* However long and strange, a name is one file in the folder, and different ones are different files. */
Test(cppipc_holding, names_of_any_length_and_letters_have_a_file_each)
{
    char name[2][201];
    struct holding holding[5];
    memset(name, 'x', sizeof name);
    name[0][200] = name[1][200] = '\0';
    name[1][199] = 'y';
    const struct cppipc_where wheres[5] = {
        {folder, "", name[0]}, {folder, "", name[1]}, {folder, "a", "b"}, {folder, "", "ab"}, {folder, "", "\xff \n%"}};
    for (unsigned i = 0; i < 5; i++)
        cr_assert(holding_open(&holding[i], &wheres[i], "reader.gate/../way.bridge") == 0, "%u", i);
    for (unsigned i = 0; i < 5; i++)
        holding_close(&holding[i], false);
    cr_assert(folder_remove_files("leat-cppipc.") == 5);
}
