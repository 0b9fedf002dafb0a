#include "cppipc/doctor_case.h"

#include "cppipc/clock.h"

#include <leat/plugin/host.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_NS (500 * NS_PER_MS) /* five times as long as a C++ sender waits before it forces a push */

/* ---- telling ---------------------------------------------------------------------------------------------------------- */

struct doctor_subject doctor_channel(const struct doctor *doctor, const char *name)
{
    struct doctor_subject subject;
    snprintf(subject.text, sizeof subject.text, "cppipc://%s%s%s%s", name, doctor->where.prefix[0] ? " (prefix " : "",
             doctor->where.prefix, doctor->where.prefix[0] ? ")" : "");
    return subject;
}

struct doctor_subject doctor_path(const struct doctor *doctor, const char *file)
{
    struct doctor_subject subject;
    snprintf(subject.text, sizeof subject.text, "%.100s/%s", doctor->where.directory, file);
    return subject;
}

void doctor_tell(struct doctor *doctor, enum leat_finding_grade grade, enum leat_finding_repair repair,
                 struct doctor_subject subject, const char *code, const char *remedy, const char *format, ...)
{
    char text[DOCTOR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct leat_finding finding = {.size = sizeof finding,
                                   .grade = grade,
                                   .repair = repair,
                                   .subject = subject.text,
                                   .code = code,
                                   .text = text,
                                   .remedy = remedy};
    doctor->found += grade != LEAT_FINDING_GOOD;
    doctor->examination->found(doctor->examination->context, &finding);
}

enum leat_finding_repair doctor_mend(struct doctor *doctor, int (*mend)(struct doctor *doctor, void *of), void *of)
{
    if (!doctor->examination->repair)
        return LEAT_REPAIR_POSSIBLE;
    return mend(doctor, of) == 0 ? LEAT_REPAIR_DONE : LEAT_REPAIR_FAILED;
}

/* ---- the rings, twice ------------------------------------------------------------------------------------------------- */

static int open_ring(struct doctor *doctor, struct doctor_ring *ring)
{
    ring->error = segment_open(&ring->segment, doctor->where.directory, ring->file->file, sizeof(struct cppipc_ring), 0,
                               SEGMENT_NO_COUNT, ring->explain, sizeof ring->explain);
    ring->at = ring->error ? NULL : (struct cppipc_ring *)ring->segment.at;
    return ring->error;
}

static int open_rings(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->file_count; i++)
        doctor->ring_count += doctor->files[i].part == DOCTOR_RING;
    doctor->rings = calloc(doctor->ring_count ? doctor->ring_count : 1, sizeof *doctor->rings);
    if (!doctor->rings)
        return -ENOMEM;
    struct doctor_ring *ring = doctor->rings;
    for (size_t i = 0; i < doctor->file_count; i++)
        if (doctor->files[i].part == DOCTOR_RING) {
            ring->file = &doctor->files[i];
            open_ring(doctor, ring++);
        }
    return 0;
}

static void look_first(struct doctor_ring *ring)
{
    ring->write = atomic_load_explicit(&ring->at->write, memory_order_acquire);
    ring->connected = atomic_load_explicit(&ring->at->connected, memory_order_acquire);
    for (unsigned i = 0; i < CPPIPC_SLOTS; i++)
        ring->readers[i] = atomic_load_explicit(&ring->at->slots[i].readers, memory_order_acquire);
}

/* Only a channel's writers and readers write `committed`. */
static void look_at_slot(struct doctor_ring *ring, unsigned i)
{
    const struct cppipc_slot *slot = &ring->at->slots[i];
    uint64_t now = atomic_load_explicit(&slot->readers, memory_order_acquire);
    bool committed = atomic_load_explicit(&slot->committed, memory_order_acquire) != 0;
    ring->alive |= now != ring->readers[i];
    ring->moved |= (uint32_t)(ring->readers[i] & ~now);
    ring->pending |= (uint32_t)now;
    ring->by_channel += committed;
    ring->by_route += !committed && slot->message.handle != 0;
    ring->readers[i] = now;
}

static void look_again(struct doctor_ring *ring)
{
    uint32_t write = atomic_load_explicit(&ring->at->write, memory_order_acquire);
    uint32_t connected = ring_connected((struct ring){ring->at, CPPIPC_ROUTE});
    uint32_t held = (uint32_t)ring->readers[write % CPPIPC_SLOTS];
    for (unsigned i = 0; i < CPPIPC_SLOTS; i++)
        look_at_slot(ring, i);
    ring->alive |= write != ring->write || connected != ring->connected;
    ring->holding = write == ring->write ? held & (uint32_t)ring->readers[write % CPPIPC_SLOTS] & connected : 0;
    ring->modified = write - ring->write;
    ring->connected &= connected;
}

static void watch(struct doctor *doctor)
{
    struct timespec a_moment = timespec_of(WATCH_NS);
    for (size_t i = 0; i < doctor->ring_count; i++)
        if (doctor->rings[i].at)
            look_first(&doctor->rings[i]);
    if (doctor->file_count)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &a_moment, NULL);
    for (size_t i = 0; i < doctor->ring_count; i++)
        if (doctor->rings[i].at)
            look_again(&doctor->rings[i]);
}

/* ---- public ----------------------------------------------------------------------------------------------------------- */

static void judge(struct doctor *doctor)
{
    doctor_judge_access(doctor);
    for (size_t i = 0; i < doctor->ring_count; i++)
        if (doctor_asks_for(doctor, doctor->rings[i].file))
            doctor_judge_split(doctor, &doctor->rings[i]);
    doctor_judge_leftovers(doctor);
    doctor_judge_records(doctor);
    for (size_t i = 0; i < doctor->ring_count; i++)
        if (doctor_asks_for(doctor, doctor->rings[i].file))
            doctor_judge_ring(doctor, &doctor->rings[i]);
    doctor_judge_locks(doctor);
    doctor_judge_pools(doctor);
    doctor_judge_counter(doctor);
}

static bool is_there(const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->file_count; i++)
        if (doctor->files[i].name[0] && doctor_asks_for(doctor, &doctor->files[i]))
            return true;
    return !doctor->where.name;
}

static void tell_missing(struct doctor *doctor)
{
    doctor_tell(doctor, LEAT_FINDING_NOTE, LEAT_REPAIR_NONE, doctor_channel(doctor, doctor->where.name), "not-there",
                "Start one of its programs: who comes first makes it.", "there is no such channel in %s",
                doctor->where.directory);
}

static void fini(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->ring_count && doctor->rings; i++)
        segment_close(&doctor->rings[i].segment);
    free(doctor->rings);
    free(doctor->files);
}

int32_t doctor_examine(const struct leat_host *host, const char *name, const struct cppipc_options *options,
                       const struct leat_examination *examination)
{
    struct doctor doctor = {
        .host = host, .options = options, .examination = examination, .where = handle_where(options, name)};
    int error = name && !cppipc_is_name(doctor.where.prefix, name) ? -EINVAL : doctor_list_files(&doctor);
    if (!error)
        error = open_rings(&doctor);
    if (!error) {
        doctor_count_mappings(&doctor);
        watch(&doctor);
        if (!is_there(&doctor))
            tell_missing(&doctor);
        judge(&doctor);
    }
    fini(&doctor);
    return error;
}
