/* Pools of chunks, shared by all channels of a prefix: chunks that are not free and that no message refers to are lost, and without a
 * free one every large message goes in 64-byte fragments. */
#include "cppipc/doctor_case.h"

#include "cppipc/clock.h"
#include "cppipc/leftover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AGAIN_NS (200 * NS_PER_MS) /* who is about to send or has just read is through by then */

struct pool_case {
    struct doctor_file *file;
    struct segment segment;
    struct cppipc_pool *at;
    uint32_t free, referred; /* a bit for each chunk */
    uint32_t readers[CPPIPC_CHUNKS];
    bool locked, damaged;
};

/* ---- looking ---------------------------------------------------------------------------------------------------------- */

static bool is_untouched(const struct cppipc_pool *pool)
{
    static const unsigned char nothing[offsetof(struct cppipc_pool, pad)];
    return memcmp(pool, nothing, sizeof nothing) == 0;
}

/* The free list; one that leads to a chunk twice, or out of the pool, is damaged. */
static void walk(struct pool_case *pool)
{
    uint32_t chunk = pool->at->head;
    pool->free = 0;
    pool->damaged = false;
    if (is_untouched(pool->at)) {
        pool->free = UINT32_MAX;
        return;
    }
    while (chunk < CPPIPC_CHUNKS && !(pool->free & (UINT32_C(1) << chunk))) {
        pool->free |= UINT32_C(1) << chunk;
        chunk = pool->at->next[chunk];
    }
    pool->damaged = chunk != CPPIPC_CHUNKS;
}

/* What a slot that somebody has still to read says of this pool. */
static void refer(struct pool_case *pool, const struct cppipc_slot *slot)
{
    struct cppipc_message message = slot->message;
    uint32_t readers = (uint32_t)atomic_load_explicit(&slot->readers, memory_order_acquire), chunk;
    uint64_t len;
    if (!readers || !leftover_chunk(&message, &len, &chunk) || cppipc_class_bytes(len) != pool->file->class_bytes)
        return;
    pool->referred |= UINT32_C(1) << chunk;
    pool->readers[chunk] |= readers;
}

static void look(const struct doctor *doctor, struct pool_case *pool)
{
    memset(pool->readers, 0, sizeof pool->readers);
    pool->referred = 0;
    for (size_t i = 0; i < doctor->ring_count; i++)
        for (unsigned k = 0; k < CPPIPC_SLOTS && doctor->rings[i].at && !doctor_is_left(doctor, &doctor->rings[i]); k++)
            refer(pool, &doctor->rings[i].at->slots[k]);
    pool->locked = atomic_load_explicit(&pool->at->lock, memory_order_acquire) != 0;
    walk(pool);
}

static uint32_t lost_in(const struct pool_case *pool)
{
    return ~pool->free & ~pool->referred;
}

/* What is lost now and a moment later. */
static uint32_t look_twice(const struct doctor *doctor, struct pool_case *pool)
{
    struct timespec a_moment = timespec_of(AGAIN_NS);
    look(doctor, pool);
    uint32_t lost = lost_in(pool);
    bool locked = pool->locked, damaged = pool->damaged;
    if (pool->file->mappings && (lost || locked || damaged)) {
        clock_nanosleep(CLOCK_MONOTONIC, 0, &a_moment, NULL);
        look(doctor, pool);
    }
    pool->locked &= locked;
    pool->damaged &= damaged;
    return lost & lost_in(pool);
}

/* ---- mending ---------------------------------------------------------------------------------------------------------- */

static int write_readers(const struct pool_case *pool, uint32_t chunk)
{
    off_t at = (off_t)(sizeof(struct cppipc_pool) + chunk * pool->file->class_bytes);
    ssize_t written = pwrite(pool->segment.fd, &pool->readers[chunk], sizeof pool->readers[chunk], at);
    return written == (ssize_t)sizeof pool->readers[chunk] ? 0 : -EIO;
}

/* Every chunk is free that no message refers to. Nobody has the pool open; the messages' receivers will. */
static int rebuild(struct doctor *doctor, void *of)
{
    struct pool_case *pool = of;
    int error = 0;
    uint8_t head = CPPIPC_CHUNKS;
    doctor_count_mappings(doctor);
    if (!doctor_is_unused(doctor, pool->file))
        return -EBUSY;
    for (uint32_t chunk = CPPIPC_CHUNKS; chunk-- > 0;) {
        error = error ? error : write_readers(pool, chunk);
        if (pool->referred & (UINT32_C(1) << chunk))
            continue;
        pool->at->next[chunk] = head;
        head = (uint8_t)chunk;
    }
    pool->at->head = head;
    pool->at->prepared = 1;
    atomic_store_explicit(&pool->at->lock, 0, memory_order_release);
    return error;
}

