/* A shared-memory folder of the test's own ($LEAT_SHM_DIR), and waiting for an event with a deadline. */
#ifndef TESTS_UNIT_SHM_FOLDER_H
#define TESTS_UNIT_SHM_FOLDER_H

#include "base/clock.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_NS (20 * NS_PER_S)

#define wait_until(condition)                                                              \
    do {                                                                                   \
        int64_t deadline_ns_ = clock_monotonic_ns() + PATIENCE_NS;                         \
        while (!(condition)) {                                                             \
            cr_assert_lt(clock_monotonic_ns(), deadline_ns_, "still not: %s", #condition); \
            nanosleep(&(struct timespec){.tv_nsec = 2 * NS_PER_MS}, NULL);                 \
        }                                                                                  \
    } while (0)

static char shm_folder[] = "/dev/shm/leat-unit-XXXXXX";

static inline void shm_folder_open(void)
{
    cr_assert_not_null(mkdtemp(shm_folder));
    setenv("LEAT_SHM_DIR", shm_folder, 1);
}

static inline size_t shm_folder_count(void)
{
    size_t count = 0;
    DIR *folder = opendir(shm_folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(folder);
    return count;
}

static inline void shm_folder_close(void)
{
    DIR *folder = opendir(shm_folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    rmdir(shm_folder);
}

#endif
