/* The doctor on what a test laid out: who is alive is a child that has the objects open. */
#include "cppipc/doctor.h"

#include "cppipc/clock.h"
#include "cppipc/pool.h"
#include "cppipc/ring.h"
#include "cppipc/sender.h"
#include "cppipc_folder.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static char found[4096]; /* "code:repair " of each finding */
static char logged[1024];

static void log_line(void *context, int32_t level, const char *text)
{
    (void)context, (void)level;
    snprintf(logged, sizeof logged, "%s", text);
}

static void note(void *context, const struct leat_finding *finding)
{
    static const char *const repairs[] = {"none", "possible", "done", "failed"};
    size_t used = strlen(found);
    (void)context;
    snprintf(found + used, sizeof found - used, "%s:%s ", finding->code, repairs[finding->repair]);
}

static struct leat_host host = {.size = sizeof host, .log = log_line};
static struct cppipc_options options = {.kind = CPPIPC_ROUTE,
                                        .directory = folder,
                                        .max_message_bytes = 1 << 20,
                                        .kick_after_ns = NS_PER_S,
                                        .lock_ns = 100 * NS_PER_MS};

static const char *examine(const char *name, bool repair)
{
    struct leat_examination examination = {.size = sizeof examination, .repair = repair, .found = note};
    found[0] = '\0';
    cr_assert(doctor_examine(&host, name, &options, &examination) == 0);
    return found;
}

static void cr_assert_found(const char *what)
{
    cr_assert(strstr(found, what) != NULL, "%s instead of %s", found, what);
}

TestSuite(cppipc_doctor, .init = folder_make, .fini = folder_remove, .timeout = 30);

