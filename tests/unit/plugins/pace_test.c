/* Answers and broadcasts of the raw sockets arrive, however fast they are sent: plugins/common/sp_pace.h. And each role of a raw
 * socket carries messages there and back, with the headers that lead the way. */
#include "peer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct way {
    const char *plugin, *url;
    bool
        counted; /* nng counts what it writes: then as much as one likes goes at once, and otherwise what fits into a queue */
};

static const struct way ways[] = {
    {"tcp", "tcp://127.0.0.1:%d", true},
    {"ipc", "ipc:///tmp/leat-pace-%d.sock", true},
    {"inproc", "inproc://leat-pace-%d", false},
};
#define WAYS (sizeof ways / sizeof ways[0])

/* A test has a process of its own. */
static const char *own_url(const struct way *way)
{
    static char url[128];
    int port = 10000 + getpid() % 20000; /* below those that the kernel gives to diallers */
    snprintf(url, sizeof url, way->url, port);
    return url;
}

/* Of a bus: from nng 1.6 on it drops what its program has not yet taken, beyond that. */
#define RECEIVE_QUEUE 1024

/* Two sockets of one process, connected. `asker` dials. */
struct pair {
    struct plug plug;
    struct peer asker, answerer;
};

static void pair_open(struct pair *pair, const struct way *way, uint32_t asks, uint32_t answers)
{
    plug_init(&pair->plug, way->plugin, "");
    peer_open(&pair->asker, &pair->plug, asks, RECEIVE_QUEUE);
    peer_open(&pair->answerer, &pair->plug, answers, RECEIVE_QUEUE);
    peer_listen(&pair->answerer, &pair->plug, own_url(way));
    peer_dial(&pair->asker, &pair->plug, own_url(way));
    cr_assert(peer_await_connected(&pair->asker, 1) && peer_await_connected(&pair->answerer, 1), "%s", way->url);
}

static void pair_close(struct pair *pair)
{
    peer_close(&pair->asker);
    peer_close(&pair->answerer);
    plug_fini(&pair->plug);
}

/* A question's number in the protocol's header; the top bit says that nothing precedes it. */
static const uint8_t question[4] = {0x80, 1, 2, 3};

static void ask(struct pair *pair, struct leat_packet *way_back)
{
    char body[16];
    cr_assert(peer_send_raw(&pair->asker, question, sizeof question, "what", 4));
    cr_assert(peer_receive_raw(&pair->answerer, way_back, body, sizeof body, 10000) == 4);
    cr_assert(memcmp(body, "what", 4) == 0);
    cr_assert(way_back->header_len == 8 && memcmp(way_back->header + 4, question, 4) == 0);
}

struct asked {
    struct pair pair;
    uint32_t count;
};

static void *answer_all(void *of)
{
    struct asked *asked = of;
    struct pair *pair = &asked->pair;
    struct leat_packet way_back;
    ask(pair, &way_back);
    for (uint32_t i = 0; i < asked->count; i++)
        if (!peer_send_raw(&pair->answerer, way_back.header, way_back.header_len, &i, sizeof i))
            return (void *)"no slot came free";
    return NULL;
}

static void expect_answers(const struct way *way, uint32_t asks, uint32_t answers, uint32_t count)
{
    struct asked asked = {.count = count};
    struct peer *asker = &asked.pair.asker;
    pthread_t thread;
    void *complaint;
    pair_open(&asked.pair, way, asks, answers);
    pthread_create(&thread, NULL, answer_all, &asked);
    for (uint32_t i = 0, got; i < count; i++) {
        struct leat_packet header;
        int64_t len = peer_receive_raw(asker, &header, &got, sizeof got, 10000);
        cr_assert(len == sizeof got && got == i, "%s: answer %u of %ld bytes is %u", way->url, i, len, got);
        cr_assert(header.header_len == 4 && memcmp(header.header, question, 4) == 0);
    }
    pthread_join(thread, &complaint);
    cr_assert(!complaint && peer_await_sent(&asked.pair.answerer, count), "%s", way->url);
    pair_close(&asked.pair);
}

Test(pace, a_surveyor_gets_200_answers_that_were_sent_at_once)
{
    for (size_t i = 0; i < WAYS; i++)
        expect_answers(&ways[i], LEAT_ROLE_SURVEYOR, LEAT_ROLE_RESPONDENT, ways[i].counted ? 200 : 2);
}

Test(pace, a_requester_gets_200_answers_that_were_sent_at_once)
{
    for (size_t i = 0; i < WAYS; i++)
        expect_answers(&ways[i], LEAT_ROLE_REQUESTER, LEAT_ROLE_REPLIER, ways[i].counted ? 200 : 64);
}

/* ---- to all -------------------------------------------------------------------------------------------------------- */

struct burst {
    struct peer *sender;
    uint32_t count;
};

static void *send_burst(void *of)
{
    struct burst *burst = of;
    for (uint32_t i = 0; i < burst->count; i++)
        if (!peer_send(burst->sender, &i, sizeof i))
            return (void *)"no slot came free";
    return NULL;
}

