/* Every transport of nng: order, whole messages, peers, limits, refusals, between two sockets of this process. */
#include "peer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <nng/nng.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct way {
    const char *plugin, *url;
};

/* Criterion runs each test in a process of its own; names and ports carry its number, so that test runs do not meet. */
static uint16_t own_port(void)
{
    return (uint16_t)(10000 + getpid() % 20000); /* below those that the kernel gives to diallers */
}

static const char *own_url(const char *pattern)
{
    static char url[128];
    snprintf(url, sizeof url, pattern, strncmp(pattern, "tcp", 3) == 0 ? own_port() : (int)getpid());
    return url;
}

#define TCP_URL own_url("tcp://127.0.0.1:%d")

static const struct way ways[] = {
    {"tcp", "tcp://127.0.0.1:%d"},      {"tcp", "tcp6://[::1]:%d"},          {"ipc", "ipc:///tmp/leat-test-%d.sock"},
    {"ipc", "abstract://leat-test-%d"}, {"inproc", "inproc://leat-test-%d"},
};
#define WAYS (sizeof ways / sizeof ways[0])

static void carry(const struct way *way, uint32_t from, uint32_t to, uint64_t count)
{
    struct plug plug;
    struct peer sender, receiver;
    const char *url = own_url(way->url);
    plug_init(&plug, way->plugin, "");
    peer_open(&sender, &plug, from, from == LEAT_ROLE_PUBLISHER ? 8192 : 0);
    peer_open(&receiver, &plug, to, 8192);
    peer_listen(&sender, &plug, url);
    peer_dial(&receiver, &plug, url);
    cr_assert(peer_await_connected(&sender, 1), "%s", url);
    for (uint64_t i = 0; i < count; i++)
        cr_assert(peer_send(&sender, &i, sizeof i), "%s message %lu", url, i);
    for (uint64_t i = 0, got; i < count; i++) {
        int64_t len = peer_receive(&receiver, &got, sizeof got, 10000);
        cr_assert(len == sizeof got, "%s message %lu: %ld", url, i, len);
        cr_assert(got == i, "%s: %lu instead of %lu", url, got, i);
    }
    cr_assert(peer_await_sent(&sender, count));
    peer_close(&receiver);
    peer_close(&sender);
    plug_fini(&plug);
}

Test(transport, carries_what_is_published_in_order)
{
    for (size_t i = 0; i < WAYS; i++)
        carry(&ways[i], LEAT_ROLE_PUBLISHER, LEAT_ROLE_SUBSCRIBER, 5000);
}

static void *drain(void *of)
{
    struct peer *receiver = of;
    for (uint64_t i = 0, got; i < 20000; i++)
        if (peer_receive(receiver, &got, sizeof got, 10000) != sizeof got || got != i)
            return (void *)"out of order";
    return NULL;
}

Test(transport, carries_what_is_pushed_in_order_with_64_in_flight)
{
    for (size_t i = 0; i < WAYS; i++) {
        struct plug plug;
        struct peer sender, receiver;
        const char *url = own_url(ways[i].url);
        pthread_t thread;
        void *complaint;
        plug_init(&plug, ways[i].plugin, "");
        peer_open(&sender, &plug, LEAT_ROLE_PUSHER, 0);
        peer_open(&receiver, &plug, LEAT_ROLE_PULLER, 0);
        peer_listen(&receiver, &plug, url);
        peer_dial(&sender, &plug, url);
        pthread_create(&thread, NULL, drain, &receiver);
        for (uint64_t k = 0; k < 20000; k++)
            cr_assert(peer_send(&sender, &k, sizeof k));
        pthread_join(thread, &complaint);
        cr_assert(!complaint, "%s", url);
        cr_assert(peer_await_sent(&sender, 20000));
        cr_assert(sender.failed == 0);
        peer_close(&sender);
        peer_close(&receiver);
        plug_fini(&plug);
    }
}