/* A process that has the channel open as a receiver does, or with `act` more, until it is killed. */
static pid_t live(void (*act)(struct handle *handle))
{
    int ready[2];
    char byte;
    cr_assert(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct handle handle;
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails ends without us */
        folder_open_handle(&handle);
        if (act)
            act(&handle);
        (void)!write(ready[1], "r", 1);
        for (;;)
            pause();
    }
    cr_assert(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void end(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void receive(struct handle *handle)
{
    struct ring_reader reader = {.ring = {handle->ring, CPPIPC_ROUTE}};
    ring_connect(&reader, NULL, NULL);
}

Test(cppipc_doctor, finds_nothing_where_nothing_is)
{
    cr_assert_str_eq(examine(NULL, true), "");
}

Test(cppipc_doctor, leaves_a_living_receiver_alone)
{
    pid_t child = live(receive);
    examine("quotes", true);
    cr_assert_found("good:none");
    struct handle handle;
    folder_open_handle(&handle);
    cr_assert(atomic_load(&handle.ring->connected) == 1);
    handle_close(&handle);
    end(child);
}

Test(cppipc_doctor, looks_without_leaving_a_trace)
{
    struct handle handle;
    pid_t child = live(receive);
    folder_open_handle(&handle);
    int32_t references = segment_references(&handle.objects[CPPIPC_RING]);
    struct cppipc_ring before = *handle.ring;
    examine(NULL, false);
    cr_assert(memcmp(&before, handle.ring, sizeof before) == 0);
    cr_assert(segment_references(&handle.objects[CPPIPC_RING]) == references);
    handle_close(&handle);
    end(child);
}

static void receive_and_die_once(struct handle *handle)
{
    receive(handle);
    receive(handle); /* two bits of one handle: at most one of them can be alive */
    struct ring ring = {handle->ring, CPPIPC_ROUTE};
    struct cppipc_message message = {.handle = 9, .remain = -60};
    ring_push(ring, &message, NULL, NULL);
    struct ring_reader alive = {.ring = ring, .bit = 1};
    uint32_t behind;
    ring_pop(&alive, &message, &behind);
}

Test(cppipc_doctor, more_receivers_than_handles_are_dead_and_who_has_not_read_is_one)
{
    struct handle handle;
    pid_t child = live(receive_and_die_once);
    examine("quotes", false);
    cr_assert_found("dead-receivers:possible");
    examine("quotes", true);
    cr_assert_found("dead-receivers:done");
    folder_open_handle(&handle);
    cr_assert(atomic_load(&handle.ring->connected) == 1);
    for (unsigned i = 0; i < CPPIPC_SLOTS; i++)
        cr_assert((uint32_t)atomic_load(&handle.ring->slots[i].readers) == 0);
    handle_close(&handle);
    end(child);
}

Test(cppipc_doctor, what_nobody_has_open_is_removed)
{
    end(live(receive));
    examine(NULL, false);
    cr_assert_found("left-behind:possible");
    examine(NULL, true);
    cr_assert_found("left-behind:done");
    cr_assert(folder_remove_files("") == 0);
}

static void send_and_stay(struct handle *handle)
{
    struct sender *sender;
    void *data;
    (void)handle;
    if (sender_open(&sender, &host, "quotes", &options) == 0)
        sender_claim(sender, 1, &data, NS_PER_S);
}

Test(cppipc_doctor, the_flag_of_a_killed_bridge_is_cleared_beside_living_receivers)
{
    struct handle handle;
    pid_t receiver = live(receive);
    end(live(send_and_stay));
    examine("quotes", true);
    cr_assert_found("stale-sender-flag:done");
    folder_open_handle(&handle);
    cr_assert(atomic_load(&handle.ring->sender) == 0);
    cr_assert(folder_remove_files("leat-cppipc") == 0);
    handle_close(&handle);
    end(receiver);
}

Test(cppipc_doctor, the_flag_of_a_living_bridge_stays)
{
    struct handle handle;
    pid_t receiver = live(receive), sender = live(send_and_stay);
    examine("quotes", true);
    folder_open_handle(&handle);
    cr_assert(atomic_load(&handle.ring->sender) == 1, "%s", found);
    handle_close(&handle);
    end(sender);
    end(receiver);
}

/* A message in a chunk waits for the receiver; 20 more chunks are lost. */
static void lose_chunks(struct handle *handle)
{
    struct pools pools;
    struct pool *pool;
    receive(handle);
    pools_init(&pools, folder_where());
    pools_find(&pools, 500, true, &pool);
    uint32_t chunk = pool_acquire(pool, 1);
    struct cppipc_message message = {.handle = 9, .remain = 500 - 64, .stored = 1};
    memcpy(message.data, &chunk, sizeof chunk);
    ring_push((struct ring){handle->ring, CPPIPC_ROUTE}, &message, NULL, NULL);
    for (unsigned i = 0; i < 20; i++)
        pool_acquire(pool, 1);
    /* unmapped as by a death: the count stays, or the file would go with it */
    atomic_fetch_add(pool->segment.count, 1);
    pools_close(&pools);
}

Test(cppipc_doctor, lost_chunks_of_a_pool_come_back_and_those_of_unread_messages_stay)
{
    struct pools pools;
    struct pool *pool;
    pid_t child = live(lose_chunks);
    examine(NULL, true);
    cr_assert_found("lost-chunks:done");
    pools_init(&pools, folder_where());
    cr_assert(pools_find(&pools, 500, false, &pool) == 0);
    cr_assert(pool_readers(pool, 0) == 1);
    unsigned taken = 0;
    for (uint32_t chunk; (chunk = pool_acquire(pool, 1)) != POOL_NONE; taken++)
        cr_assert(chunk != 0, "the chunk of an unread message was given away");
    cr_assert(taken == CPPIPC_CHUNKS - 1, "%u", taken);
    pools_close(&pools);
    end(child);
}

Test(cppipc_doctor, a_foreign_file_is_named_and_left)
{
    char path[256];
    snprintf(path, sizeof path, "%s/__IPC_SHM__QU_CONN__odd__64__16", folder);
    FILE *file = fopen(path, "w");
    fputs("something else", file);
    fclose(file);
    examine("odd", false);
    cr_assert_found("wrong-size:none");
}
