#include "pool.h"

#include "offsets.h"
#include "point.h"

#include <sched.h>
#include <stdio.h>
#include <time.h>

struct pool *pools_find(struct pools *pools, size_t message)
{
    size_t chunk = chunk_bytes(message);
    for (unsigned i = 0; i < pools->count; i++)
        if (pools->items[i].chunk == chunk)
            return &pools->items[i];
    char file[400];
    snprintf(file, sizeof file, "%s__IPC_SHM__CHUNK_INFO__%zu", pools->prefix, chunk);
    struct pool *pool = &pools->items[pools->count];
    if (pools->count == POOLS_MAX ||
        !object_open(&pool->object, pools->directory, file, POOL_CHUNKS + CHUNK_COUNT * chunk, pools->open_to_all))
        return NULL;
    pool->chunk = chunk;
    pools->count++;
    return pool;
}

void pools_close(struct pools *pools)
{
    while (pools->count)
        object_close(&pools->items[--pools->count].object);
}

static void spin_lock(const struct pool *pool)
{
    static const struct timespec nap = {0, 1000000};
    for (unsigned turn = 0; atomic_exchange(u32_at(&pool->object, POOL_LOCK), 1); turn++)
        if (turn < 32)
            sched_yield();
        else
            nanosleep(&nap, NULL);
    point_pass("pool-lock");
}

static void spin_unlock(const struct pool *pool)
{
    atomic_store(u32_at(&pool->object, POOL_LOCK), 0);
}

static bool is_untouched(const unsigned char *list)
{
    unsigned sum = 0;
    for (unsigned i = 0; i <= POOL_PREPARED; i++)
        sum |= list[i];
    return sum == 0;
}

int32_t pool_take(const struct pool *pool, uint32_t readers)
{
    unsigned char *list = pool->object.at;
    spin_lock(pool);
    if (is_untouched(list))
        for (unsigned i = 0; i < CHUNK_COUNT; i++)
            list[i] = (unsigned char)(i + 1);
    list[POOL_PREPARED] = 1;
    int32_t chunk = list[POOL_HEAD] == CHUNK_COUNT ? -1 : list[POOL_HEAD];
    if (chunk >= 0)
        list[POOL_HEAD] = list[chunk];
    spin_unlock(pool);
    if (chunk >= 0)
        atomic_store(u32_at(&pool->object, POOL_CHUNKS + pool->chunk * (size_t)chunk + CHUNK_READERS), readers);
    return chunk;
}

void pool_put_back(const struct pool *pool, int32_t chunk)
{
    unsigned char *list = pool->object.at;
    if (chunk < 0)
        return;
    spin_lock(pool);
    list[chunk] = list[POOL_HEAD];
    list[POOL_HEAD] = (unsigned char)chunk;
    spin_unlock(pool);
}

void pool_leave(const struct pool *pool, int32_t chunk, uint32_t stay)
{
    if (chunk < 0)
        return;
    size_t mask = POOL_CHUNKS + pool->chunk * (size_t)chunk + CHUNK_READERS;
    if ((atomic_fetch_and(u32_at(&pool->object, mask), stay) & stay) == 0)
        pool_put_back(pool, chunk);
}

unsigned char *pool_data(const struct pool *pool, int32_t chunk)
{
    return chunk < 0 ? NULL : pool->object.at + POOL_CHUNKS + pool->chunk * (size_t)chunk + CHUNK_DATA;
}