static int remove_pool(struct doctor *doctor, void *of)
{
    const struct pool_case *pool = of;
    doctor_count_mappings(doctor);
    return doctor_is_unused(doctor, pool->file) ? doctor_remove(doctor, pool->file) : -EBUSY;
}

/* ---- telling ---------------------------------------------------------------------------------------------------------- */

static const char *what_is_wrong(const struct pool_case *pool, uint32_t lost, char text[128])
{
    unsigned count = (unsigned)__builtin_popcount(lost);
    if (pool->damaged)
        snprintf(text, 128, "its list of free chunks is damaged");
    else if (pool->locked)
        snprintf(text, 128, "somebody died while he held its lock");
    else
        snprintf(text, 128, "%u of its %u chunks %s lost", count, CPPIPC_CHUNKS, count == 1 ? "is" : "are");
    return text;
}

/* Nobody has it open. */
static void judge_closed(struct doctor *doctor, struct pool_case *pool, uint32_t lost)
{
    char wrong[128];
    bool bad = lost || pool->locked || pool->damaged;
    struct doctor_subject subject = doctor_path(doctor, pool->file->file);
    if (!pool->referred)
        doctor_tell(doctor, bad ? LEAT_FINDING_WARNING : LEAT_FINDING_NOTE, doctor_mend(doctor, remove_pool, pool),
                    subject, bad ? "lost-chunks" : "left-behind",
                    "Remove it; the next sender of such messages makes it anew.",
                    "nobody has the pool open, and no message needs it%s%s", bad ? "; " : "",
                    bad ? what_is_wrong(pool, lost, wrong) : "");
    else if (bad)
        doctor_tell(doctor, LEAT_FINDING_WARNING, doctor_mend(doctor, rebuild, pool), subject, "lost-chunks",
                    "Make every chunk free that no message needs.", "%s", what_is_wrong(pool, lost, wrong));
}

static void judge_open(struct doctor *doctor, const struct pool_case *pool, uint32_t lost)
{
    char wrong[128], who[DOCTOR_WHO];
    const char *remedy = "Stop the programs that have it open, run leat doctor --repair, and start them again.";
    struct doctor_subject subject = doctor_path(doctor, pool->file->file);
    if (pool->damaged || pool->locked)
        doctor_tell(doctor, LEAT_FINDING_ERROR, LEAT_REPAIR_NONE, subject, "damaged-pool", remedy,
                    "%s: messages of this size hang or overwrite each other; it is open in %s",
                    what_is_wrong(pool, lost, wrong), doctor_who(pool->file, who));
    else if (lost)
        doctor_tell(
            doctor, pool->free ? LEAT_FINDING_NOTE : LEAT_FINDING_WARNING, LEAT_REPAIR_NONE, subject, "lost-chunks",
            remedy, "%s, or kept by a receiver%s; it is open in %s", what_is_wrong(pool, lost, wrong),
            pool->free ? "" : ", and none is free: large messages go in fragments of 64 bytes, many times slower",
            doctor_who(pool->file, who));
}

static void judge_pool(struct doctor *doctor, struct doctor_file *file)
{
    char explain[DOCTOR_TEXT / 2];
    struct pool_case pool = {.file = file};
    if (segment_open(&pool.segment, doctor->where.directory, file->file, cppipc_pool_bytes(file->class_bytes),
                     sizeof(struct cppipc_pool), SEGMENT_NO_COUNT, explain, sizeof explain) < 0)
        return;
    pool.at = (struct cppipc_pool *)pool.segment.at;
    uint32_t lost = look_twice(doctor, &pool);
    if (doctor_is_unused(doctor, file))
        judge_closed(doctor, &pool, lost);
    else
        judge_open(doctor, &pool, lost);
    segment_close(&pool.segment);
}

void doctor_judge_pools(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->file_count; i++)
        if (doctor->files[i].part == DOCTOR_POOL && doctor->files[i].file[0])
            judge_pool(doctor, &doctor->files[i]);
}
