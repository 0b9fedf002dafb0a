#include "channel_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

TestSuite(wait, .init = fixture_open, .fini = fixture_close);

#define CROWD 3
static const char *const names[CROWD] = {"a", "b", "c"};

static void open_crowd(struct leat_reader *readers[CROWD])
{
    for (int i = 0; i < CROWD; i++)
        readers[i] = reader_on(names[i]);
}

static void close_crowd(struct leat_reader *readers[CROWD])
{
    for (int i = 0; i < CROWD; i++)
        leat_reader_close(readers[i]);
}

static void nap_ms(int ms)
{
    usleep((useconds_t)ms * 1000);
}

static void *publish_to(void *name)
{
    nap_ms(20); /* most of the times the other one sleeps by now; it must be right either way */
    struct leat_writer *writer = writer_on(name);
    must_put(writer, 1, 10);
    leat_writer_close(writer);
    return NULL;
}

static void *ring(void *doorbell)
{
    nap_ms(20);
    leat_wake(doorbell);
    return NULL;
}

static void *remove_later(void *name)
{
    nap_ms(20);
    remove_channel(name);
    return NULL;
}

/* What leat_wait returns while another thread does `deed`. */
static int wait_while(void *(*deed)(void *), void *argument, struct leat_reader *readers[CROWD], uint32_t *doorbell)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, deed, argument), 0);
    int rc = leat_wait(readers, CROWD, doorbell, PATIENCE_NS);
    pthread_join(thread, NULL);
    return rc;
}

Test(wait, the_reader_whose_message_came_is_named_and_nothing_is_taken)
{
    struct leat_reader *readers[CROWD];
    uint32_t doorbell = 0;
    open_crowd(readers);
    for (int i = 0; i < CROWD; i++) {
        cr_expect_eq(wait_while(publish_to, (void *)names[i], readers, &doorbell), i);
        cr_expect_eq(leat_wait(&readers[i], 1, NULL, 0), 0);
        cr_expect_eq(must_get(readers[i]).tag, 1);
    }
    cr_expect_eq(leat_wait(readers, CROWD, NULL, 0), LEAT_EAGAIN);
    cr_expect_eq(leat_wait(readers, CROWD, NULL, 5 * MS_NS), LEAT_ETIMEDOUT);
    close_crowd(readers);
}

Test(wait, a_doorbell_ends_one_wait_whether_it_rings_before_or_during_it)
{
    struct leat_reader *readers[CROWD];
    uint32_t doorbell = 0;
    open_crowd(readers);
    cr_expect_eq(wait_while(ring, &doorbell, readers, &doorbell), -EINTR);
    leat_wake(&doorbell);
    leat_wake(&doorbell);
    cr_expect_eq(leat_wait(NULL, 0, &doorbell, LEAT_FOREVER), -EINTR);
    cr_expect_eq(leat_wait(readers, CROWD, &doorbell, MS_NS), LEAT_ETIMEDOUT);
    cr_expect_eq(leat_wait(NULL, 0, NULL, LEAT_FOREVER), -EINVAL);
    close_crowd(readers);
}

Test(wait, a_removed_channel_ends_the_wait)
{
    struct leat_reader *readers[CROWD];
    struct leat_message message;
    open_crowd(readers);
    cr_expect_eq(wait_while(remove_later, (void *)names[1], readers, NULL), 1);
    cr_expect_eq(leat_borrow(readers[1], &message, 0), LEAT_ECLOSED);
    close_crowd(readers);
}

Test(wait, a_dead_writers_claim_is_not_waited_for)
{
    struct leat_reader *readers[CROWD];
    open_crowd(readers);
    pid_t child = fork();
    if (child == 0) {
        void *data;
        struct leat_writer *writer = writer_on(names[2]);
        (void)leat_claim(writer, 100, &data, 0);
        _exit(0);
    }
    wait_child(child);
    cr_expect_eq(leat_wait(readers, CROWD, NULL, 20 * MS_NS), LEAT_ETIMEDOUT);
    cr_expect_eq(wait_while(publish_to, (void *)names[2], readers, NULL), 2);
    cr_expect_eq(must_get(readers[2]).tag, 1);
    close_crowd(readers);
}

Test(wait, who_has_lent_a_message_cannot_be_waited_for)
{
    struct leat_reader *reader = reader_on("c");
    struct leat_writer *writer = writer_on("c");
    struct leat_message message;
    must_put(writer, 1, 10);
    cr_assert_eq(leat_borrow(reader, &message, 0), 0);
    cr_expect_eq(leat_wait(&reader, 1, NULL, 0), -EBUSY);
    leat_writer_close(writer);
    leat_reader_close(reader);
}

Test(wait, more_readers_than_the_kernel_waits_for_at_once_are_waited_for_all_the_same)
{
    enum { MANY = 200 };
    struct leat_reader *readers[MANY];
    for (int i = 0; i < MANY; i++)
        readers[i] = reader_on("c");
    struct leat_writer *writer = writer_on("c");
    cr_expect_eq(leat_wait(readers, MANY, NULL, 3 * MS_NS), LEAT_ETIMEDOUT);
    must_put(writer, 1, 10);
    cr_expect_eq(leat_wait(readers, MANY, NULL, PATIENCE_NS), 0);
    leat_writer_close(writer);
    for (int i = 0; i < MANY; i++)
        leat_reader_close(readers[i]);
}

struct nuisance {
    pthread_t victim;
    atomic_bool enough;
};

static void *send_signals(void *argument)
{
    struct nuisance *nuisance = argument;
    while (!nuisance->enough) {
        nap_ms(2);
        pthread_kill(nuisance->victim, SIGUSR1);
    }
    return NULL;
}

static void handle(int number)
{
    (void)number;
}

Test(wait, a_signal_ends_the_wait_for_few_and_for_many)
{
    enum { MANY = 200 };
    struct leat_reader *readers[MANY];
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handle}, NULL);
    for (int i = 0; i < MANY; i++)
        readers[i] = reader_on("c");
    for (size_t count = 1; count <= MANY; count += MANY - 1) {
        struct nuisance nuisance = {.victim = pthread_self()};
        pthread_t thread;
        cr_assert_eq(pthread_create(&thread, NULL, send_signals, &nuisance), 0);
        cr_expect_eq(leat_wait(readers, count, NULL, PATIENCE_NS), -EINTR, "%zu readers", count);
        nuisance.enough = true;
        pthread_join(thread, NULL);
    }
    for (int i = 0; i < MANY; i++)
        leat_reader_close(readers[i]);
}

Test(keep, what_was_lent_stays_mapped_beyond_the_close, .init = fixture_open, .fini = fixture_close)
{
    struct leat_reader *reader = reader_on("c");
    struct leat_writer *writer = writer_on("c");
    struct leat_message message;
    must_put(writer, 1, 1000);
    cr_assert_eq(leat_borrow(reader, &message, 0), 0);
    struct leat_mapping *lent = leat_reader_keep(reader), *again = leat_reader_keep(reader);
    leat_reader_close(reader);
    leat_mapping_release(again);
    remove_channel("c");
    cr_expect(is_filled(message.data, message.len, 1));
    void *claimed;
    struct leat_mapping *kept = leat_writer_keep(writer);
    cr_expect_eq(leat_claim(writer, 100, &claimed, 0), LEAT_ECLOSED);
    leat_writer_close(writer);
    leat_mapping_release(kept);
    leat_mapping_release(lent);
    leat_mapping_release(NULL);
}
