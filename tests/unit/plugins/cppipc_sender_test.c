/* The writing end of a bridge, with receivers of ours at the other one. */
#include "cppipc/sender.h"

#include "cppipc/clock.h"
#include "cppipc/holding.h"
#include "cppipc/pool.h"
#include "cppipc/ring.h"
#include "cppipc_folder.h"

#include <leat/error.h>

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static char logged[4096];

static void log_line(void *context, int32_t level, const char *text)
{
    (void)context, (void)level;
    size_t used = strlen(logged);
    snprintf(logged + used, sizeof logged - used, "%s\n", text);
}

static struct leat_host host = {.size = sizeof host, .log = log_line};
static struct cppipc_options options = {.kind = CPPIPC_ROUTE,
                                        .directory = folder,
                                        .max_message_bytes = 16 << 20,
                                        .kick_after_ns = NS_PER_S,
                                        .lock_ns = 100 * NS_PER_MS};
static struct handle theirs;
static struct ring_reader reader;
static struct sender *sender;

TestSuite(cppipc_sender, .init = folder_make, .fini = folder_remove);

/* A program with one receiver. */
static void connect_receiver(void)
{
    folder_open_handle(&theirs);
    reader = (struct ring_reader){.ring = {theirs.ring, options.kind}};
    cr_assert(ring_connect(&reader, NULL, NULL) == 0);
}

static void open_sender(void)
{
    cr_assert(sender_open(&sender, &host, "quotes", &options) == 0, "%s", logged);
}

static int send_bytes(const void *bytes, uint64_t len)
{
    void *data;
    int error = sender_claim(sender, len, &data, 50 * NS_PER_MS);
    if (error)
        return error;
    memcpy(data, bytes, len);
    do
        error = sender_commit(sender, len, 42);
    while (error == LEAT_ETIMEDOUT);
    return error;
}

static struct cppipc_message next(void)
{
    struct cppipc_message message = {0};
    uint32_t behind;
    cr_assert(ring_pop(&reader, &message, &behind) == 1);
    return message;
}

static void close_all(void)
{
    sender_close(sender);
    handle_close(&theirs);
}

/* ---- attaching -------------------------------------------------------------------------------------------------------- */

Test(cppipc_sender, creates_nothing_and_drops_until_somebody_receives)
{
    void *data;
    open_sender();
    cr_assert(sender_claim(sender, 1, &data, 0) == -ENOTCONN);
    cr_assert(folder_remove_files("IPC_SHM") == 0);
    connect_receiver();
    cr_assert(send_bytes("x", 1) == 0); /* whoever is there before a message gets it */
    cr_assert(next().data[0] == 'x');
    close_all();
}

Test(cppipc_sender, waits_for_a_receiver_where_it_is_told_to)
{
    void *data;
    options.without_receiver = 1;
    open_sender();
    int64_t began_ns = monotonic_ns();
    cr_assert(sender_claim(sender, 1, &data, 30 * NS_PER_MS) == LEAT_EAGAIN);
    cr_assert(monotonic_ns() - began_ns >= 30 * NS_PER_MS);
    connect_receiver();
    while (send_bytes("x", 1) == LEAT_EAGAIN)
        continue;
    cr_assert(next().data[0] == 'x');
    close_all();
}

Test(cppipc_sender, finds_a_channel_that_was_made_anew)
{
    connect_receiver();
    open_sender();
    cr_assert(send_bytes("x", 1) == 0);
    cr_assert(folder_remove_files("IPC_SHM") > 0);
    struct handle orphan = theirs;
    connect_receiver();
    int64_t until_ns = deadline_after(5 * NS_PER_S);
    uint32_t behind;
    struct cppipc_message message;
    while (ring_pop(&reader, &message, &behind) != 1 && monotonic_ns() < until_ns)
        send_bytes("y", 1);
    cr_assert(message.data[0] == 'y');
    close_all();
    handle_close(&orphan);
}

Test(cppipc_sender, refuses_a_channel_of_the_other_kind_in_words)
{
    connect_receiver();
    for (unsigned i = 0; i < 4; i++) {
        theirs.ring->slots[i].message.handle = 7;
        atomic_store(&theirs.ring->slots[i].committed, ~(uint64_t)i);
    }
    cr_assert(sender_open(&sender, &host, "quotes", &options) == -EPROTO);
    cr_assert(strstr(logged, "ipc::channel") && strstr(logged, "route"), "%s", logged);
    sender = NULL;
    close_all();
}

/* ---- messages --------------------------------------------------------------------------------------------------------- */

Test(cppipc_sender, small_messages_are_one_slot)
{
    char bytes[64];
    memset(bytes, 'a', sizeof bytes);
    connect_receiver();
    open_sender();
    for (unsigned len = 1; len <= sizeof bytes; len++) {
        cr_assert(send_bytes(bytes, len) == 0);
        struct cppipc_message message = next();
        cr_assert(message.remain == (int32_t)len - 64 && !message.stored && message.id == len - 1);
        cr_assert(memcmp(message.data, bytes, len) == 0);
    }
    close_all();
}