Test(pace, a_bus_carries_1000_messages_that_were_sent_at_once_in_order)
{
    for (size_t i = 0; i < WAYS; i++) {
        struct pair pair;
        pthread_t thread;
        struct burst burst = {&pair.asker, ways[i].counted ? 1000 : 14};
        pair_open(&pair, &ways[i], LEAT_ROLE_BUS, LEAT_ROLE_BUS);
        pthread_create(&thread, NULL, send_burst, &burst);
        for (uint32_t k = 0, got; k < burst.count; k++) {
            struct leat_packet header;
            int64_t len = peer_receive_raw(&pair.answerer, &header, &got, sizeof got, 10000);
            cr_assert(len == sizeof got && got == k, "%s: message %u of %ld bytes is %u", ways[i].url, k, len, got);
            cr_assert(header.header_len == 4); /* the pipe that it came from */
        }
        pthread_join(thread, NULL);
        pair_close(&pair);
    }
}

Test(pace, a_bus_message_with_its_pipe_as_header_does_not_go_back_there)
{
    struct pair pair;
    struct leat_packet header;
    char body[8];
    pair_open(&pair, &ways[0], LEAT_ROLE_BUS, LEAT_ROLE_BUS);
    cr_assert(peer_send(&pair.asker, "mine", 4));
    cr_assert(peer_receive_raw(&pair.answerer, &header, body, sizeof body, 10000) == 4);
    cr_assert(peer_send_raw(&pair.answerer, header.header, header.header_len, "mine", 4));
    cr_assert(peer_send(&pair.answerer, "other", 5));
    cr_assert(peer_receive(&pair.asker, body, sizeof body, 10000) == 5);
    pair_close(&pair);
}

/* ---- pairs --------------------------------------------------------------------------------------------------------- */

Test(pace, a_pair_carries_both_ways_in_order)
{
    static const uint32_t versions[] = {LEAT_ROLE_PAIR0, LEAT_ROLE_PAIR1};
    for (size_t i = 0; i < 2 * WAYS; i++) {
        struct pair pair;
        pthread_t thread;
        pair_open(&pair, &ways[i / 2], versions[i % 2], versions[i % 2]);
        struct peer *ends[] = {&pair.asker, &pair.answerer, &pair.asker};
        for (int way = 0; way < 2; way++) {
            struct burst burst = {ends[way], 1000};
            pthread_create(&thread, NULL, send_burst, &burst);
            for (uint32_t k = 0, got; k < 1000; k++)
                cr_assert(peer_receive(ends[way + 1], &got, sizeof got, 10000) == sizeof got && got == k);
            pthread_join(thread, NULL);
            cr_assert(peer_await_sent(ends[way], 1000));
        }
        pair_close(&pair);
    }
}

/* ---- peers that do not take, and that are gone --------------------------------------------------------------------- */

