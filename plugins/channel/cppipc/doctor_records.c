/* What bridges that were killed hold of a channel, as they wrote it down (holding.h). */
#include "cppipc/doctor_case.h"

#include "cppipc/holding.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Opens a record that no living bridge has locked. -1: there is none, or we may not look. */
static int open_record(const struct doctor *doctor, const struct doctor_file *file, struct holding_record *record)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct doctor_subject path = doctor_path(doctor, file->file);
    int fd = open(path.text, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &all) == 0 && pread(fd, record, sizeof *record, 0) == (ssize_t)sizeof *record)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool is_of(const struct holding_record *record, const struct doctor_file *file)
{
    return record->inode == file->inode && record->device == file->device;
}

static struct doctor_ring *ring_of(const struct doctor *doctor, const struct holding_record *record)
{
    for (size_t i = 0; i < doctor->ring_count; i++)
        if (doctor->rings[i].file->file[0] && is_of(record, doctor->rings[i].file))
            return &doctor->rings[i];
    return NULL;
}

/* Another prefix may have it. */
static bool has_a_ring(const struct doctor *doctor, const struct holding_record *record)
{
    DIR *directory = opendir(doctor->where.directory);
    bool found = directory == NULL;
    for (const struct dirent *entry; !found && (entry = readdir(directory));)
        found = entry->d_ino == record->inode;
    if (directory)
        closedir(directory);
    return found;
}

void doctor_forget_records(struct doctor *doctor, const struct doctor_ring *ring, uint32_t bits)
{
    for (size_t i = 0; i < doctor->file_count; i++) {
        struct doctor_file *file = &doctor->files[i];
        struct holding_record record;
        int fd = file->part == DOCTOR_OURS && file->file[0] ? open_record(doctor, file, &record) : -1;
        if (fd < 0)
            continue;
        if (is_of(&record, ring->file) && record.bit & bits)
            doctor_remove(doctor, file);
        close(fd); /* the lock goes with it */
    }
}

/* ---- bridges that live ------------------------------------------------------------------------------------------------ */

/* What a bridge has written down and still locks. False: it does not, or we may not look. */
static bool read_living(const struct doctor *doctor, const struct doctor_file *file, struct holding_record *record)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct doctor_subject path = doctor_path(doctor, file->file);
    int fd = open(path.text, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool living = fd >= 0 && fcntl(fd, F_OFD_GETLK, &all) == 0 && all.l_type != F_UNLCK &&
                  pread(fd, record, sizeof *record, 0) == (ssize_t)sizeof *record;
    if (fd >= 0)
        close(fd);
    return living;
}

unsigned doctor_bridges(const struct doctor *doctor, const struct doctor_ring *ring, bool *one_sends)
{
    unsigned receiving = 0;
    *one_sends = false;
    for (size_t i = 0; i < doctor->file_count; i++) {
        struct holding_record record;
        if (doctor->files[i].part != DOCTOR_OURS || !doctor->files[i].file[0] ||
            !read_living(doctor, &doctor->files[i], &record) || !is_of(&record, ring->file))
            continue;
        *one_sends = *one_sends || record.sender;
        receiving += (record.bit & ring->connected) != 0;
    }
    return receiving;
}

/* ---- the flag of a bridge that was killed ----------------------------------------------------------------------------- */

struct dead_sender {
    struct doctor_file *file;
    struct doctor_ring *ring;
};

/* Under the record's lock: the bridge is not about to come back. The record goes first, or its successor would take a flag that
 * is somebody else's by then. */
static int clear_flag(struct doctor *doctor, void *of)
{
    const struct dead_sender *dead = of;
    int error = doctor_remove(doctor, dead->file);
    if (!error)
        ring_leave_sender((struct ring){dead->ring->at, CPPIPC_ROUTE});
    return error;
}

static void tell_sender(struct doctor *doctor, struct dead_sender dead)
{
    doctor_tell(doctor, LEAT_FINDING_WARNING, doctor_mend(doctor, clear_flag, &dead),
                doctor_channel(doctor, dead.ring->file->name), "stale-sender-flag",
                "Clear the flag; or start the bridge again, which takes it over.",
                "the flag of its sender is that of a bridge which was killed: no other sender is let in");
}

static void tell_receiver(struct doctor *doctor, const struct doctor_ring *ring)
{
    doctor_tell(doctor, LEAT_FINDING_NOTE, LEAT_REPAIR_NONE, doctor_channel(doctor, ring->file->name), "held-place",
                "Start the bridge again: it goes on where it was; if it never will, remove leat-cppipc.reader.* of it.",
                "a bridge that was killed is still connected as a receiver, and messages wait for it");
}

static int remove_record(struct doctor *doctor, void *of)
{
    return doctor_remove(doctor, of);
}

static void judge(struct doctor *doctor, struct doctor_file *file, const struct holding_record *record)
{
    struct doctor_ring *ring = ring_of(doctor, record);
    bool left = ring && ring->at && doctor_is_left(doctor, ring);
    if (!ring && !doctor->where.name && !has_a_ring(doctor, record))
        doctor_tell(doctor, LEAT_FINDING_NOTE, doctor_mend(doctor, remove_record, file),
                    doctor_path(doctor, file->file), "left-behind", "Remove it.",
                    "it says what a bridge that was killed held of a channel that is gone");
    else if (ring && ring->at && !left && record->sender && atomic_load(&ring->at->sender))
        tell_sender(doctor, (struct dead_sender){file, ring});
    else if (ring && ring->at && !left && record->bit & ring->connected)
        tell_receiver(doctor, ring);
}

void doctor_judge_records(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->file_count; i++) {
        struct doctor_file *file = &doctor->files[i];
        struct holding_record record;
        int fd = file->part == DOCTOR_OURS ? open_record(doctor, file, &record) : -1;
        if (fd < 0)
            continue;
        judge(doctor, file, &record);
        close(fd);
    }
}
