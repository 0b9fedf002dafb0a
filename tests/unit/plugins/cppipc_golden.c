#include "cppipc_golden.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

char golden_folder[64];

void golden_set_up(void)
{
    strcpy(golden_folder, "/dev/shm/leat-golden-XXXXXX");
    cr_assert(mkdtemp(golden_folder));
}

static void each_file(void (*act)(const char *file))
{
    DIR *folder = opendir(golden_folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            act(entry->d_name);
    closedir(folder);
}

static void remove_file(const char *file)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", golden_folder, file);
    unlink(path);
}

void golden_tear_down(void)
{
    if (!golden_folder[0])
        return;
    each_file(remove_file);
    rmdir(golden_folder);
    golden_folder[0] = '\0';
}

static size_t counted;

static void count_file(const char *file)
{
    (void)file;
    counted++;
}

size_t golden_count(void)
{
    counted = 0;
    each_file(count_file);
    return counted;
}

/* ---- bytes --------------------------------------------------------------------------------------------------------- */

uint32_t get32(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}

uint64_t get64(const unsigned char *at)
{
    uint64_t value;
    memcpy(&value, at, 8);
    return value;
}

void put32(unsigned char *at, uint32_t value)
{
    __atomic_store_n((uint32_t *)(void *)at, value, __ATOMIC_SEQ_CST);
}

void put64(unsigned char *at, uint64_t value)
{
    __atomic_store_n((uint64_t *)(void *)at, value, __ATOMIC_SEQ_CST);
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

static int open_file(const char *file, int flags)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", golden_folder, file);
    return open(path, flags | O_RDWR | O_CLOEXEC, 0666);
}

size_t golden_size(const char *file)
{
    struct stat status;
    int fd = open_file(file, 0);
    cr_assert(fd >= 0, "there is no %s", file);
    cr_assert(fstat(fd, &status) == 0);
    close(fd);
    return (size_t)status.st_size;
}

unsigned char *golden_file(const char *file)
{
    size_t size = golden_size(file);
    int fd = open_file(file, 0);
    unsigned char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    cr_assert(at != MAP_FAILED);
    close(fd);
    return at;
}

int32_t golden_references(const char *file)
{
    return (int32_t)get32(golden_file(file) + golden_size(file) - 4);
}

static unsigned char *make(const char *file, size_t size)
{
    int fd = open_file(file, O_CREAT | O_EXCL);
    cr_assert(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "%s", file);
    close(fd);
    unsigned char *at = golden_file(file);
    put32(at + size - 4, 1);
    return at;
}

void golden_make(const char *prefix, const char *name, const char *ring)
{
    static const struct {
        const char *before, *after;
        size_t size;
    } files[] = {
        {"__IPC_SHM__CC_CONN__", "_WAITER_COND_", 8},
        {"__IPC_SHM__CC_CONN__", "_WAITER_LOCK_", 28},
        {"__IPC_SHM__WT_CONN__", "_WAITER_COND_", 8},
        {"__IPC_SHM__WT_CONN__", "_WAITER_LOCK_", 28},
        {"__IPC_SHM__RD_CONN__", "_WAITER_COND_", 8},
        {"__IPC_SHM__RD_CONN__", "_WAITER_LOCK_", 28},
        {"__IPC_SHM__AC_CONN__", "", 8},
    };
    char file[256];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(file, sizeof file, "%s%s%s%s", prefix, files[i].before, name, files[i].after);
        make(file, files[i].size);
    }
    snprintf(file, sizeof file, "%s__IPC_SHM__CA_CONN__", prefix);
    put32(make(file, 8), 41); /* so many handles were there before */
    unsigned char *at = make(ring, GOLDEN_RING);
    at[AT_CONSTRUCTED] = 1;
    put32(at + AT_CONNECTED, 1);
}

void golden_make_pool(const char *prefix)
{
    char file[256];
    snprintf(file, sizeof file, "%s__IPC_SHM__CHUNK_INFO__1024", prefix);
    unsigned char *at = make(file, GOLDEN_POOL_1024);
    for (unsigned i = 0; i < 32; i++)
        at[i] = (unsigned char)(i + 1);
    at[AT_FREE] = 2;
    at[AT_PREPARED] = 1;
}
