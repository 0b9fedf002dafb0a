/* Channels that nobody has open any more. Whoever opens such a one next takes over dead receivers and a dead sender's flag; without
 * its files it begins anew. */
#include "cppipc/doctor_case.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool doctor_is_left(const struct doctor *doctor, const struct doctor_ring *ring)
{
    return ring->file->file[0] == '\0' || (doctor_is_unused(doctor, ring->file) && !ring->alive);
}

/* Only the file that was looked at: somebody may have made another one meanwhile. */
int doctor_remove(struct doctor *doctor, struct doctor_file *file)
{
    struct stat status;
    struct doctor_subject path = doctor_path(doctor, file->file);
    if (lstat(path.text, &status) == 0 && (status.st_ino != file->inode || status.st_dev != file->device))
        return -EBUSY;
    if (unlink(path.text) < 0 && errno != ENOENT)
        return -errno;
    file->file[0] = '\0';
    return 0;
}

/* ---- a channel's files ------------------------------------------------------------------------------------------------ */

struct left {
    const char *name;
    unsigned files, receivers;
    bool flag, alive;
};

static const struct doctor_ring *ring_of(const struct doctor *doctor, const struct doctor_file *file)
{
    for (size_t i = 0; i < doctor->ring_count; i++)
        if (doctor->rings[i].file == file)
            return &doctor->rings[i];
    return NULL;
}

static bool is_of(const struct doctor_file *file, const char *name)
{
    return file->file[0] && (file->part == DOCTOR_RING || file->part == DOCTOR_OBJECT) && strcmp(file->name, name) == 0;
}

static bool is_left(const struct doctor *doctor, const struct doctor_file *file)
{
    return file->part == DOCTOR_RING ? doctor_is_left(doctor, ring_of(doctor, file)) : doctor_is_unused(doctor, file);
}

static void add_ring(struct left *left, const struct doctor_ring *ring)
{
    if (!ring->at)
        return;
    left->receivers += (unsigned)__builtin_popcount(ring->connected);
    left->flag |= atomic_load_explicit(&ring->at->sender, memory_order_acquire) != 0;
}

/* What is left of a channel. Where one of its rings is in use the files beside it are too. */
static struct left sum_up(const struct doctor *doctor, const char *name)
{
    struct left left = {.name = name};
    for (size_t i = 0; i < doctor->file_count; i++) {
        const struct doctor_file *file = &doctor->files[i];
        if (!is_of(file, name))
            continue;
        left.alive |= !is_left(doctor, file);
        left.files += is_left(doctor, file);
        if (file->part == DOCTOR_RING && is_left(doctor, file))
            add_ring(&left, ring_of(doctor, file));
    }
    return left;
}

static int remove_left(struct doctor *doctor, void *of)
{
    const struct left *left = of;
    int result = 0;
    doctor_count_mappings(doctor); /* somebody may have come meanwhile */
    if (sum_up(doctor, left->name).alive != left->alive)
        return -EBUSY;
    for (size_t i = 0; i < doctor->file_count; i++) {
        struct doctor_file *file = &doctor->files[i];
        if (!is_of(file, left->name) || !is_left(doctor, file) || (left->alive && file->part != DOCTOR_RING))
            continue;
        int error = doctor_remove(doctor, file);
        result = error ? error : result;
    }
    return result;
}

static void tell(struct doctor *doctor, struct left *left)
{
    char holds[128] = "";
    if (left->receivers || left->flag)
        snprintf(holds, sizeof holds, "; who opens it next meets %u dead receiver%s%s", left->receivers,
                 left->receivers == 1 ? "" : "s", left->flag ? " and the flag of a dead sender" : "");
    doctor_tell(doctor, holds[0] ? LEAT_FINDING_WARNING : LEAT_FINDING_NOTE, doctor_mend(doctor, remove_left, left),
                doctor_channel(doctor, left->name), "left-behind",
                "Remove the files; the next program that opens it makes them anew.", "nobody has %s open any more%s",
                left->alive ? "one of its rings" : "it", holds);
}

void doctor_judge_leftovers(struct doctor *doctor)
{
    char done[CPPIPC_FILE_MAX] = "";
    for (size_t i = 0; i < doctor->file_count; i++) {
        char name[CPPIPC_FILE_MAX];
        memcpy(name, doctor->files[i].name, sizeof name);
        if (!is_of(&doctor->files[i], name) || !is_left(doctor, &doctor->files[i]) ||
            (doctor->where.name && strcmp(doctor->where.name, name) != 0))
            continue;
        struct left left = sum_up(doctor, name);
        bool again = strcmp(done, name) == 0;
        memcpy(done, name, sizeof done);
        if (!again && (!left.alive || doctor->files[i].part == DOCTOR_RING))
            tell(doctor, &left);
    }
}

/* ---- what belongs to the prefix --------------------------------------------------------------------------------------- */

static int remove_one(struct doctor *doctor, void *of)
{
    doctor_count_mappings(doctor);
    return doctor_is_unused(doctor, of) ? doctor_remove(doctor, of) : -EBUSY;
}

static bool has_users(const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->file_count; i++)
        if (doctor->files[i].file[0] && doctor->files[i].part != DOCTOR_OURS &&
            !doctor_is_unused(doctor, &doctor->files[i]))
            return true;
    return false;
}

void doctor_judge_counter(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->file_count && !doctor->where.name; i++) {
        struct doctor_file *file = &doctor->files[i];
        if (file->part == DOCTOR_CA && file->file[0] && !has_users(doctor)) {
            struct doctor_subject subject = doctor_path(doctor, file->file);
            doctor_tell(doctor, LEAT_FINDING_NOTE, doctor_mend(doctor, remove_one, file), subject, "left-behind",
                        "Remove it; the next program makes it anew.",
                        "nobody uses cpp-ipc's counter of handles any more");
        }
    }
}