Test(cppipc_sender, has_no_empty_messages_and_none_larger_than_it_may)
{
    void *data;
    connect_receiver();
    open_sender();
    cr_assert(sender_claim(sender, 0, &data, 0) == -EINVAL);
    cr_assert(sender_claim(sender, options.max_message_bytes + 1, &data, 0) == LEAT_ETOOBIG);
    cr_assert(sender_claim(sender, UINT64_MAX, &data, 0) == LEAT_ETOOBIG);
    close_all();
}

Test(cppipc_sender, a_tag_goes_before_the_bytes)
{
    options.tag = 1;
    connect_receiver();
    open_sender();
    cr_assert(send_bytes("", 0) == 0);
    struct cppipc_message message = next();
    cr_assert(message.remain == 8 - 64 && message.data[0] == 42 && message.data[1] == 0);
    close_all();
}

Test(cppipc_sender, large_messages_lie_in_a_chunk_that_every_receiver_must_release)
{
    static char bytes[100000], read_back[sizeof bytes];
    struct pools pools;
    struct pool *pool;
    memset(bytes, 'b', sizeof bytes);
    connect_receiver();
    open_sender();
    cr_assert(send_bytes(bytes, sizeof bytes) == 0);
    struct cppipc_message message = next();
    cr_assert(message.stored && message.remain == (int32_t)sizeof bytes - 64);
    pools_init(&pools, folder_where());
    cr_assert(pools_find(&pools, sizeof bytes, false, &pool) == 0);
    cr_assert(pool_readers(pool, message.data[0]) == reader.bit);
    cr_assert(pool_read(pool, message.data[0], read_back, sizeof bytes) == 0);
    cr_assert(memcmp(bytes, read_back, sizeof bytes) == 0);
    pools_close(&pools);
    close_all();
}

static uint64_t put_together(unsigned char *bytes, uint64_t len)
{
    uint64_t got = 0;
    while (got < len) {
        struct cppipc_message message;
        uint32_t behind;
        if (ring_pop(&reader, &message, &behind) != 1)
            continue;
        cr_assert(!message.stored && (uint64_t)((int64_t)message.remain + 64) == len - got);
        uint64_t part = len - got < 64 ? len - got : 64;
        memcpy(bytes + got, message.data, part);
        got += part;
    }
    return got;
}

static unsigned char put_bytes[3000000];

static void *put_together_all(void *of)
{
    (void)of;
    put_together(put_bytes, sizeof put_bytes);
    return NULL;
}

Test(cppipc_sender, without_a_chunk_a_message_goes_in_fragments, .timeout = 60)
{
    static unsigned char bytes[sizeof put_bytes];
    struct pools pools;
    struct pool *pool;
    pthread_t thread;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 / 64);
    connect_receiver();
    pools_init(&pools, folder_where());
    cr_assert(pools_find(&pools, sizeof bytes, true, &pool) == 0);
    while (pool_acquire(pool, 1) != POOL_NONE)
        continue;
    open_sender();
    pthread_create(&thread, NULL, put_together_all, NULL);
    cr_assert(send_bytes(bytes, sizeof bytes) == 0);
    pthread_join(thread, NULL);
    cr_assert(memcmp(bytes, put_bytes, sizeof bytes) == 0);
    pools_close(&pools);
    close_all();
}

/* ---- a full ring ------------------------------------------------------------------------------------------------------ */

Test(cppipc_sender, disconnects_who_makes_no_room_for_too_long_and_not_before)
{
    options.kick_after_ns = 300 * NS_PER_MS;
    connect_receiver();
    open_sender();
    for (unsigned i = 0; i < CPPIPC_SLOTS; i++)
        cr_assert(send_bytes("x", 1) == 0);
    int64_t began_ns = monotonic_ns();
    int error;
    while ((error = send_bytes("x", 1)) == LEAT_ETIMEDOUT)
        cr_assert(ring_is_connected(&reader));
    cr_assert(error == -ENOTCONN && monotonic_ns() - began_ns >= 300 * NS_PER_MS);
    cr_assert(!ring_is_connected(&reader) && strstr(logged, "made no room"), "%s", logged);
    close_all();
}

Test(cppipc_sender, the_chunks_of_who_was_disconnected_come_back)
{
    char bytes[200] = "";
    struct pools pools;
    struct pool *pool;
    options.kick_after_ns = 50 * NS_PER_MS;
    connect_receiver();
    open_sender();
    for (unsigned i = 0; i < CPPIPC_SLOTS; i++) /* 32 in chunks; then in fragments */
        send_bytes(bytes, i < CPPIPC_CHUNKS ? sizeof bytes : 1);
    int64_t until_ns = deadline_after(5 * NS_PER_S);
    while (ring_is_connected(&reader) && monotonic_ns() < until_ns)
        send_bytes("x", 1);
    pools_init(&pools, folder_where());
    cr_assert(pools_find(&pools, sizeof bytes, false, &pool) == 0);
    unsigned free_chunks = 0;
    while (pool_acquire(pool, 1) != POOL_NONE)
        free_chunks++;
    cr_assert(free_chunks == CPPIPC_CHUNKS, "%u", free_chunks);
    pools_close(&pools);
    close_all();
}

