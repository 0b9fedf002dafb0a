/* One handle of cpp-ipc: its nine objects, which release made them, and which kind of channel they carry. */
#include "cppipc_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>

static char explain[256];

TestSuite(cppipc_handle, .init = folder_make, .fini = folder_remove, .timeout = 60);

static int open_as(struct handle *handle, enum cppipc_layout layout, bool create)
{
    struct cppipc_where where = folder_where();
    explain[0] = '\0';
    return handle_open(handle, &where, layout, create, explain, sizeof explain);
}

static struct handle opened(enum cppipc_layout layout)
{
    struct handle handle;
    int rc = open_as(&handle, layout, true);
    cr_assert(rc == 0, "%d: %s", rc, explain);
    return handle;
}

static unsigned files(const char *part)
{
    unsigned count = 0;
    DIR *listed = opendir(folder);
    for (const struct dirent *entry; listed && (entry = readdir(listed));)
        count += strstr(entry->d_name, part) != NULL;
    closedir(listed);
    return count;
}

/* Another process's handle, as it is left behind by a kill: no file goes. */
static void leave_behind(struct handle *handle)
{
    for (enum cppipc_object i = 0; i < CPPIPC_OBJECT_COUNT; i++) {
        handle->objects[i].flags |= SEGMENT_NO_COUNT;
        segment_close(&handle->objects[i]);
    }
}

Test(cppipc_handle, nothing_is_created_unless_that_is_asked_for)
{
    struct handle handle;
    cr_assert(open_as(&handle, CPPIPC_LAYOUT_AUTO, false) == -ENOENT);
    cr_assert(strstr(explain, "quotes") && files("__IPC_SHM__") == 0, "%s", explain);
    handle_close(&handle);
}

Test(cppipc_handle, creates_the_nine_objects_and_removes_them_with_the_last_reference)
{
    struct handle first = opened(CPPIPC_LAYOUT_AUTO), second;
    cr_assert(first.layout == CPPIPC_LAYOUT_1_4 && files("__IPC_SHM__") == 9);
    cr_assert(first.ring->constructed == 1 && first.ring->lock == 0);
    cr_assert(open_as(&second, CPPIPC_LAYOUT_AUTO, false) == 0);
    cr_assert(first.id == 1 && second.id == 2);
    handle_close(&first);
    cr_assert(files("__IPC_SHM__") == 9);
    handle_close(&second);
    cr_assert(files("__IPC_SHM__") == 0);
}

Test(cppipc_handle, no_handle_has_the_id_of_nobody)
{
    struct handle first = opened(CPPIPC_LAYOUT_1_4);
    ((struct cppipc_counter *)(void *)first.objects[CPPIPC_CA].at)->value = UINT32_MAX;
    struct handle second = opened(CPPIPC_LAYOUT_1_4);
    cr_assert(second.id == 1, "%u", second.id);
    handle_close(&second);
    handle_close(&first);
}

Test(cppipc_handle, finds_the_layout_that_is_there)
{
    struct handle old = opened(CPPIPC_LAYOUT_1_3), found;
    cr_assert(open_as(&found, CPPIPC_LAYOUT_AUTO, true) == 0 && found.layout == CPPIPC_LAYOUT_1_3);
    handle_close(&found);
    cr_assert(open_as(&found, CPPIPC_LAYOUT_1_4, false) == -ENOENT);
    handle_close(&old);
}

Test(cppipc_handle, of_two_layouts_the_one_in_use_is_taken)
{
    struct handle old = opened(CPPIPC_LAYOUT_1_3), new = opened(CPPIPC_LAYOUT_1_4), found;
    old.ring->connected = 1;
    cr_assert(open_as(&found, CPPIPC_LAYOUT_AUTO, false) == 0 && found.layout == CPPIPC_LAYOUT_1_3);
    handle_close(&found);
    old.ring->connected = 0;
    new.ring->sender = 1;
    cr_assert(open_as(&found, CPPIPC_LAYOUT_AUTO, false) == 0 && found.layout == CPPIPC_LAYOUT_1_4);
    handle_close(&found);
    old.ring->connected = 2;
    cr_assert(open_as(&found, CPPIPC_LAYOUT_AUTO, false) == -EPROTO);
    cr_assert(strstr(explain, "1.3") && strstr(explain, "cppipc.layout"), "%s", explain);
    handle_close(&new);
    handle_close(&old);
}

Test(cppipc_handle, of_two_idle_layouts_the_one_with_more_references_is_taken)
{
    struct handle old = opened(CPPIPC_LAYOUT_1_3), new = opened(CPPIPC_LAYOUT_1_4), found;
    cr_assert(open_as(&found, CPPIPC_LAYOUT_AUTO, false) == 0 && found.layout == CPPIPC_LAYOUT_1_4);
    handle_close(&found);
    struct handle older = opened(CPPIPC_LAYOUT_1_3);
    cr_assert(open_as(&found, CPPIPC_LAYOUT_AUTO, false) == 0 && found.layout == CPPIPC_LAYOUT_1_3);
    handle_close(&found);
    handle_close(&older);
    handle_close(&new);
    handle_close(&old);
}

