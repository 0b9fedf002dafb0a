/* Looking at channels without joining them, and taking them or their readers away. */
#include "clock.h"
#include "failure.h"
#include "lease.h"
#include "places.h"
#include "slots.h"
#include "wake.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "leat."

/* ---- inspecting ------------------------------------------------------------------------------------------------- */

static uint32_t writers_alive(const struct segment *segment)
{
    uint32_t alive = 0;
    for (uint32_t i = 0; i < segment->ring.writer_slots; i++)
        alive += lease_held(segment->fd, segment_writer_lease(&segment->header, i));
    return alive;
}

static uint64_t newest_publish_ns(const struct ring *ring)
{
    uint64_t newest = 0;
    for (uint32_t i = 0; i < ring->writer_slots; i++) {
        uint64_t at = atomic_load_explicit(&ring->writers[i].published_ns, memory_order_relaxed);
        newest = at > newest ? at : newest;
    }
    return newest;
}

static void describe_reader(const struct segment *segment, uint32_t slot, struct place tail,
                            struct leat_reader_info *info)
{
    struct reader_slot *reader = &segment->ring.readers[slot];
    struct place at = tail;
    *info = (struct leat_reader_info){.size = (uint32_t)sizeof *info};
    info->durable = (atomic_load_explicit(&reader->state, memory_order_relaxed) & READER_DURABLE) != 0;
    info->alive = lease_held(segment->fd, segment_reader_lease(&segment->header, slot));
    info->pid = atomic_load_explicit(&reader->pid, memory_order_relaxed);
    info->lost = atomic_load_explicit(&reader->lost, memory_order_relaxed);
    (void)cursor_load(&reader->cursor, &at);
    info->lag_messages = tail.sequence > at.sequence ? tail.sequence - at.sequence : 0;
    info->lag_bytes = tail.position > at.position ? tail.position - at.position : 0;
    for (size_t i = 0; info->durable && i + 1 < sizeof info->name; i++)
        info->name[i] = atomic_load_explicit(&reader->name[i], memory_order_relaxed);
    if (!segment_name_is_valid(info->name, LEAT_READER_NAME_MAX))
        info->name[0] = '\0';
}

/* Fills at most `max` readers and counts all; what does not fit is described into a scrap. */
static int describe_readers(const struct segment *segment, struct place tail, struct leat_reader_info *readers,
                            size_t max, uint32_t *alive)
{
    int count = 0;
    for (uint32_t i = 0; i < ring_readers_high(&segment->ring); i++) {
        struct leat_reader_info info;
        if (!(atomic_load_explicit(&segment->ring.readers[i].state, memory_order_acquire) & READER_USED))
            continue;
        describe_reader(segment, i, tail, &info);
        *alive += info.alive;
        if (readers != NULL && (size_t)count < max) {
            uint32_t size = readers[count].size;
            memcpy(&readers[count], &info, size < sizeof info ? size : sizeof info);
            readers[count].size = size;
        }
        count++;
    }
    return count;
}

static int describe_channel(const struct segment *segment, struct leat_channel_info *info, struct place *tail)
{
    const struct segment_header *header = &segment->header;
    struct stat file;
    if (fstat(segment->fd, &file) != 0)
        return failure_os(-errno, "channel '%s' cannot be examined", segment->name);
    if (!cursor_load(&segment->ring.control->tail, tail))
        return failure(LEAT_ECORRUPT, "the cursors of channel '%s' are nonsense", segment->name);
    *info = (struct leat_channel_info){.size = (uint32_t)sizeof *info,
                                       .policy = header->policy,
                                       .producers = header->producers,
                                       .mode = file.st_mode & 0777,
                                       .capacity_bytes = header->capacity_bytes,
                                       .max_message_bytes = segment->ring.max_message,
                                       .messages = tail->sequence,
                                       .created_ns = header->created_ns,
                                       .published_ns = newest_publish_ns(&segment->ring),
                                       .writers_alive = writers_alive(segment),
                                       .uid = file.st_uid,
                                       .gid = file.st_gid};
    memcpy(info->incarnation, header->incarnation, sizeof info->incarnation);
    return 0;
}