Test(transport, carries_empty_and_large_messages_whole)
{
    static char large[1 << 20], got[1 << 20];
    struct plug plug;
    struct peer sender, receiver;
    plug_init(&plug, "tcp", "");
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 7 % 251);
    peer_open(&sender, &plug, LEAT_ROLE_PUSHER, 0);
    peer_open(&receiver, &plug, LEAT_ROLE_PULLER, 0);
    peer_listen(&receiver, &plug, TCP_URL);
    peer_dial(&sender, &plug, TCP_URL);
    cr_assert(peer_send(&sender, "", 0) && peer_send(&sender, large, sizeof large) && peer_send(&sender, "x", 1));
    cr_assert(peer_receive(&receiver, got, sizeof got, 10000) == 0);
    cr_assert(peer_receive(&receiver, got, sizeof got, 10000) == sizeof large);
    cr_assert(memcmp(got, large, sizeof large) == 0);
    cr_assert(peer_receive(&receiver, got, sizeof got, 10000) == 1);
    peer_close(&sender);
    peer_close(&receiver);
    plug_fini(&plug);
}

static int queue_length(const struct peer *peer, const char *option)
{
    int length = -1;
    nng_socket socket = {.id = (uint32_t)peer->ops->native(peer->socket)};
    cr_assert(nng_socket_get_int(socket, option, &length) == 0);
    return length;
}

Test(transport, queues_shrink_for_large_messages_and_a_peer_that_keeps_up_loses_nothing)
{
    static char large[1 << 20];
    struct plug plug;
    struct peer sender, receiver;
    plug_init(&plug, "tcp", "");
    peer_open(&sender, &plug, LEAT_ROLE_PUBLISHER, 8192);
    peer_open(&receiver, &plug, LEAT_ROLE_SUBSCRIBER, 8192);
    peer_listen(&sender, &plug, TCP_URL);
    peer_dial(&receiver, &plug, TCP_URL);
    cr_assert(peer_await_connected(&sender, 1));
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t got;
        memcpy(large, &i, sizeof i);
        for (int k = 0; k < 20; k++)
            cr_assert(peer_send(&sender, large, k == 0 ? sizeof large : sizeof i));
        for (int k = 0; k < 20; k++)
            cr_assert(peer_receive(&receiver, &got, sizeof got, 10000) > 0 && got == i, "message %u.%d", i, k);
    }
    cr_assert(queue_length(&sender, NNG_OPT_SENDBUF) == 63, "%d", queue_length(&sender, NNG_OPT_SENDBUF));
    cr_assert(queue_length(&receiver, NNG_OPT_RECVBUF) == 63, "%d", queue_length(&receiver, NNG_OPT_RECVBUF));
    peer_close(&receiver);
    peer_close(&sender);
    plug_fini(&plug);
}

Test(transport, one_socket_listens_on_two_transports_of_the_family)
{
    struct plug tcp, ipc;
    struct peer sender, far, near;
    char got[8] = "";
    char url[64];
    snprintf(url, sizeof url, "ipc:///tmp/leat-test-two-%d.sock", getpid());
    plug_init(&tcp, "tcp", "");
    plug_init(&ipc, "ipc", "");
    peer_open(&sender, &tcp, LEAT_ROLE_PUBLISHER, 16);
    peer_open(&far, &tcp, LEAT_ROLE_SUBSCRIBER, 16);
    peer_open(&near, &ipc, LEAT_ROLE_SUBSCRIBER, 16);
    peer_listen(&sender, &tcp, TCP_URL);
    peer_listen(&sender, &ipc, url);
    peer_dial(&far, &tcp, TCP_URL);
    peer_dial(&near, &ipc, url);
    cr_assert(peer_await_connected(&sender, 2));
    peer_send(&sender, "hello", 5);
    cr_assert(peer_receive(&far, got, sizeof got, 10000) == 5 && memcmp(got, "hello", 5) == 0);
    cr_assert(peer_receive(&near, got, sizeof got, 10000) == 5);
    peer_close(&near);
    peer_close(&far);
    peer_close(&sender);
    plug_fini(&tcp);
    plug_fini(&ipc);
}

Test(transport, says_that_a_port_is_in_use)
{
    struct plug plug;
    struct peer first, second;
    char why[256] = "";
    plug_init(&plug, "tcp", "");
    peer_open(&first, &plug, LEAT_ROLE_PULLER, 0);
    peer_open(&second, &plug, LEAT_ROLE_PULLER, 0);
    peer_listen(&first, &plug, TCP_URL);
    cr_assert(peer_attach(&second, &plug, TCP_URL, true, why, sizeof why) == -EADDRINUSE);
    size_t url_len = strlen(TCP_URL);
    cr_assert(strncmp(why, TCP_URL, url_len) == 0 && strcmp(why + url_len, ": the port is already in use") == 0, "%s",
              why);
    peer_close(&second);
    peer_close(&first);
    plug_fini(&plug);
}

