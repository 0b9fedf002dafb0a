#include "cppipc/pool.h"

#include "cppipc/clock.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_NS (100 * NS_PER_MS)       /* a file is looked for no oftener */
#define LOCK_NS (2 * NS_PER_MS)         /* as long as a lane waits for a pool's lock */
#define IMPATIENT_NS (1000 * NS_PER_MS) /* after that it does not wait again for so long: its holder is probably dead */
#define LOCK_SPINS 64u
#define NO_CHUNK CPPIPC_CHUNKS /* where a free list ends */

static struct cppipc_pool *head_of(const struct pool *pool)
{
    return (struct cppipc_pool *)(void *)pool->segment.at;
}

static uint64_t offset_of(const struct pool *pool, uint32_t chunk)
{
    return sizeof(struct cppipc_pool) + chunk * pool->class_bytes;
}

static _Atomic uint32_t *mask_of(const struct pool *pool, uint32_t chunk)
{
    return (_Atomic uint32_t *)(void *)(pool->segment.at + offset_of(pool, chunk));
}

/* ---- the pools of one end ------------------------------------------------------------------------------------------- */

void pools_init(struct pools *pools, struct cppipc_where where)
{
    *pools = (struct pools){.where = where};
}

static void let_go(struct pool **item)
{
    if (*item)
        segment_close(&(*item)->segment);
    free(*item);
    *item = NULL;
}

void pools_close(struct pools *pools)
{
    for (size_t i = 0; i < POOLS_OPEN; i++)
        let_go(&pools->items[i]);
}

/* The item of a class, or else the one to use for it: an empty one, or the one that was used least recently. */
static struct pool **find(struct pools *pools, uint64_t class_bytes)
{
    struct pool **best = &pools->items[0];
    for (size_t i = 0; i < POOLS_OPEN; i++) {
        struct pool **item = &pools->items[i];
        if (*item && (*item)->class_bytes == class_bytes)
            return item;
        if (*best && (!*item || (*item)->used < (*best)->used))
            best = item;
    }
    return best;
}

static int open_class(struct pools *pools, uint64_t class_bytes, bool create, struct pool **out)
{
    char file[CPPIPC_FILE_MAX], explain[256];
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return -ENOMEM;
    cppipc_pool_file(file, &pools->where, class_bytes);
    int error = segment_open(&pool->segment, pools->where.directory, file, cppipc_pool_bytes(class_bytes), 0,
                             create ? SEGMENT_CREATE : 0, explain, sizeof explain);
    if (error) {
        free(pool);
        return error;
    }
    pool->class_bytes = class_bytes;
    pool->seen_ns = monotonic_ns();
    *out = pool;
    return 0;
}

/* What was removed under us reaches nobody; a new one may be there. */
static bool is_stale(struct pool *pool)
{
    int64_t now = monotonic_ns();
    if (now - pool->seen_ns < LOOK_NS)
        return false;
    pool->seen_ns = now;
    return segment_is_gone(&pool->segment);
}

int pools_find(struct pools *pools, uint64_t len, bool create, struct pool **pool)
{
    if (len == 0 || len > CPPIPC_MESSAGE_MAX)
        return -EINVAL;
    uint64_t class_bytes = cppipc_class_bytes(len);
    struct pool **item = find(pools, class_bytes);
    if (*item && ((*item)->class_bytes != class_bytes || is_stale(*item)))
        let_go(item);
    int error = *item ? 0 : open_class(pools, class_bytes, create, item);
    if (error)
        return error;
    (*item)->used = ++pools->clock;
    *pool = *item;
    return 0;
}

/* The class whose file this is; 0: it is none. */
static uint64_t class_of(const struct pools *pools, const char *file)
{
    char expected[CPPIPC_FILE_MAX];
    size_t len = strlen(file);
    while (len > 0 && file[len - 1] >= '0' && file[len - 1] <= '9')
        len--;
    uint64_t class_bytes = strtoull(file + len, NULL, 10);
    if (class_bytes == 0 || class_bytes % 1024 != 0 || class_bytes > cppipc_class_bytes(CPPIPC_MESSAGE_MAX))
        return 0;
    cppipc_pool_file(expected, &pools->where, class_bytes);
    return strcmp(file, expected) == 0 ? class_bytes : 0;
}

void pools_open_all(struct pools *pools)
{
    DIR *directory = opendir(pools->where.directory);
    unsigned opened = 0;
    if (!directory)
        return;
    for (const struct dirent *entry; opened < POOLS_OPEN && (entry = readdir(directory));) {
        struct pool *pool;
        uint64_t class_bytes = class_of(pools, entry->d_name);
        if (class_bytes && pools_find(pools, class_bytes - CPPIPC_CHUNK_HEADER, false, &pool) == 0)
            opened++;
    }
    closedir(directory);
}

/* ---- the free list -------------------------------------------------------------------------------------------------- */

static bool try_lock(struct cppipc_pool *head)
{
    return atomic_load_explicit(&head->lock, memory_order_relaxed) == 0 &&
           atomic_exchange_explicit(&head->lock, 1, memory_order_acquire) == 0;
}