Test(cppipc_handle, a_channel_that_is_not_whole_is_no_channel)
{
    struct handle left = opened(CPPIPC_LAYOUT_1_4), handle;
    cr_assert(folder_remove_files("RD_CONN") == 2);
    cr_assert(open_as(&handle, CPPIPC_LAYOUT_AUTO, false) == -ENOENT && strstr(explain, "RD_CONN"), "%s", explain);
    cr_assert(handle_is_gone(&left));
    cr_assert(segment_references(&left.objects[CPPIPC_RING]) == 1);
    handle_close(&left);
}

Test(cppipc_handle, the_counter_of_handles_may_be_removed)
{
    struct handle left = opened(CPPIPC_LAYOUT_1_4), handle;
    cr_assert(folder_remove_files("CA_CONN") == 1 && !handle_is_gone(&left));
    cr_assert(open_as(&handle, CPPIPC_LAYOUT_AUTO, false) == 0, "%s", explain);
    handle_close(&handle);
    handle_close(&left);
}

Test(cppipc_handle, the_first_reference_forgets_what_the_dead_left_in_a_lock)
{
    struct handle dead = opened(CPPIPC_LAYOUT_1_4);
    dead.waiters[HANDLE_RD].mutex->word = FUTEX_TID_MASK;
    dead.waiters[HANDLE_RD].condition->sequence = 7;
    for (enum cppipc_object i = 0; i < CPPIPC_OBJECT_COUNT; i++)
        (*dead.objects[i].count)--;
    leave_behind(&dead);
    struct handle handle = opened(CPPIPC_LAYOUT_1_4);
    cr_assert(handle.waiters[HANDLE_RD].mutex->word == 0 && handle.waiters[HANDLE_RD].condition->sequence == 0);
    handle_close(&handle);
}

Test(cppipc_handle, a_maker_who_died_in_the_ring_is_no_reason_to_hang)
{
    struct handle dead = opened(CPPIPC_LAYOUT_1_4), handle;
    dead.ring->constructed = 0;
    dead.ring->lock = 1;
    cr_assert(open_as(&handle, CPPIPC_LAYOUT_1_4, true) == -EBUSY && strstr(explain, "quotes"), "%s", explain);
    cr_assert(segment_references(&dead.objects[CPPIPC_RING]) == 1);
    handle_close(&dead);
}

Test(cppipc_handle, a_name_that_cannot_be_one_is_refused)
{
    struct handle handle;
    struct cppipc_where where = {folder, "", "../quotes"};
    cr_assert(handle_open(&handle, &where, CPPIPC_LAYOUT_1_4, true, explain, sizeof explain) == -EINVAL);
    cr_assert(strstr(explain, "../quotes"), "%s", explain);
}

/* ---- which kind --------------------------------------------------------------------------------------------------- */

static bool is(const struct handle *handle, enum cppipc_kind kind)
{
    return handle_is_of_kind(handle, kind);
}

static void write_slot(struct handle *handle, uint32_t index, enum cppipc_kind kind)
{
    struct cppipc_slot *slot = &handle->ring->slots[index % CPPIPC_SLOTS];
    slot->message.handle = handle->id;
    slot->committed = kind == CPPIPC_CHANNEL ? ~(uint64_t)index : 0;
}

Test(cppipc_handle, before_the_first_message_it_may_be_of_either_kind)
{
    struct handle handle = opened(CPPIPC_LAYOUT_1_4);
    cr_assert(is(&handle, CPPIPC_ROUTE) && is(&handle, CPPIPC_CHANNEL));
    handle_close(&handle);
}

Test(cppipc_handle, what_a_channel_has_written_is_no_route)
{
    struct handle handle = opened(CPPIPC_LAYOUT_1_4);
    write_slot(&handle, 0, CPPIPC_CHANNEL);
    cr_assert(!is(&handle, CPPIPC_ROUTE) && is(&handle, CPPIPC_CHANNEL));
    write_slot(&handle, 1, CPPIPC_ROUTE); /* a channel's writer that is not done, or was killed */
    cr_assert(!is(&handle, CPPIPC_ROUTE) && is(&handle, CPPIPC_CHANNEL));
    handle_close(&handle);
}

Test(cppipc_handle, what_a_route_has_written_is_no_channel)
{
    struct handle handle = opened(CPPIPC_LAYOUT_1_4);
    write_slot(&handle, 0, CPPIPC_ROUTE);
    cr_assert(is(&handle, CPPIPC_ROUTE) && is(&handle, CPPIPC_CHANNEL)); /* a channel's first may be under way */
    write_slot(&handle, 1, CPPIPC_ROUTE);
    cr_assert(is(&handle, CPPIPC_ROUTE) && !is(&handle, CPPIPC_CHANNEL));
    handle_close(&handle);
}

Test(cppipc_handle, only_a_route_has_a_sender)
{
    struct handle handle = opened(CPPIPC_LAYOUT_1_4);
    handle.ring->sender = 1;
    cr_assert(is(&handle, CPPIPC_ROUTE) && !is(&handle, CPPIPC_CHANNEL));
    handle_close(&handle);
}
