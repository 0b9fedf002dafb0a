/* Chunk pools, in a folder of their own. */
#include "cppipc/pool.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[64];
static struct pools pools;
static struct pool *pool;

static void set_up(void)
{
    snprintf(folder, sizeof folder, "/dev/shm/leat-pool-XXXXXX");
    cr_assert(mkdtemp(folder));
    pools_init(&pools, (struct cppipc_where){folder, "p", "name"});
}

static unsigned remove_files(void)
{
    DIR *directory = opendir(folder);
    unsigned files = 0;
    for (const struct dirent *entry; (entry = readdir(directory));)
        files += unlinkat(dirfd(directory), entry->d_name, 0) == 0;
    closedir(directory);
    return files;
}

static void tear_down(void)
{
    pools_close(&pools);
    cr_expect(remove_files() == 0, "the last one removes the file");
    rmdir(folder);
}

TestSuite(cppipc_pool, .init = set_up, .fini = tear_down);

static void create(uint64_t len)
{
    cr_assert(pools_find(&pools, len, true, &pool) == 0);
}

static void path_of(char path[256], uint64_t class_bytes)
{
    snprintf(path, 256, "%s/p__IPC_SHM__CHUNK_INFO__%llu", folder, (unsigned long long)class_bytes);
}

static struct cppipc_pool *head(void)
{
    return (struct cppipc_pool *)(void *)pool->segment.at;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

Test(cppipc_pool, a_reader_creates_none)
{
    cr_assert(pools_find(&pools, 100, false, &pool) == -ENOENT);
    cr_assert(pools_find(&pools, 0, false, &pool) == -EINVAL);
    cr_assert(pools_find(&pools, CPPIPC_MESSAGE_MAX + 1, true, &pool) == -EINVAL);
}

Test(cppipc_pool, a_class_has_the_name_and_the_size_that_the_library_gives_it)
{
    static const struct {
        uint64_t len, class_bytes, file_bytes;
    } classes[] = {{65, 1024, 32812}, {1008, 1024, 32812}, {1009, 2048, 65580}, {1 << 20, 1049600, 33587244}};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        char path[256];
        struct stat file;
        create(classes[i].len);
        path_of(path, classes[i].class_bytes);
        cr_expect(stat(path, &file) == 0 && (uint64_t)file.st_size == classes[i].file_bytes, "%s", path);
        cr_expect(file.st_blocks < 300, "a hole, and not memory");
    }
}

Test(cppipc_pool, thirty_two_chunks_come_and_go)
{
    uint32_t seen = 0;
    create(100);
    for (uint32_t i = 0; i < CPPIPC_CHUNKS; i++) {
        uint32_t chunk = pool_acquire(pool, 5);
        cr_assert(chunk < CPPIPC_CHUNKS && pool_readers(pool, chunk) == 5);
        seen |= UINT32_C(1) << chunk;
    }
    cr_assert(seen == UINT32_MAX && pool_acquire(pool, 1) == POOL_NONE);
    cr_assert(pool_release(pool, 17) && pool_acquire(pool, 1) == 17);
    cr_assert(pool_acquire(pool, 1) == POOL_NONE);
}

Test(cppipc_pool, a_chunk_that_is_free_is_not_put_back_again)
{
    create(100);
    uint32_t chunk = pool_acquire(pool, 1);
    cr_assert(pool_release(pool, chunk) && pool_release(pool, chunk) && pool_release(pool, 99));
    cr_assert(pool_acquire(pool, 1) == chunk);
    cr_assert(pool_acquire(pool, 1) != chunk);
}

Test(cppipc_pool, the_last_one_who_leaves_is_told)
{
    create(100);
    uint32_t chunk = pool_acquire(pool, 7);
    cr_expect(!pool_leave(pool, chunk, 1));
    cr_expect(!pool_leave(pool, chunk, 1));
    cr_expect(!pool_leave(pool, chunk, 8));
    cr_expect(pool_leave(pool, chunk, 6 | 8));
    cr_expect(!pool_leave(pool, chunk, 6), "once");
    cr_expect(!pool_leave(pool, 32, 1));
    pool_mark(pool, chunk, 9);
    cr_expect(pool_readers(pool, chunk) == 9);
}

