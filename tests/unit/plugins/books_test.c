/* The books of a socket's peers: plugins/common/sp_books.h, through the slot that the gateway calls. */
#include "peer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE 100u
#define LARGE ((size_t)64 << 10)
#define SUB_NUMBER 0x21
#define BUS_NUMBER 0x70
#define HEAD 8u /* of each message on tcp: its length */

struct house {
    struct plug plug;
    struct peer publisher;
    int port;
};

static void house_open(struct house *house, const char *plugin, const char *url, uint32_t role)
{
    char text[64];
    house->port = 10000 + getpid() % 20000;
    snprintf(text, sizeof text, url, house->port);
    plug_init(&house->plug, plugin, "");
    peer_open(&house->publisher, &house->plug, role, QUEUE);
    peer_listen(&house->publisher, &house->plug, text);
}

static void house_close(struct house *house)
{
    peer_close(&house->publisher);
    plug_fini(&house->plug);
}

/* A subscriber over a plain socket, which takes nothing until it is told to. */
static int connect_plainly(const struct house *house, uint8_t protocol)
{
    const uint8_t hello[8] = {0, 'S', 'P', 0, 0, protocol, 0, 0};
    uint8_t theirs[8];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)house->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    cr_assert(write(fd, hello, 8) == 8 && recv(fd, theirs, 8, MSG_WAITALL) == 8);
    return fd;
}

static void publish(struct house *house, uint32_t count, size_t len)
{
    static char body[LARGE];
    for (uint32_t i = 0; i < count; i++)
        cr_assert(peer_send(&house->publisher, body, len));
}

/* Takes what comes until nothing does for a while; how many messages of `len` bytes. */
static uint64_t take_all(int fd, size_t len)
{
    static char bytes[1 << 20];
    struct timeval limit = {.tv_usec = 300000};
    uint64_t sum = 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (ssize_t got; (got = recv(fd, bytes, sizeof bytes, 0)) > 0;)
        sum += (uint64_t)got;
    return sum / (len + HEAD);
}

static struct leat_peer_books books[8];

static int32_t list(struct house *house)
{
    for (size_t i = 0; i < sizeof books / sizeof books[0]; i++)
        books[i] = (struct leat_peer_books){.size = sizeof books[i]};
    int32_t count = house->publisher.ops->books(house->publisher.socket, books, sizeof books / sizeof books[0]);
    for (int32_t i = 0; i < count; i++)
        cr_assert(!books[i].may_lose || !books[i].counted ||
                  books[i].offered_messages ==
                      books[i].sent_messages + books[i].lost_messages + books[i].queued_messages);
    return count;
}

Test(books, a_subscriber_that_keeps_up_has_lost_nothing)
{
    struct house house;
    house_open(&house, "tcp", "tcp://127.0.0.1:%d", LEAT_ROLE_PUBLISHER);
    int fd = connect_plainly(&house, SUB_NUMBER);
    cr_assert(peer_await_connected(&house.publisher, 1));
    publish(&house, 50, 64);
    cr_assert_eq(take_all(fd, 64), 50);
    cr_assert_eq(list(&house), 1);
    cr_assert(books[0].counted && books[0].may_lose && books[0].queue == QUEUE);
    cr_assert(books[0].offered_messages == 50 && books[0].sent_messages == 50 && books[0].lost_messages == 0);
    cr_assert(books[0].offered_bytes == 50 * 64 && books[0].sent_bytes == 50 * 64 && books[0].lost_bytes == 0);
    cr_assert(books[0].queued_messages == 0 && books[0].queued_bytes == 0);
    cr_assert_eq(strncmp(books[0].address, "127.0.0.1:", 10), 0);
    close(fd);
    house_close(&house);
}

Test(books, a_slow_subscribers_loss_is_exact_while_it_stalls_and_when_it_has_caught_up)
{
    struct house house;
    house_open(&house, "tcp", "tcp://127.0.0.1:%d", LEAT_ROLE_PUBLISHER);
    int fd = connect_plainly(&house, SUB_NUMBER);
    cr_assert(peer_await_connected(&house.publisher, 1));
    publish(&house, 5000, LARGE);
    list(&house);
    uint64_t lost = books[0].lost_messages;
    cr_assert_eq(books[0].offered_messages, 5000);
    cr_assert_eq(books[0].queued_messages, QUEUE + 1);
    cr_assert_eq(books[0].lost_bytes, lost * LARGE);
    uint64_t taken = take_all(fd, LARGE);
    cr_assert_eq(lost + taken, 5000, "%lu lost and %lu taken", (unsigned long)lost, (unsigned long)taken);
    list(&house);
    cr_assert(books[0].lost_messages == lost && books[0].sent_messages == taken && books[0].queued_messages == 0);
    close(fd);
    house_close(&house);
}

