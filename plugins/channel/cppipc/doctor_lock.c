/* Locks of waiters whose owner does not go on: everybody who sends or receives waits for him, without any limit. */
#include "cppipc/doctor_case.h"

#include "cppipc/clock.h"

#include <linux/futex.h>
#include <string.h>

#define OWNED_NS (200 * NS_PER_MS) /* a waiter's lock is held for microseconds */

static uint32_t owner_of(struct doctor *doctor, const struct doctor_file *file)
{
    struct segment segment;
    char explain[DOCTOR_TEXT / 2];
    if (segment_open(&segment, doctor->where.directory, file->file, sizeof(struct cppipc_mutex), 0, SEGMENT_NO_COUNT,
                     explain, sizeof explain) < 0)
        return 0;
    const struct cppipc_mutex *mutex = (const void *)segment.at;
    uint32_t owner = atomic_load_explicit(&mutex->word, memory_order_acquire) & FUTEX_TID_MASK;
    segment_close(&segment);
    return owner;
}

static void judge_owner(struct doctor *doctor, const struct doctor_file *file, pid_t owner)
{
    char state = doctor_state_of(owner), who[DOCTOR_WHO];
    if (state == 'T' || state == 't')
        doctor_tell(doctor, LEAT_FINDING_ERROR, LEAT_REPAIR_NONE, doctor_channel(doctor, file->name), "stopped-owner",
                    "Let it go on (kill -CONT), or end it.",
                    "thread %d is stopped and holds the lock of a waiter: everybody who uses the channel waits for it",
                    (int)owner);
    else if (state == 0 && doctor_sees_all(doctor, file))
        doctor_tell(
            doctor, LEAT_FINDING_ERROR, LEAT_REPAIR_NONE, doctor_channel(doctor, file->name), "dead-owner",
            "Stop all its programs, run leat doctor --repair, and start them again.",
            "the lock of a waiter belongs to thread %d, which is not there: nobody can be woken; it is open in %s",
            (int)owner, doctor_who(file, who));
}

void doctor_judge_locks(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->file_count; i++) {
        const struct doctor_file *file = &doctor->files[i];
        if (file->part != DOCTOR_OBJECT || file->size <= sizeof(struct cppipc_mutex) || file->mappings == 0 ||
            !file->file[0])
            continue;
        uint32_t owner = owner_of(doctor, file);
        struct timespec a_moment = timespec_of(OWNED_NS);
        if (owner)
            clock_nanosleep(CLOCK_MONOTONIC, 0, &a_moment, NULL);
        if (owner && owner_of(doctor, file) == owner)
            judge_owner(doctor, file, (pid_t)owner);
    }
}