/* A peer over a plain socket: it takes nothing until it is told to. */
static int connect_plainly(uint16_t protocol)
{
    const uint8_t hello[8] = {0, 'S', 'P', 0, 0, (uint8_t)protocol, 0, 0};
    uint8_t theirs[8];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)atoi(strrchr(own_url(&ways[0]), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    cr_assert(write(fd, hello, 8) == 8 && recv(fd, theirs, 8, MSG_WAITALL) == 8);
    return fd;
}

/* Asks over a plain socket; returns the way back as the answerer saw it. */
static int ask_plainly(struct pair *pair, uint16_t protocol, struct leat_packet *way_back)
{
    const uint8_t message[] = {0, 0, 0, 0, 0, 0, 0, 6, 0x80, 9, 9, 9, 'h', 'i'};
    char body[8];
    int fd = connect_plainly(protocol);
    cr_assert(write(fd, message, sizeof message) == sizeof message);
    cr_assert(peer_receive_raw(&pair->answerer, way_back, body, sizeof body, 10000) == 2);
    cr_assert(peer_await_connected(&pair->answerer, 2)); /* nng may tell of it only now */
    return fd;
}

static uint64_t failed(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    uint64_t count = peer->failed;
    pthread_mutex_unlock(&peer->lock);
    return count;
}

static bool await_failed(struct peer *peer, uint64_t count)
{
    for (int i = 0; i < 10000 && failed(peer) < count; i++)
        usleep(1000);
    return failed(peer) >= count;
}

#define SURVEYOR_NUMBER 0x62
#define REQUESTER_NUMBER 0x30
#define BUS_NUMBER 0x70
#define LARGE ((size_t)1 << 20)

static void expect_a_stalled_peer_not_to_matter(uint32_t asks, uint32_t answers, uint16_t protocol)
{
    struct pair pair;
    struct leat_packet stalled, healthy;
    char *large = calloc(1, LARGE), body[8];
    pair_open(&pair, &ways[0], asks, answers);
    ask(&pair, &healthy);
    int fd = ask_plainly(&pair, protocol, &stalled);
    for (int i = 0; i < 200; i++)
        cr_assert(peer_send_raw(&pair.answerer, stalled.header, stalled.header_len, large, LARGE));
    for (uint32_t i = 0; i < 500; i++) {
        cr_assert(peer_send_raw(&pair.answerer, healthy.header, healthy.header_len, &i, sizeof i));
        cr_assert(peer_receive(&pair.asker, body, sizeof body, 10000) == sizeof i && memcmp(body, &i, sizeof i) == 0);
    }
    cr_assert(await_failed(&pair.answerer, 100), "what the stalled peer did not take was said to be sent");
    cr_assert(pair.answerer.sends[199 % PEER_SENDS].status == 0); /* of a healthy one by now */
    close(fd);
    pair_close(&pair);
    free(large);
}

Test(pace, a_surveyor_that_takes_nothing_does_not_hold_up_another)
{
    expect_a_stalled_peer_not_to_matter(LEAT_ROLE_SURVEYOR, LEAT_ROLE_RESPONDENT, SURVEYOR_NUMBER);
}

Test(pace, a_requester_that_takes_nothing_does_not_hold_up_another)
{
    expect_a_stalled_peer_not_to_matter(LEAT_ROLE_REQUESTER, LEAT_ROLE_REPLIER, REQUESTER_NUMBER);
}

/* The healthy peer loses nothing, and is held up once. */
Test(pace, a_bus_peer_that_takes_nothing_does_not_hold_up_another)
{
    struct pair pair;
    char *large = calloc(1, LARGE);
    pair_open(&pair, &ways[0], LEAT_ROLE_BUS, LEAT_ROLE_BUS);
    int fd = connect_plainly(BUS_NUMBER);
    cr_assert(peer_await_connected(&pair.answerer, 2));
    for (uint32_t i = 0, got; i < 300; i++) {
        memcpy(large, &i, sizeof i);
        cr_assert(peer_send(&pair.answerer, large, LARGE));
        cr_assert(peer_receive(&pair.asker, &got, sizeof got, 10000) == (int64_t)LARGE && got == i);
    }
    cr_assert(peer_await_sent(&pair.answerer, 300) && failed(&pair.answerer) == 0);
    close(fd);
    pair_close(&pair);
    free(large);
}

Test(pace, a_bus_whose_only_peer_takes_nothing_says_so)
{
    struct plug plug;
    struct peer bus;
    char *large = calloc(1, LARGE);
    plug_init(&plug, "tcp", "");
    peer_open(&bus, &plug, LEAT_ROLE_BUS, 0);
    peer_listen(&bus, &plug, own_url(&ways[0]));
    int fd = connect_plainly(BUS_NUMBER);
    cr_assert(peer_await_connected(&bus, 1));
    for (int i = 0; i < 200; i++)
        cr_assert(peer_send(&bus, large, LARGE));
    cr_assert(await_failed(&bus, 1));
    cr_assert(bus.sends[199 % PEER_SENDS].status == -EAGAIN);
    close(fd);
    peer_close(&bus);
    plug_fini(&plug);
    free(large);
}

Test(pace, an_answer_to_a_peer_that_is_gone_is_refused)
{
    struct pair pair;
    struct leat_packet way_back;
    pair_open(&pair, &ways[0], LEAT_ROLE_REQUESTER, LEAT_ROLE_REPLIER);
    close(ask_plainly(&pair, REQUESTER_NUMBER, &way_back));
    cr_assert(peer_await_connected(&pair.answerer, 1));
    cr_assert(peer_send_raw(&pair.answerer, way_back.header, way_back.header_len, "late", 4));
    cr_assert(await_failed(&pair.answerer, 1) && pair.answerer.sends[0].status == -ENOTCONN);
    pair_close(&pair);
}

/* ---- the end ------------------------------------------------------------------------------------------------------- */

static void *close_socket(void *of)
{
    const struct peer *peer = of;
    peer->ops->close(peer->socket);
    return NULL;
}

/* The close itself may not end: nng's reaper may wait for half a message (#1219). */
Test(pace, what_is_held_at_the_close_is_cancelled_once)
{
    static struct pair pair; /* it outlives an abandoned thread */
    struct leat_packet stalled;
    pthread_t closer;
    char *large = calloc(1, LARGE);
    pair_open(&pair, &ways[0], LEAT_ROLE_SURVEYOR, LEAT_ROLE_RESPONDENT);
    int fd = ask_plainly(&pair, SURVEYOR_NUMBER, &stalled);
    for (int i = 0; i < 32; i++)
        cr_assert(peer_send_raw(&pair.answerer, stalled.header, stalled.header_len, large, LARGE));
    cr_assert(pthread_create(&closer, NULL, close_socket, &pair.answerer) == 0);
    for (int i = 0; i < 10000 && failed(&pair.answerer) + pair.answerer.sent < 32; i++)
        usleep(1000);
    usleep(100000); /* for a completion too many */
    cr_assert(failed(&pair.answerer) + pair.answerer.sent == 32 && failed(&pair.answerer) >= 16);
    int32_t last = pair.answerer.sends[31].status; /* on a busy machine it may have waited in vain before */
    cr_assert(last == -ECANCELED || last == -EAGAIN, "%d", last);
    close(fd);
    pthread_detach(closer);
    free(large);
}