Test(transport, a_name_of_inproc_is_taken_only_once)
{
    struct plug plug;
    struct peer first, second;
    char why[256] = "";
    plug_init(&plug, "inproc", "");
    peer_open(&first, &plug, LEAT_ROLE_PULLER, 0);
    peer_open(&second, &plug, LEAT_ROLE_PULLER, 0);
    peer_listen(&first, &plug, "inproc://taken");
    cr_assert(peer_attach(&second, &plug, "inproc://taken", true, why, sizeof why) == -EADDRINUSE);
    cr_assert(strstr(why, "another bridge of this worker"), "%s", why);
    peer_close(&second);
    peer_close(&first);
    plug_fini(&plug);
}

Test(transport, tells_how_many_peers_are_connected)
{
    struct plug plug;
    struct peer publisher, subscribers[3];
    plug_init(&plug, "tcp", "");
    peer_open(&publisher, &plug, LEAT_ROLE_PUBLISHER, 16);
    peer_listen(&publisher, &plug, TCP_URL);
    for (uint32_t i = 0; i < 3; i++) {
        peer_open(&subscribers[i], &plug, LEAT_ROLE_SUBSCRIBER, 16);
        peer_dial(&subscribers[i], &plug, TCP_URL);
        cr_assert(peer_await_connected(&publisher, i + 1));
    }
    peer_close(&subscribers[1]);
    cr_assert(peer_await_connected(&publisher, 2));
    peer_close(&subscribers[0]);
    peer_close(&subscribers[2]);
    cr_assert(peer_await_connected(&publisher, 0));
    peer_close(&publisher);
    plug_fini(&plug);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* nng may tell of a pipe's end before it tells of its beginning. */
Test(transport, peers_that_leave_at_once_do_not_count_for_ever)
{
    static const unsigned char greeting[8] = {0, 'S', 'P', 0, 0, 0x21, 0, 0};
    struct plug plug;
    struct peer publisher;
    plug_init(&plug, "tcp", "");
    peer_open(&publisher, &plug, LEAT_ROLE_PUBLISHER, 16);
    peer_listen(&publisher, &plug, TCP_URL);
    for (int i = 0; i < 3000; i++) {
        int fd = connect_to(own_port());
        unsigned char answer[8];
        cr_assert(write(fd, greeting, sizeof greeting) == sizeof greeting);
        cr_assert(read(fd, answer, sizeof answer) == sizeof answer);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
        close(fd);
    }
    struct peer last;
    peer_open(&last, &plug, LEAT_ROLE_SUBSCRIBER, 16);
    peer_dial(&last, &plug, TCP_URL);
    cr_assert(peer_await_connected(&last, 1));
    cr_assert(peer_await_connected(&publisher, 1), "%u", publisher.connected);
    peer_close(&last);
    cr_assert(peer_await_connected(&publisher, 0), "%u", publisher.connected);
    peer_close(&publisher);
    plug_fini(&plug);
}

Test(transport, a_peer_of_the_wrong_protocol_never_counts)
{
    struct plug plug;
    struct peer publisher, wrong, right;
    plug_init(&plug, "tcp", "");
    peer_open(&publisher, &plug, LEAT_ROLE_PUBLISHER, 16);
    peer_listen(&publisher, &plug, TCP_URL);
    peer_open(&wrong, &plug, LEAT_ROLE_PUSHER, 0);
    peer_dial(&wrong, &plug, TCP_URL);
    peer_open(&right, &plug, LEAT_ROLE_SUBSCRIBER, 16);
    peer_dial(&right, &plug, TCP_URL);
    cr_assert(peer_await_connected(&publisher, 1));
    peer_close(&wrong);
    peer_close(&right);
    cr_assert(peer_await_connected(&publisher, 0));
    cr_assert(publisher.most_connected == 1);
    peer_close(&publisher);
    plug_fini(&plug);
}

Test(transport, lists_peers_with_real_counters_on_tcp_and_none_on_inproc)
{
    static const struct way two[] = {{"tcp", "tcp://127.0.0.1:%d"}, {"inproc", "inproc://listed"}};
    for (size_t i = 0; i < 2; i++) {
        struct plug plug;
        struct peer sender, receiver;
        struct leat_peer listed[2];
        char got[8];
        plug_init(&plug, two[i].plugin, "");
        peer_open(&sender, &plug, LEAT_ROLE_PUBLISHER, 16);
        peer_open(&receiver, &plug, LEAT_ROLE_SUBSCRIBER, 16);
        peer_listen(&sender, &plug, own_url(two[i].url));
        peer_dial(&receiver, &plug, own_url(two[i].url));
        cr_assert(peer_await_connected(&sender, 1) && peer_await_connected(&receiver, 1));
        for (int k = 0; k < 3; k++)
            peer_send(&sender, "12345", 5);
        for (int k = 0; k < 3; k++)
            cr_assert(peer_receive(&receiver, got, sizeof got, 10000) == 5);
        cr_assert(receiver.ops->list_peers(receiver.socket, listed, 2) == 1);
        bool tcp = i == 0;
        cr_assert(listed[0].counted == tcp);
        cr_assert(listed[0].received_messages == (tcp ? 3 : 0), "%lu", listed[0].received_messages);
        cr_assert(listed[0].received_bytes == (tcp ? 15 : 0));
        cr_assert(strstr(listed[0].address, tcp ? TCP_URL + strlen("tcp://") : "inproc://listed"), "%s",
                  listed[0].address);
        peer_close(&receiver);
        peer_close(&sender);
        plug_fini(&plug);
    }
}

/* ---- hostile peers ----------------------------------------------------------------------------------------------- */

/* A pusher that says how much it is about to send; returns when the listener has hung up. */
static void announce(uint16_t port, uint64_t len)
{
    unsigned char greeting[8] = {0, 'S', 'P', 0, 0, 0x50, 0, 0}, header[8], answer[8];
    for (int i = 0; i < 8; i++)
        header[i] = (unsigned char)(len >> (56 - 8 * i));
    int fd = connect_to(port);
    cr_assert(write(fd, greeting, 8) == 8 && write(fd, header, 8) == 8);
    while (read(fd, answer, sizeof answer) > 0)
        ;
    close(fd);
}

Test(transport, a_length_beyond_all_memory_only_costs_its_sender_the_connection)
{
    struct plug plug;
    struct peer receiver, sender;
    char got[8];
    plug_init(&plug, "tcp", "");
    peer_open_limited(&receiver, &plug, LEAT_ROLE_PULLER, 0, 1000);
    peer_listen(&receiver, &plug, TCP_URL);
    announce(own_port(), UINT64_C(0xffffffffffffffe0));
    announce(own_port(), 1001);
    peer_open(&sender, &plug, LEAT_ROLE_PUSHER, 0);
    peer_dial(&sender, &plug, TCP_URL);
    cr_assert(peer_send(&sender, "fine", 4));
    cr_assert(peer_receive(&receiver, got, sizeof got, 10000) == 4);
    peer_close(&sender);
    peer_close(&receiver);
    plug_fini(&plug);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

Test(transport, everything_submitted_completes_when_the_socket_closes)
{
    struct plug plug;
    struct peer sender;
    plug_init(&plug, "inproc", "");
    peer_open(&sender, &plug, LEAT_ROLE_PUSHER, 0);
    for (int i = 0; i < 10; i++)
        cr_assert(peer_send(&sender, "never", 5));
    peer_close(&sender);
    cr_assert(sender.failed == 10);
    for (int i = 0; i < 10; i++)
        cr_assert(sender.sends[i].status == -ECANCELED, "%d", sender.sends[i].status);
    plug_fini(&plug);
}

Test(transport, the_probe_finds_a_sound_engine)
{
    struct plug plug;
    plug_init(&plug, "tcp", "");
    for (int i = 0; i < 20; i++)
        cr_assert(plug.plugin->transport->probe(&plug.host, INT64_C(5000000000)) == 0);
    plug_fini(&plug);
}

Test(transport, a_role_that_nng_lacks_is_not_supported)
{
    struct plug plug;
    void *socket;
    struct leat_socket_request request = {.size = sizeof request, .role = 99, .depth = 1, .receive_limit = 1};
    plug_init(&plug, "tcp", "");
    cr_assert(plug.plugin->transport->open(&socket, &plug.host, &request) == -ENOTSUP);
    request.role = LEAT_ROLE_PULLER;
    request.receive_limit = 0;
    cr_assert(plug.plugin->transport->open(&socket, &plug.host, &request) == -EINVAL);
    plug_fini(&plug);
}