int leat_channel_inspect(const char *directory, const char *name, struct leat_channel_info *info,
                         struct leat_reader_info *readers, size_t max_readers)
{
    struct leat_channel_info found;
    struct segment *segment;
    struct place tail = {0, 0};
    if (info == NULL || info->size < sizeof found)
        return failure(-EINVAL, "leat_channel_info.size is not set");
    for (size_t i = 0; readers != NULL && i < max_readers; i++)
        if (readers[i].size < sizeof *readers)
            return failure(-EINVAL, "leat_reader_info.size is not set");
    int rc = segment_attach(&segment, directory, name, SEGMENT_LOOK);
    if (rc != 0)
        return rc;
    rc = describe_channel(segment, &found, &tail);
    if (rc == 0) {
        rc = describe_readers(segment, tail, readers, max_readers, &found.readers_alive);
        found.readers = (uint32_t)rc;
        found.size = info->size;
        memcpy(info, &found, sizeof found);
    }
    segment_detach(segment);
    return rc;
}

/* ---- listing ---------------------------------------------------------------------------------------------------- */

static int is_channel(const struct dirent *entry)
{
    return strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) == 0 &&
           segment_name_is_valid(entry->d_name + sizeof PREFIX - 1, LEAT_NAME_MAX);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* not alphasort: that one follows the locale */
}

int leat_channel_list(const char *directory, int (*each)(const char *name, void *user), void *user)
{
    struct dirent **entries;
    const char *where = segment_directory(directory);
    int count = scandir(where, &entries, is_channel, by_name), rc = 0;
    if (count < 0)
        return failure_os(-errno, "%s cannot be read", where);
    for (int i = 0; i < count; i++) {
        if (rc == 0)
            rc = each(entries[i]->d_name + sizeof PREFIX - 1, user);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

/* ---- removing --------------------------------------------------------------------------------------------------- */

static bool anyone_lives(const struct segment *segment)
{
    if (writers_alive(segment) > 0)
        return true;
    for (uint32_t i = 0; i < ring_readers_high(&segment->ring); i++)
        if (lease_held(segment->fd, segment_reader_lease(&segment->header, i)))
            return true;
    return false;
}

/* The state first: who opens it from now on finds it removed, and who is attached learns of it. */
static int remove_segment(const struct segment *segment)
{
    struct control *control = segment->ring.control;
    atomic_store(&control->state, SEGMENT_REMOVED);
    int rc = segment_unlink(segment);
    wake_all(&control->wake);
    wake_all(&control->space);
    return rc == 0 || rc == -ENOENT ? 0 : failure_os(rc, "channel %s cannot be unlinked", segment->path);
}

/* What is no channel of ours, or no longer one: whoever is attached to it cannot be told. */
static int remove_ruin(const char *directory, const char *name)
{
    char *path;
    int rc = segment_path(&path, directory, name);
    if (rc != 0)
        return rc;
    if (unlink(path) != 0)
        rc = failure_os(-errno, "%s cannot be unlinked", path);
    free(path);
    return rc;
}

int leat_channel_remove(const char *directory, const char *name, int force)
{
    struct segment *segment;
    int rc = segment_attach(&segment, directory, name, SEGMENT_KEEP);
    if (rc == LEAT_EVERSION && force)
        return remove_ruin(directory, name);
    if (rc != 0)
        return rc;
    int locked = segment_registry_lock(segment);
    if (locked != 0 && !force)
        rc = locked;
    else if (!force && anyone_lives(segment))
        rc = failure(-EBUSY, "channel '%s' has live participants", name);
    else
        rc = remove_segment(segment);
    segment_detach(segment); /* drops the registry lock as well */
    return rc;
}

int leat_reader_forget(const char *directory, const char *channel, const char *reader)
{
    struct segment *segment;
    uint32_t slot;
    if (!segment_name_is_valid(reader, LEAT_READER_NAME_MAX))
        return failure(-EINVAL, "'%.80s' is no reader name", reader != NULL ? reader : "(null)");
    int rc = segment_attach(&segment, directory, channel, SEGMENT_KEEP);
    if (rc != 0)
        return rc;
    rc = segment_registry_lock(segment);
    if (rc == 0 && slots_find(&segment->ring, reader, &slot) != 0)
        rc = failure(-ENOENT, "channel '%s' has no reader '%s'", channel, reader);
    if (rc == 0 && lease_take(segment->fd, segment_reader_lease(&segment->header, slot)) != 0)
        rc = failure(-EBUSY, "the reader '%s' of channel '%s' lives", reader, channel);
    if (rc == 0) {
        slots_free(&segment->ring, slot);
        wake_all(&segment->ring.control->space);
    }
    segment_detach(segment);
    return rc;
}