Test(cppipc_pool, what_is_written_can_be_read)
{
    static char in[1008], out[1008];
    create(1008);
    uint32_t chunk = pool_acquire(pool, 1);
    memset(in, 'x', sizeof in);
    cr_assert(pool_write(pool, chunk, in, sizeof in) == 0);
    cr_assert(pool_read(pool, chunk, out, sizeof out) == 0 && memcmp(in, out, sizeof in) == 0);
    cr_assert(pool_readers(pool, chunk) == 1 && pool_readers(pool, chunk + 1) == 0);
    cr_assert(pool_read(pool, 32, out, 1) == -EBADMSG && pool_write(pool, UINT32_MAX, in, 1) == -EBADMSG);
    cr_assert(pool_read(pool, chunk, out, 1009) == -EBADMSG && pool_write(pool, 31, in, 1009) == -EBADMSG);
}

Test(cppipc_pool, a_file_that_was_cut_short_is_no_fault)
{
    char path[256], byte;
    create(5000);
    uint32_t chunk = pool_acquire(pool, 1);
    path_of(path, pool->class_bytes);
    cr_assert(truncate(path, 0) == 0);
    cr_assert(pool_read(pool, chunk, &byte, 1) == -EBADMSG);
    cr_assert(pool_readers(pool, chunk) == 0);
    cr_assert(!pool_leave(pool, chunk, 1));
    remove_files();
}

Test(cppipc_pool, a_list_that_goes_in_circles_does_not_hang_us, .timeout = 10)
{
    create(100);
    pool_acquire(pool, 1);
    for (uint32_t i = 0; i < CPPIPC_CHUNKS; i++)
        head()->next[i] = (uint8_t)((i + 1) % 2);
    head()->head = 1;
    cr_assert(pool_release(pool, 20));
    for (int i = 0; i < 100; i++)
        pool_acquire(pool, 1);
    memset(head()->next, 0xff, sizeof head()->next);
    head()->head = 200;
    cr_assert(pool_acquire(pool, 1) == POOL_NONE);
    head()->head = 3;
    cr_assert(pool_acquire(pool, 1) == 3 && pool_acquire(pool, 1) == POOL_NONE);
}

Test(cppipc_pool, a_lock_that_a_dead_one_holds_costs_some_ms_and_then_nothing, .timeout = 10)
{
    create(100);
    uint32_t chunk = pool_acquire(pool, 1);
    atomic_store(&head()->lock, 1);
    uint64_t begun = now_ms();
    for (int i = 0; i < 1000; i++)
        cr_assert(pool_acquire(pool, 1) == POOL_NONE && !pool_release(pool, chunk));
    cr_assert(now_ms() - begun < 500);
    atomic_store(&head()->lock, 0);
    cr_assert(pool_release(pool, chunk));
}

Test(cppipc_pool, what_was_removed_is_looked_for_again)
{
    create(100);
    cr_assert(remove_files() == 1);
    uint64_t until = now_ms() + 2000;
    int found = 0;
    while (found == 0 && now_ms() < until) {
        usleep(10000);
        found = pools_find(&pools, 100, false, &pool);
    }
    cr_assert(found == -ENOENT);
}

Test(cppipc_pool, more_classes_than_are_kept_open_can_be_used)
{
    struct pools other;
    for (uint64_t i = 1; i <= POOLS_OPEN + 10; i++) {
        create(i * 1024);
        cr_assert(pool_acquire(pool, 1) == 0, "%u", (unsigned)i);
    }
    pools_init(&other, pools.where);
    pools_open_all(&other);
    size_t open = 0;
    for (size_t i = 0; i < POOLS_OPEN; i++)
        open += other.items[i] != NULL;
    pools_close(&other);
    cr_assert(open == POOLS_OPEN);
}