/* As the library's receivers leave and join: what is unread keeps the bit, and the next one begins behind it. */
static void replace_receiver(void)
{
    atomic_fetch_and(&theirs.ring->connected, ~reader.bit);
    atomic_fetch_or(&theirs.ring->connected, reader.bit);
    reader.cursor = reader.joined = atomic_load(&theirs.ring->write);
}

static void expect_served_in_another_ones_place(uint32_t kind)
{
    options.kind = kind;
    options.kick_after_ns = 20 * NS_PER_S;
    connect_receiver();
    open_sender();
    for (unsigned i = 0; i < 200; i++)
        cr_assert(send_bytes("old", 3) == 0);
    replace_receiver();
    for (unsigned i = 0; i < 600; i++) {
        cr_assert(send_bytes("new", 3) == 0, "message %u found no room", i);
        cr_assert(memcmp(next().data, "new", 3) == 0);
    }
    cr_assert(ring_connected(reader.ring) == reader.bit);
    close_all();
}

Test(cppipc_sender, who_takes_the_place_of_one_that_left_without_reading_is_not_held_responsible_in_a_route)
{
    expect_served_in_another_ones_place(CPPIPC_ROUTE);
}

Test(cppipc_sender, who_takes_the_place_of_one_that_left_without_reading_is_not_held_responsible_in_a_channel)
{
    expect_served_in_another_ones_place(CPPIPC_CHANNEL);
}

static void *read_later(void *of)
{
    struct timespec later = timespec_of(100 * NS_PER_MS);
    (void)of;
    clock_nanosleep(CLOCK_MONOTONIC, 0, &later, NULL);
    next();
    return NULL;
}

Test(cppipc_sender, room_is_waited_for)
{
    void *data;
    pthread_t thread;
    connect_receiver();
    open_sender();
    for (unsigned i = 0; i < CPPIPC_SLOTS; i++)
        cr_assert(send_bytes("x", 1) == 0);
    cr_assert(sender_claim(sender, 1, &data, 20 * NS_PER_MS) == LEAT_ETIMEDOUT);
    pthread_create(&thread, NULL, read_later, NULL);
    int error;
    while ((error = sender_claim(sender, 1, &data, 50 * NS_PER_MS)) == LEAT_ETIMEDOUT)
        continue;
    cr_assert(error == 0);
    pthread_join(thread, NULL);
    close_all();
}

/* ---- one sender of a route -------------------------------------------------------------------------------------------- */

Test(cppipc_sender, waits_while_a_route_has_another_sender)
{
    connect_receiver();
    cr_assert(ring_claim_sender(reader.ring));
    for (int i = 0; i < 3; i++) /* whoever opens it shows people that it waits */
        cr_assert(sender_open(&sender, &host, "quotes", &options) == -EBUSY);
    cr_assert(strstr(logged, "another sender"), "%s", logged);
    ring_leave_sender(reader.ring);
    open_sender();
    cr_assert(send_bytes("x", 1) == 0);
    close_all();
}

Test(cppipc_sender, ends_where_another_one_has_become_the_sender_meanwhile)
{
    void *data;
    open_sender();
    connect_receiver();
    cr_assert(ring_claim_sender(reader.ring));
    int error;
    while ((error = sender_claim(sender, 1, &data, 50 * NS_PER_MS)) == -ENOTCONN)
        continue;
    cr_assert(error == LEAT_ECLOSED, "%d", error);
    close_all();
}

Test(cppipc_sender, a_clean_end_gives_the_flag_back)
{
    connect_receiver();
    open_sender();
    cr_assert(send_bytes("x", 1) == 0 && atomic_load(&theirs.ring->sender) == 1);
    sender_close(sender);
    cr_assert(atomic_load(&theirs.ring->sender) == 0);
    cr_assert(folder_remove_files("leat-cppipc") == 0);
    handle_close(&theirs);
}

Test(cppipc_sender, takes_over_the_flag_of_its_killed_predecessor)
{
    connect_receiver();
    pid_t child = fork();
    if (child == 0) {
        open_sender();
        _exit(send_bytes("x", 1) == 0 && raise(SIGKILL) ? 1 : 0);
    }
    int status;
    waitpid(child, &status, 0);
    cr_assert(WIFSIGNALED(status) && atomic_load(&theirs.ring->sender) == 1);
    open_sender();
    cr_assert(send_bytes("y", 1) == 0, "%s", logged);
    next();
    cr_assert(next().data[0] == 'y');
    close_all();
}