Test(books, a_peer_that_left_is_told_of_once_with_what_it_was_sent)
{
    struct house house;
    house_open(&house, "tcp", "tcp://127.0.0.1:%d", LEAT_ROLE_PUBLISHER);
    int fd = connect_plainly(&house, SUB_NUMBER);
    cr_assert(peer_await_connected(&house.publisher, 1));
    publish(&house, 20, 64);
    cr_assert_eq(take_all(fd, 64), 20);
    close(fd);
    cr_assert(peer_await_connected(&house.publisher, 0));
    cr_assert_eq(list(&house), 1);
    cr_assert(books[0].left && books[0].sent_messages == 20 && books[0].lost_messages == 0);
    cr_assert_geq(books[0].until_ns, books[0].since_ns);
    cr_assert_eq(strncmp(books[0].address, "127.0.0.1:", 10), 0);
    cr_assert_eq(list(&house), 0);
    house_close(&house);
}

Test(books, a_listing_without_room_tells_nothing_and_forgets_nothing)
{
    struct house house;
    house_open(&house, "tcp", "tcp://127.0.0.1:%d", LEAT_ROLE_PUBLISHER);
    int fd = connect_plainly(&house, SUB_NUMBER);
    cr_assert(peer_await_connected(&house.publisher, 1));
    close(fd);
    cr_assert(peer_await_connected(&house.publisher, 0));
    fd = connect_plainly(&house, SUB_NUMBER);
    cr_assert(peer_await_connected(&house.publisher, 1));
    struct leat_peer_books none = {.size = sizeof none};
    cr_assert_eq(house.publisher.ops->books(house.publisher.socket, &none, 0), 2);
    cr_assert_eq(house.publisher.ops->books(house.publisher.socket, &none, 1), 2);
    cr_assert_eq(none.id, 0);
    cr_assert_eq(list(&house), 2);
    cr_assert(books[0].left && !books[1].left);
    close(fd);
    house_close(&house);
}

Test(books, where_nng_counts_nothing_nothing_is_said_to_be_known)
{
    struct house house;
    struct peer subscriber;
    char url[64];
    house_open(&house, "inproc", "inproc://leat-books-%d", LEAT_ROLE_PUBLISHER);
    snprintf(url, sizeof url, "inproc://leat-books-%d", house.port);
    peer_open(&subscriber, &house.plug, LEAT_ROLE_SUBSCRIBER, QUEUE);
    peer_dial(&subscriber, &house.plug, url);
    cr_assert(peer_await_connected(&house.publisher, 1));
    publish(&house, 10, 64);
    cr_assert_eq(list(&house), 1);
    cr_assert(!books[0].counted && books[0].may_lose && books[0].offered_messages == 10);
    cr_assert(books[0].sent_messages == 0 && books[0].lost_messages == 0 && books[0].queued_messages == 0);
    cr_assert(books[0].offered_bytes == 640 && books[0].queued_bytes == 0);
    peer_close(&subscriber);
    house_close(&house);
}

Test(books, a_bus_peer_that_takes_nothing_loses_what_others_get)
{
    struct house house;
    house_open(&house, "tcp", "tcp://127.0.0.1:%d", LEAT_ROLE_BUS);
    int stalled = connect_plainly(&house, BUS_NUMBER);
    cr_assert(peer_await_connected(&house.publisher, 1));
    uint32_t stalled_id = list(&house) == 1 ? books[0].id : 0;
    int healthy = connect_plainly(&house, BUS_NUMBER);
    cr_assert(peer_await_connected(&house.publisher, 2));
    uint64_t taken = 0;
    for (int turn = 0; turn < 200; turn++) { /* the first one is waited for, two seconds */
        publish(&house, 1, LARGE);
        char byte[LARGE + HEAD];
        taken += recv(healthy, byte, sizeof byte, MSG_WAITALL) == sizeof byte;
    }
    cr_assert_eq(taken, 200);
    cr_assert_eq(list(&house), 2);
    const struct leat_peer_books *slow = &books[books[0].id == stalled_id ? 0 : 1], *quick = &books[slow == books];
    cr_assert(slow->offered_messages == 200 && slow->lost_messages > 50, "%lu", (unsigned long)slow->lost_messages);
    for (int i = 0; i < 1000 && quick->sent_messages < 200; i++) { /* it has the last one before nng counts it */
        usleep(1000);
        list(&house);
    }
    cr_assert(quick->sent_messages == 200 && quick->lost_messages == 0);
    close(healthy);
    close(stalled);
    house_close(&house);
}

Test(books, a_pusher_waits_and_so_its_peers_lose_nothing)
{
    struct house house;
    house_open(&house, "tcp", "tcp://127.0.0.1:%d", LEAT_ROLE_PUSHER);
    int fd = connect_plainly(&house, 0x51);
    cr_assert(peer_await_connected(&house.publisher, 1));
    publish(&house, 10, 64);
    cr_assert_eq(take_all(fd, 64), 10);
    cr_assert_eq(list(&house), 1);
    cr_assert(books[0].counted && !books[0].may_lose && books[0].sent_messages == 10 && books[0].queue == 0);
    close(fd);
    house_close(&house);
}