/* Held for some ns by the living, for ever by the dead. */
static bool lock(struct pool *pool)
{
    struct cppipc_pool *head = head_of(pool);
    for (unsigned spins = 0; spins < LOCK_SPINS; spins++)
        if (try_lock(head))
            return true;
    int64_t now = monotonic_ns(), end = now + LOCK_NS;
    if (now < pool->patient_ns)
        return false;
    for (; now < end; now = monotonic_ns()) {
        if (try_lock(head))
            return true;
        sched_yield();
    }
    pool->patient_ns = now + IMPATIENT_NS;
    return false;
}

static void unlock(struct pool *pool)
{
    atomic_store_explicit(&head_of(pool)->lock, 0, memory_order_release);
}

/* Whoever comes first makes the list, in a file that is all zeros. */
static void prepare(struct cppipc_pool *head)
{
    bool zero = head->head == 0;
    if (head->prepared)
        return;
    for (uint32_t i = 0; i < CPPIPC_CHUNKS; i++)
        zero &= head->next[i] == 0;
    for (uint32_t i = 0; zero && i < CPPIPC_CHUNKS; i++)
        head->next[i] = (uint8_t)(i + 1);
    head->prepared = 1;
}

static uint32_t pop(struct cppipc_pool *head)
{
    uint32_t chunk = head->head;
    if (chunk >= CPPIPC_CHUNKS)
        return POOL_NONE;
    uint8_t next = head->next[chunk];
    head->head = next <= NO_CHUNK ? next : NO_CHUNK;
    return chunk;
}

/* Bounded: a list may go in circles. */
static bool is_listed(const struct cppipc_pool *head, uint32_t chunk)
{
    uint32_t at = head->head;
    for (uint32_t steps = 0; steps < CPPIPC_CHUNKS && at < CPPIPC_CHUNKS; steps++) {
        if (at == chunk)
            return true;
        at = head->next[at];
    }
    return false;
}

uint32_t pool_acquire(struct pool *pool, uint32_t readers)
{
    if (!lock(pool))
        return POOL_NONE;
    prepare(head_of(pool));
    uint32_t chunk = pop(head_of(pool));
    unlock(pool);
    if (chunk == POOL_NONE)
        return POOL_NONE;
    /* Its page may be a hole: a full file system then says so here, and not as a SIGBUS below. */
    if (pwrite(pool->segment.fd, &readers, sizeof readers, (off_t)offset_of(pool, chunk)) != (ssize_t)sizeof readers) {
        pool_release(pool, chunk);
        return POOL_NONE;
    }
    return chunk;
}

bool pool_release(struct pool *pool, uint32_t chunk)
{
    struct cppipc_pool *head = head_of(pool);
    if (chunk >= CPPIPC_CHUNKS)
        return true;
    if (!lock(pool))
        return false;
    if (!is_listed(head, chunk)) {
        head->next[chunk] = head->head;
        head->head = (uint8_t)chunk;
    }
    unlock(pool);
    return true;
}

/* ---- one chunk ------------------------------------------------------------------------------------------------------ */

void pool_mark(struct pool *pool, uint32_t chunk, uint32_t readers)
{
    if (chunk < CPPIPC_CHUNKS)
        atomic_store_explicit(mask_of(pool, chunk), readers, memory_order_release);
}

uint32_t pool_readers(const struct pool *pool, uint32_t chunk)
{
    return chunk < CPPIPC_CHUNKS ? atomic_load_explicit(mask_of(pool, chunk), memory_order_acquire) : 0;
}

bool pool_leave(struct pool *pool, uint32_t chunk, uint32_t readers)
{
    if (chunk >= CPPIPC_CHUNKS)
        return false;
    uint32_t before = atomic_fetch_and_explicit(mask_of(pool, chunk), ~readers, memory_order_acq_rel);
    return (before & readers) != 0 && (before & ~readers) == 0;
}

static bool fits(const struct pool *pool, uint32_t chunk, uint64_t len)
{
    return chunk < CPPIPC_CHUNKS && len <= pool->class_bytes - CPPIPC_CHUNK_HEADER;
}

int pool_read(const struct pool *pool, uint32_t chunk, void *data, uint64_t len)
{
    uint64_t from = offset_of(pool, chunk) + CPPIPC_CHUNK_HEADER;
    if (!fits(pool, chunk, len))
        return -EBADMSG;
    for (uint64_t done = 0; done < len;) {
        ssize_t count = pread(pool->segment.fd, (char *)data + done, len - done, (off_t)(from + done));
        if (count == 0 || (count < 0 && errno != EINTR))
            return -EBADMSG;
        done += count > 0 ? (uint64_t)count : 0;
    }
    return 0;
}

int pool_write(const struct pool *pool, uint32_t chunk, const void *data, uint64_t len)
{
    uint64_t from = offset_of(pool, chunk) + CPPIPC_CHUNK_HEADER;
    if (!fits(pool, chunk, len))
        return -EBADMSG;
    for (uint64_t done = 0; done < len;) {
        ssize_t count = pwrite(pool->segment.fd, (const char *)data + done, len - done, (off_t)(from + done));
        if (count < 0 && errno != EINTR)
            return -errno;
        done += count > 0 ? (uint64_t)count : 0;
    }
    return 0;
}
